"""Rows that the topic itself holds twice, or out of order: the table holds each once, and all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.names import source_transaction_id
from flink_jobs import commit as commit_module
from flink_jobs.commit import LakeTable, behind, firsts, identity, lanes
from tests.flink_jobs.messages import valid
from tests.flink_jobs.test_commit import ANY, TOPIC, Place, opened, parse, run, stored


def add(table: LakeTable, partition: int, first: int, sources: Sequence[Place]) -> int:
    """Messages of one partition of the topic from offset `first` on; `sources`: where their events lay."""
    payloads = [valid(ANY, offset, source, offset) for source, offset in sources]
    offsets = np.arange(first, first + len(sources))
    return table.commit(lambda: parse(ANY, payloads), np.full(len(sources), partition), offsets)


def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each look into the table was about, as they happen."""
    real, found = commit_module.present, list[int]()

    def noted(table: DeltaTable, sources: Any, offsets: Any) -> Any:
        found.append(len(offsets))
        return real(table, sources, offsets)

    monkeypatch.setattr(commit_module, "present", noted)
    return found


def test_a_topic_that_begins_again_adds_nothing(tmp_path: Path) -> None:
    """A job that lost its newest checkpoint writes its rows again, cut otherwise, and then goes on."""
    table = opened(tmp_path)
    both = [place for offset in range(10) for place in ((0, offset), (1, offset))]
    assert add(table, 0, 0, both) == 20
    assert add(table, 0, 20, both[4:11]) == 0
    assert add(opened(tmp_path), 0, 27, [*both[11:], (0, 10), (1, 10), (0, 10)]) == 2
    assert stored(table) == run(0, 0, 11) + run(1, 0, 11)


def test_a_row_that_comes_late_is_not_taken_for_a_repeat(tmp_path: Path) -> None:
    """Features leave in the order of event time: a mark alone would lose those that were overtaken."""
    table = opened(tmp_path)
    assert add(table, 0, 0, [(0, 5), (0, 1), (0, 9)]) == 3
    assert add(table, 0, 3, [(0, 0), (0, 9), (0, 2), (0, 1), (0, 2), (0, 3)]) == 3
    assert stored(table) == [(0, offset) for offset in (0, 1, 2, 3, 5, 9)]


def test_in_order_nothing_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = looked_up(monkeypatch)
    table = opened(tmp_path)
    for n in range(4):
        add(table, 0, n * 10, [(n % 2, offset) for offset in range(n * 10, n * 10 + 10)])
    assert found == []
    add(table, 0, 40, [(1, 7), (1, 40), (1, 41)])
    assert found == [1], "only the one that did not pass those before it"


def test_only_files_that_can_hold_a_repeat_are_read(tmp_path: Path) -> None:
    table = opened(tmp_path)
    for n in range(5):
        add(table, 0, n * 10, run(0, n * 10, n * 10 + 10))
    files = sorted(Path(table.uri).rglob("*.parquet"), key=lambda file: file.stat().st_mtime_ns)
    assert len(files) == 5
    for file in (*files[:2], *files[3:]):
        file.unlink()
    assert add(table, 0, 50, run(0, 22, 28)) == 0


def test_a_repeat_is_known_after_compaction(tmp_path: Path) -> None:
    table = opened(tmp_path)
    for n in range(4):
        add(table, 0, n * 5, run(0, n * 5, n * 5 + 5))
    DeltaTable(table.uri).optimize.compact()
    assert add(table, 0, 20, run(0, 3, 22)) == 2
    assert stored(table) == run(0, 0, 22)


def test_a_commit_marks_the_next_source_offset_per_lane(tmp_path: Path) -> None:
    table = opened(tmp_path)
    add(table, 3, 0, [(0, 4), (1, 7), (0, 2)])
    add(table, 3, 3, [(0, 1)])
    now = DeltaTable(table.uri)
    assert [now.transaction_version(source_transaction_id(TOPIC, 3, source)) for source in (0, 1)] == [5, 8]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_with_any_repeats_gives_each_row_once(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    table = opened(tmp_path_factory.mktemp("lake"))
    places = st.tuples(st.integers(0, 2), st.integers(0, 12))
    sent: set[Place] = set()
    at = {0: 0, 1: 0}
    for batch in data.draw(st.lists(st.lists(places, max_size=15), max_size=6), "batches"):
        # An event lies in one partition of the topic, however often.
        for partition in (0, 1):
            mine = [place for place in batch if sum(place) % 2 == partition]
            assert add(table, partition, at[partition], mine) == len(set(mine) - sent)
            at[partition] += len(mine)
            sent |= set(mine)
    assert stored(table) == sorted(sent)


def test_who_is_behind() -> None:
    partitions = np.array([0, 0, 1, 0, 0, 1, 0])
    sources = np.array([0, 1, 0, 0, 0, 0, 1])
    offsets = np.array([5, 5, 5, 5, 9, 4, 6])
    found, ends = behind(partitions, sources, offsets, {(0, 1): 6})
    assert found.tolist() == [False, True, False, True, False, True, False]
    assert ends == {(0, 0): 10, (0, 1): 7, (1, 0): 6}
    assert lanes(partitions, sources) == [(0, 0), (0, 1), (1, 0)]
    assert firsts(identity(sources, offsets)).tolist() == [True, True, False, False, True, True, True]
