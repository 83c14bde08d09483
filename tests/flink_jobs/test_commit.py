"""The map of `lakehouse` against real tables: every row once, whatever is replayed or races."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.applications import APPLICATIONS
from core.declaration import Application
from core.names import EVENT_DATE, SOURCE_OFFSET, SOURCE_PARTITION, Table, transaction_id
from core.schemas import TABLES, events_schema, table_spec
from flink_jobs import commit as commit_module
from flink_jobs.commit import CommitMap, LakeTable, fresh, next_offsets
from flink_jobs.rows import from_json
from flink_jobs.tables import CONFIGURATION, create, create_all, table_uri
from tests.flink_jobs.messages import valid

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=list(APPLICATIONS))
ANY = next(iter(APPLICATIONS.values()))
TOPIC = "topic"
EVENTS = table_spec(Table.EVENTS)

Place = tuple[int, int]
"""Partition and offset in the topic; a test's event has the same ones as its source."""


def parse(application: Application, payloads: Sequence[bytes]) -> pa.Table:
    return from_json(EVENTS, application, payloads)


def opened(lake: Path, application: Application = ANY) -> LakeTable:
    create(str(lake), application, EVENTS)
    return LakeTable(TOPIC, table_uri(str(lake), application.name, Table.EVENTS))


def add(table: LakeTable, places: Sequence[Place]) -> int:
    payloads = [valid(ANY, o, p, o) for p, o in places]
    partitions, offsets = (np.array([place[n] for place in places], dtype=np.int64) for n in (0, 1))
    return table.commit(lambda: parse(ANY, payloads), partitions, offsets)


def stored(table: LakeTable) -> list[Place]:
    rows = pa.table(DeltaTable(table.uri).to_pyarrow_table(columns=[SOURCE_PARTITION, SOURCE_OFFSET]))
    return sorted(zip(rows[SOURCE_PARTITION].to_pylist(), rows[SOURCE_OFFSET].to_pylist(), strict=True))


def run(partition: int, start: int, end: int) -> list[Place]:
    return [(partition, offset) for offset in range(start, end)]


@EVERY
def test_rows_read_back_as_they_were_sent(application: Application, tmp_path: Path) -> None:
    table = opened(tmp_path, application)
    payloads = [valid(application, n, 0, n, days_ago=n % 3) for n in range(30)]
    assert table.commit(lambda: parse(application, payloads), np.zeros(30, np.int64), np.arange(30)) == 30
    rows = DeltaTable(table.uri).to_pyarrow_table().sort_by(SOURCE_OFFSET)
    assert set(rows.schema.names) == set(events_schema(application).names)
    time = application.event_time.name
    for row, payload in zip(rows.to_pylist(), payloads, strict=True):
        event = json.loads(payload)
        event[time] = datetime.fromisoformat(event[time])
        assert row.pop(EVENT_DATE) == event[time].date()
        assert row == event
    assert len(DeltaTable(table.uri).partitions()) == 3


@EVERY
def test_a_parsed_batch_has_the_schema_of_the_table(application: Application) -> None:
    rows = parse(application, [valid(application, 1, 0, 0)])
    assert rows.schema.equals(events_schema(application))


def test_a_field_that_is_not_declared_is_an_error_and_not_dropped() -> None:
    body = valid(ANY, 1, 0, 0)
    with pytest.raises(pa.ArrowInvalid, match="unexpected field"):
        parse(ANY, [body[:-1] + b',"surplus":1}'])


def test_a_batch_is_one_commit_with_the_next_offset_of_each_partition(tmp_path: Path) -> None:
    table = opened(tmp_path)
    before = DeltaTable(table.uri).version()
    assert add(table, [(1, 5), (0, 10), (1, 6), (0, 11), (2, 0)]) == 5
    after = DeltaTable(table.uri)
    assert after.version() == before + 1
    assert [after.transaction_version(transaction_id(TOPIC, p)) for p in range(4)] == [12, 7, 1, None]


def test_a_replay_adds_nothing_and_makes_no_commit(tmp_path: Path) -> None:
    table = opened(tmp_path)
    batch = run(0, 0, 20) + run(1, 0, 20)
    assert add(table, batch) == 40
    version = DeltaTable(table.uri).version()
    assert add(table, batch) == 0
    assert add(opened(tmp_path), batch) == 0
    assert DeltaTable(table.uri).version() == version
    assert stored(table) == sorted(batch)


def test_a_replay_cut_in_other_batches_adds_only_what_is_new(tmp_path: Path) -> None:
    table = opened(tmp_path)
    add(table, run(0, 0, 10) + run(1, 0, 4))
    again = opened(tmp_path)
    assert add(again, [(1, 2), (0, 8), (1, 3), (0, 9), (1, 4), (0, 10), (1, 5)]) == 3
    assert add(again, run(0, 5, 15)) == 4
    assert stored(table) == run(0, 0, 15) + run(1, 0, 6)


def test_a_replay_of_old_rows_of_one_partition_does_not_move_another_back(tmp_path: Path) -> None:
    table = opened(tmp_path)
    add(table, run(0, 0, 10) + run(1, 0, 10))
    assert add(opened(tmp_path), run(0, 0, 3) + run(1, 10, 12)) == 2
    now = DeltaTable(table.uri)
    assert [now.transaction_version(transaction_id(TOPIC, p)) for p in (0, 1)] == [10, 12]


def test_an_empty_batch_is_nothing(tmp_path: Path) -> None:
    table = opened(tmp_path)
    assert add(table, []) == 0
    assert DeltaTable(table.uri).version() == 0


def test_killed_between_commit_and_return(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are in, the caller never hears of it, and its successor sends them again."""
    real = write_deltalake

    def dies(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(commit_module, "write_deltalake", dies)
    with pytest.raises(KeyboardInterrupt):
        add(opened(tmp_path), run(0, 0, 5))
    monkeypatch.undo()
    successor = opened(tmp_path)
    assert add(successor, run(0, 0, 8)) == 3
    assert stored(successor) == run(0, 0, 8)


def test_two_writers_of_the_same_offsets_write_them_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker outlives its TaskManager and commits after its successor looked at the table."""
    old, new = opened(tmp_path), opened(tmp_path)
    real = write_deltalake
    raced = False

    def overtaken(*args: Any, **kwargs: Any) -> None:
        nonlocal raced
        if not raced:
            raced = True
            add(old, run(0, 0, 6))
        real(*args, **kwargs)

    monkeypatch.setattr(commit_module, "write_deltalake", overtaken)
    assert add(new, run(0, 0, 10)) == 4
    assert raced
    assert stored(new) == run(0, 0, 10)


def test_a_writer_that_always_loses_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = opened(tmp_path)
    tries = 0

    def refused(*args: Any, **kwargs: Any) -> None:
        nonlocal tries
        tries += 1
        raise CommitFailedError("lost")

    monkeypatch.setattr(commit_module, "write_deltalake", refused)
    monkeypatch.setattr(commit_module, "PAUSE_SECONDS", 0.001)
    with pytest.raises(CommitFailedError):
        add(table, run(0, 0, 2))
    assert tries == commit_module.ATTEMPTS
    monkeypatch.undo()
    assert add(table, run(0, 0, 2)) == 2


def test_compaction_between_commits_loses_nothing(tmp_path: Path) -> None:
    table = opened(tmp_path)
    for n in range(6):
        add(table, run(0, n * 5, n * 5 + 5))
        if n % 2:
            assert DeltaTable(table.uri).optimize.compact()["numFilesRemoved"]
    assert add(table, run(0, 20, 32)) == 2
    assert stored(table) == run(0, 0, 32)


def test_compaction_during_a_commit_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is compacted after the writer looked and before it commits; and the other way round."""
    table = opened(tmp_path)
    add(table, run(0, 0, 3))
    add(table, run(0, 3, 6))
    real = write_deltalake

    def compacted_first(*args: Any, **kwargs: Any) -> None:
        DeltaTable(table.uri).optimize.compact()
        real(*args, **kwargs)

    monkeypatch.setattr(commit_module, "write_deltalake", compacted_first)
    add(table, run(0, 6, 9))
    monkeypatch.undo()
    slow = DeltaTable(table.uri)
    add(table, run(0, 9, 12))
    slow.optimize.compact()
    assert stored(table) == run(0, 0, 12)
    assert add(table, run(0, 0, 12)) == 0


def test_the_log_is_checkpointed_and_offsets_survive_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CONFIGURATION, "delta.checkpointInterval", "5")
    table = opened(tmp_path)
    for n in range(11):
        add(table, [(0, n)])
    log = Path(table.uri) / "_delta_log"
    assert len(list(log.glob("*.checkpoint.parquet"))) == 2
    for commit in log.glob("*.json"):
        if int(commit.stem) < 10:
            commit.unlink()  # as the upkeep of the log does, in time
    assert DeltaTable(table.uri).transaction_version(transaction_id(TOPIC, 0)) == 11
    assert add(opened(tmp_path), run(0, 5, 13)) == 2
    assert stored(table) == run(0, 0, 13)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_faults_at_any_batch_leave_every_row_once(data: st.DataObject, tmp_path_factory: Any) -> None:
    """A stream of two partitions, read in batches of any size, sent back to any earlier point at any time."""
    table = opened(tmp_path_factory.mktemp("lake"))
    ends = {0: 14, 1: 9}
    at = {0: 0, 1: 0}
    for _ in range(data.draw(st.integers(0, 4), "faults")):
        for _ in range(data.draw(st.integers(0, 3), "batches")):
            upto = {p: data.draw(st.integers(at[p], ends[p]), f"read {p}") for p in at}
            add(table, [place for p in at for place in run(p, at[p], upto[p])])
            at = upto
        at = {p: data.draw(st.integers(0, at[p]), f"restart {p}") for p in at}
        table = LakeTable(table.topic, table.uri)
    add(table, [place for p in at for place in run(p, at[p], ends[p])])
    assert stored(table) == [place for p in ends for place in run(p, 0, ends[p])]


def test_offsets_by_partition() -> None:
    partitions, offsets = np.array([2, 0, 2, 0]), np.array([5, 9, 6, 8])
    assert next_offsets(partitions, offsets) == {0: 10, 2: 7}
    assert fresh(partitions, offsets, {0: 9, 2: 0}).tolist() == [True, True, True, False]


def test_the_map_returns_a_row_per_message(tmp_path: Path) -> None:
    create(str(tmp_path), ANY, EVENTS)
    uri = table_uri(str(tmp_path), ANY.name, Table.EVENTS)
    payloads = [valid(ANY, n, 0, n) for n in range(4)]
    frame = pd.DataFrame({"key": [b"k"] * 4, "payload": payloads, "p": [0] * 4, "o": range(4)})
    commit = CommitMap(ANY.name, Table.EVENTS, TOPIC, uri)
    assert commit(frame)["o"].tolist() == [0, 1, 2, 3]
    assert commit(frame.iloc[:0]).empty
    assert DeltaTable(uri).count() == 4


def test_tables_are_made_once_and_partitioned_by_day(tmp_path: Path) -> None:
    made = create_all(str(tmp_path))
    assert len(made) == len(APPLICATIONS) * len(TABLES)
    assert create_all(str(tmp_path)) == []
    for uri in made:
        table = DeltaTable(uri)
        assert table.metadata().partition_columns == [EVENT_DATE]
        assert (table.protocol().min_reader_version, table.protocol().min_writer_version) == (1, 2)
        assert table.metadata().configuration["delta.logRetentionDuration"] == "interval 1 days"
