"""The audit finds what is planted: a lost row, a doubled one, one in both tables, one on its way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import typer
from deltalake import write_deltalake
from hypothesis import given
from hypothesis import strategies as st

from core import names
from core.applications import APPLICATIONS
from core.names import Table
from core.settings import Settings
from infra import audit as auditing
from infra.audit import Unaudited, audit_application, compare, report, table_keys


def offsets(*values: int) -> auditing.Offsets:
    return np.array(values, dtype=np.int64)


def test_all_is_there() -> None:
    one = compare(5, offsets(0, 1, 4), offsets(3, 2))
    assert (one.produced, one.valid, one.rejected, one.delta) == (5, 3, 2, 3)
    assert (one.in_flight, one.missing, one.duplicates) == (0, 0, 0)
    assert one.exact


def test_an_empty_partition_is_exact() -> None:
    assert compare(0, offsets(), offsets()).exact


def test_a_lost_row_is_missing_and_named() -> None:
    one = compare(10, offsets(0, 1, 5, 6, 7, 9), offsets(2))
    assert (one.missing, one.in_flight) == (3, 0)
    assert one.gaps == ((3, 4), (8, 8))
    assert not one.exact


def test_the_first_row_can_be_missing() -> None:
    assert compare(3, offsets(1, 2), offsets()).gaps == ((0, 0),)


def test_a_row_twice_is_a_duplicate_in_one_table_or_over_both() -> None:
    one = compare(4, offsets(0, 1, 1, 1), offsets(2, 3, 0))
    assert (one.duplicates, one.repeated) == (3, (0, 1))
    assert (one.valid, one.delta, one.rejected, one.missing) == (2, 4, 3, 0)
    assert not one.exact


def test_what_comes_after_all_others_is_in_flight() -> None:
    one = compare(10, offsets(0, 1, 2), offsets(3))
    assert (one.in_flight, one.missing) == (6, 0)
    assert one.exact
    assert compare(7, offsets(), offsets()).in_flight == 7


def test_rows_produced_after_the_call_do_not_count_unless_they_are_double() -> None:
    one = compare(2, offsets(0, 1, 2, 3), offsets(4))
    assert (one.produced, one.valid, one.delta, one.rejected) == (2, 2, 2, 0)
    assert one.exact
    assert compare(2, offsets(0, 1, 3, 3), offsets()).duplicates == 1


@given(
    end=st.integers(0, 40),
    lost=st.sets(st.integers(0, 39)),
    twice=st.sets(st.integers(0, 39)),
    rejected=st.sets(st.integers(0, 39)),
)
def test_any_faults_are_counted(end: int, lost: set[int], twice: set[int], rejected: set[int]) -> None:
    kept = [n for n in range(end) if n not in lost]
    events = [n for n in kept if n not in rejected]
    doubled = [n for n in kept if n in twice]
    one = compare(end, offsets(*events, *doubled), offsets(*(n for n in kept if n in rejected)))
    assert one.missing + one.in_flight == end - len(kept)
    assert one.in_flight == (end - 1 - max(kept) if kept else end)
    assert one.duplicates == len(doubled)
    assert one.exact == (not doubled and one.missing == 0)


def test_a_partition_that_only_the_tables_know_is_seen() -> None:
    audits = audit_application({0: 1}, {0: offsets(0), 7: offsets(3)}, {})
    assert set(audits) == {0, 7}


def test_what_did_not_arrive_in_time_is_an_error_only_after_a_wait() -> None:
    audits = {"app": {0: compare(3, offsets(0), offsets())}}
    assert report(audits, waited=False)["exact"]
    assert not report(audits, waited=True)["exact"]


def write(lake: Path, application: str, table: Table, keys: list[tuple[int, int]]) -> None:
    data = {
        names.SOURCE_PARTITION: pa.array([p for p, _ in keys], pa.int32()),
        names.SOURCE_OFFSET: pa.array([o for _, o in keys], pa.int64()),
        "other": pa.array(["x"] * len(keys)),
    }
    write_deltalake(f"{lake}/{names.table_path(application, table)}", pa.table(data), mode="append")


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tables with ten events each, of which the last is a reject, and a broker that says so."""
    lake = tmp_path / "lake"
    for name in APPLICATIONS:
        write(lake, name, Table.EVENTS, [(0, n) for n in range(9)])
        write(lake, name, Table.REJECTS, [(0, 9)])
        write(lake, name, Table.FEATURES, [(0, n) for n in range(7)])
    monkeypatch.setattr(auditing, "end_offsets", lambda url, name: {0: 10})
    monkeypatch.setattr(auditing, "load", lambda: Settings(var=tmp_path))
    return lake


def run(capsys: pytest.CaptureFixture[str], *, as_json: bool = True, wait: float = 0) -> tuple[int, str]:
    with pytest.raises(typer.Exit) as ended:
        auditing.main(as_json=as_json, wait=wait)
    return ended.value.exit_code, capsys.readouterr().out


def test_the_command_ends_with_0_when_all_is_exact(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys)
    assert code == 0
    body = json.loads(out)
    assert body["exact"] is True
    for name in APPLICATIONS:
        total = body["applications"][name]["total"]
        assert (total["produced"], total["valid"], total["rejected"], total["delta"]) == (10, 9, 1, 9)
        assert (total["features"], total["feature_duplicates"]) == (7, 0)


def test_the_command_ends_with_1_and_names_what_is_wrong(
    stack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, *_ = APPLICATIONS
    write(stack, first, Table.EVENTS, [(0, 4)])
    write(stack, second, Table.EVENTS, [(1, 2)])
    code, out = run(capsys)
    assert code == 1
    body = json.loads(out)["applications"]
    assert body[first]["partitions"]["0"]["repeated"] == [4]
    code, out = run(capsys, as_json=False)
    assert code == 1
    assert "more than once: offset 4" in out
    assert "NOT exact" in out


def test_features_may_be_behind_but_never_twice(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, *_ = APPLICATIONS
    write(stack, first, Table.FEATURES, [(0, 9), (3, 5)])
    code, out = run(capsys)
    assert code == 0
    assert json.loads(out)["applications"][first]["total"]["features"] == 7, "only those of valid events"
    write(stack, first, Table.FEATURES, [(0, 6)])
    code, out = run(capsys)
    assert code == 1
    assert json.loads(out)["applications"][first]["partitions"]["0"]["feature_duplicates"] == 1


def test_it_waits_for_what_is_on_its_way(
    stack: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "end_offsets", lambda url, name: {0: 11})
    monkeypatch.setattr(auditing, "POLL_SECONDS", 0.01)
    real, looks = auditing.table_keys, 0

    def later(lake: str, application: str, table: Table) -> auditing.Keys:
        nonlocal looks
        looks += 1
        if looks == 4 * len(APPLICATIONS):
            for name in APPLICATIONS:
                write(stack, name, Table.EVENTS, [(0, 10)])
        return real(lake, application, table)

    monkeypatch.setattr(auditing, "table_keys", later)
    assert run(capsys, wait=20)[0] == 0
    monkeypatch.setattr(auditing, "end_offsets", lambda url, name: {0: 12})
    assert run(capsys, wait=0)[0] == 0
    assert run(capsys, wait=0.1)[0] == 1


def test_a_table_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unaudited, match="there is no table"):
        table_keys(str(tmp_path), next(iter(APPLICATIONS)), Table.EVENTS)
