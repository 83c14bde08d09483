from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from learners.merge import Merge

START = datetime(2026, 11, 1, tzinfo=UTC)


def lesson(partition: int, offset: int, second: float) -> Any:
    return SimpleNamespace(partition=partition, offset=offset, time=START + timedelta(seconds=second))


def where(lessons: list[Any]) -> list[tuple[int, int]]:
    return [(one.partition, one.offset) for one in lessons]


def test_the_earliest_head_comes_first() -> None:
    merge = Merge([0, 1], idle_seconds=2, now=0)
    for one in (lesson(0, 0, 1), lesson(0, 1, 4), lesson(1, 0, 2), lesson(1, 1, 3)):
        merge.add(one, now=0)
    merge.drain(0, 0)
    merge.drain(1, 0)
    assert where(merge.take(0, 100)) == [(0, 0), (1, 0), (1, 1), (0, 1)]


def test_a_partition_without_messages_holds_the_others_back() -> None:
    merge = Merge([0, 1], idle_seconds=2, now=0)
    merge.add(lesson(0, 0, 1), now=0)
    assert merge.take(1.9, 100) == []
    merge.add(lesson(1, 0, 0.5), now=1.9)
    # Lane 1 is empty after its first: what follows there may lie before lane 0's.
    assert where(merge.take(1.9, 100)) == [(1, 0)]


def test_unless_it_is_drained() -> None:
    merge = Merge([0, 1], idle_seconds=2, now=0)
    merge.add(lesson(0, 0, 1), now=0)
    merge.drain(1, now=0.1)
    assert where(merge.take(0.1, 100)) == [(0, 0)]
    assert merge.empty(1)
    assert not merge.empty(0)


def test_or_silent_with_nothing_to_come() -> None:
    merge = Merge([0, 1], idle_seconds=2, now=0)
    merge.expect(1, more=False)
    merge.add(lesson(0, 0, 1), now=1)
    assert merge.take(1.9, 100) == []
    assert where(merge.take(2.0, 100)) == [(0, 0)]


def test_one_that_holds_more_is_waited_for_longer_but_not_for_ever() -> None:
    merge = Merge([0, 1], idle_seconds=2, now=0)
    merge.add(lesson(0, 0, 1), now=1)
    assert merge.take(19.9, 100) == []
    assert where(merge.take(20.0, 100)) == [(0, 0)]


def test_a_message_after_the_end_holds_again() -> None:
    merge = Merge([0, 1], idle_seconds=2, now=0)
    merge.drain(0, 0)
    merge.drain(1, 0)
    merge.add(lesson(1, 0, 5), now=0)
    merge.add(lesson(0, 0, 4), now=0)
    merge.add(lesson(0, 1, 6), now=0)
    assert where(merge.take(0, 100)) == [(0, 0), (1, 0)]
    merge.drain(1, 0.1)
    assert where(merge.take(0.1, 100)) == [(0, 1)]


def test_takes_no_more_than_asked() -> None:
    merge = Merge([0], idle_seconds=2, now=0)
    for n in range(5):
        merge.add(lesson(0, n, n), now=0)
    assert len(merge.take(0, 3)) == 3
    assert merge.waiting(0) == 2


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50)), max_size=60),
    st.lists(st.integers(1, 20), min_size=1, max_size=20),
)
def test_whatever_the_deliveries_all_come_in_time_order(
    events: list[tuple[int, int]], sizes: list[int]
) -> None:
    """With drained signals only at the end, the order is that of event time, whatever arrived first."""
    lanes: dict[int, list[Any]] = {0: [], 1: [], 2: []}
    for partition, second in sorted(events, key=lambda one: one[1]):
        lanes[partition].append(lesson(partition, len(lanes[partition]), second))
    merge, taken = Merge(lanes, idle_seconds=1e9, now=0), []
    queues = {partition: list(lane) for partition, lane in lanes.items()}
    turn = 0
    while any(queues.values()):
        partition = turn % 3
        for one in queues[partition][: sizes[turn % len(sizes)]]:
            merge.add(one, now=0)
        del queues[partition][: sizes[turn % len(sizes)]]
        taken += merge.take(0, 1000)
        turn += 1
    for partition in lanes:
        merge.drain(partition, now=0)
    taken += merge.take(0, 1000)
    assert [one.time for one in taken] == sorted(one.time for one in taken)
    assert sorted(where(taken)) == sorted(where([one for lane in lanes.values() for one in lane]))
