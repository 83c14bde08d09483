"""Partitions in the order of event time, held against lanes that are merged one head at a time."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from learners.lessons import Lessons
from learners.merge import PATIENCE, Merge
from tests.learners.streams import plain, where


def row(partition: int, offset: int, second: int) -> tuple[int, int, int, int]:
    return partition, offset, second, second


def test_the_earliest_head_comes_first() -> None:
    merge = Merge([0, 1], idle_seconds=2, now=0)
    merge.add(plain([row(0, 0, 1), row(0, 1, 4), row(1, 0, 2), row(1, 1, 3)]), now=0)
    merge.drain(0, 0)
    merge.drain(1, 0)
    assert where(merge.take(0, 100)) == [(0, 0), (1, 0), (1, 1), (0, 1)]


def test_a_partition_without_messages_holds_the_others_back() -> None:
    merge = Merge([0, 1], idle_seconds=2, now=0)
    merge.add(plain([row(0, 0, 2)]), now=0)
    assert merge.take(1.9, 100) is None
    merge.add(plain([row(1, 0, 1)]), now=1.9)
    # Lane 1 is empty after its first: what follows there may lie before lane 0's.
    assert where(merge.take(1.9, 100)) == [(1, 0)]
    assert merge.take(1.9, 100) is None


def test_unless_it_is_drained() -> None:
    merge = Merge([0, 1], idle_seconds=2, now=0)
    merge.add(plain([row(0, 0, 1)]), now=0)
    merge.drain(1, now=0.1)
    assert where(merge.take(0.1, 100)) == [(0, 0)]
    assert merge.empty(1)
    assert not merge.empty(0)


def test_or_silent_with_nothing_to_come() -> None:
    merge = Merge([0, 1], idle_seconds=2, now=0)
    merge.expect(1, more=False)
    merge.add(plain([row(0, 0, 1)]), now=1)
    assert merge.take(1.9, 100) is None
    assert where(merge.take(2.0, 100)) == [(0, 0)]


def test_one_that_holds_more_is_waited_for_longer_but_not_for_ever() -> None:
    merge = Merge([0, 1], idle_seconds=2, now=0)
    merge.add(plain([row(0, 0, 1)]), now=1)
    assert merge.take(19.9, 100) is None
    assert where(merge.take(20.0, 100)) == [(0, 0)]


def test_a_message_after_the_end_holds_again() -> None:
    merge = Merge([0, 1], idle_seconds=2, now=0)
    merge.drain(0, 0)
    merge.drain(1, 0)
    merge.add(plain([row(1, 0, 5)]), now=0)
    merge.add(plain([row(0, 0, 4), row(0, 1, 6)]), now=0)
    assert where(merge.take(0, 100)) == [(0, 0), (1, 0)]
    merge.drain(1, 0.1)
    assert where(merge.take(0.1, 100)) == [(0, 1)]


def test_takes_no_more_than_asked() -> None:
    merge = Merge([0], idle_seconds=2, now=0)
    merge.add(plain([row(0, n, n) for n in range(5)]), now=0)
    assert where(merge.take(0, 3)) == [(0, 0), (0, 1), (0, 2)]
    assert merge.waiting(0) == 2
    assert where(merge.take(0, 3)) == [(0, 3), (0, 4)]


def test_a_late_row_counts_as_late_as_the_one_before_it() -> None:
    merge = Merge([0, 1], idle_seconds=2, now=0)
    merge.add(plain([row(0, 0, 5), row(1, 0, 4)]), now=0)
    merge.add(plain([row(0, 1, 1), row(1, 1, 6)]), now=0)
    merge.drain(0, 0)
    merge.drain(1, 0)
    taken = merge.take(0, 100)
    assert where(taken) == [(1, 0), (0, 0), (0, 1), (1, 1)]
    assert taken is not None
    assert (taken.time // 1_000_000).tolist() == [4, 5, 1, 6], "its own time it keeps"


def test_no_rows_are_no_sign_of_life() -> None:
    merge = Merge([0, 1], idle_seconds=2, now=0)
    merge.drain(1, 0)
    merge.add(plain([]), now=5)
    assert merge.empty(1)


class Lanes:
    """The same, one head at a time."""

    def __init__(self, count: int, idle: float) -> None:
        self._lanes: list[deque[tuple[int, int, int]]] = [deque() for _ in range(count)]
        self._heard, self._drained, self._expected = [0.0] * count, [False] * count, [True] * count
        self._reached = [-(10**9)] * count
        self._idle = idle

    def add(self, rows: list[tuple[int, int, int, int]], now: float) -> None:
        for partition, offset, second, _ in rows:
            self._reached[partition] = max(self._reached[partition], second)
            self._lanes[partition].append((self._reached[partition], partition, offset))
            self._heard[partition], self._drained[partition] = now, False

    def drain(self, partition: int, now: float) -> None:
        self._heard[partition], self._drained[partition] = now, True

    def expect(self, partition: int, more: bool) -> None:
        self._expected[partition] = more

    def take(self, now: float, most: int) -> list[tuple[int, int]]:
        taken: list[tuple[int, int]] = []
        while len(taken) < most and any(self._lanes) and all(map(self._ready, range(3), [now] * 3)):
            _, partition, offset = min(lane[0] for lane in self._lanes if lane)
            self._lanes[partition].popleft()
            taken.append((partition, offset))
        return taken

    def _ready(self, partition: int, now: float) -> bool:
        patience = self._idle * (PATIENCE if self._expected[partition] else 1)
        waited = now - self._heard[partition] >= patience
        return bool(self._lanes[partition]) or self._drained[partition] or waited


ACTIONS = st.one_of(
    st.tuples(
        st.just("add"),
        st.lists(st.tuples(st.integers(0, 2), st.integers(-2, 5)), min_size=1, max_size=12),
    ),
    st.tuples(st.just("drain"), st.integers(0, 2)),
    st.tuples(st.just("expect"), st.tuples(st.integers(0, 2), st.booleans())),
    st.tuples(st.just("take"), st.integers(1, 8)),
    st.tuples(st.just("wait"), st.sampled_from([1, 2, 20])),
)


@given(st.lists(ACTIONS, max_size=60))
def test_whatever_comes_and_when_it_is_a_plain_merge(actions: list[tuple[str, object]]) -> None:
    merge, lanes = Merge(range(3), idle_seconds=2, now=0), Lanes(3, 2)
    now, offsets, times = 0.0, [0, 0, 0], [0, 0, 0]
    taken, expected = [], []
    for kind, what in actions:
        match kind, what:
            case "add", list(some):
                rows = []
                for partition, later in some:
                    times[partition] += later
                    rows.append(row(partition, offsets[partition], times[partition]))
                    offsets[partition] += 1
                merge.add(plain(rows), now)
                lanes.add(rows, now)
            case "drain", int(partition):
                merge.drain(partition, now)
                lanes.drain(partition, now)
            case "expect", (int(partition), bool(more)):
                merge.expect(partition, more)
                lanes.expect(partition, more)
            case "take", int(most):
                taken.append(where(merge.take(now, most)))
                expected.append(lanes.take(now, most))
            case "wait", int(seconds):
                now += seconds
    assert taken == expected
    assert [merge.waiting(p) for p in range(3)] == [len(lane) for lane in lanes._lanes]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50)), max_size=60),
    st.lists(st.integers(1, 20), min_size=1, max_size=20),
)
def test_whatever_the_deliveries_all_come_in_time_order(
    events: list[tuple[int, int]], sizes: list[int]
) -> None:
    """With drained signals only at the end, the order is that of event time, whatever arrived first."""
    lanes: dict[int, list[tuple[int, int, int, int]]] = {0: [], 1: [], 2: []}
    for partition, second in sorted(events, key=lambda one: one[1]):
        lanes[partition].append(row(partition, len(lanes[partition]), second))
    merge, taken = Merge(lanes, idle_seconds=1e9, now=0), list[Lessons]()
    queues, turn = {partition: list(lane) for partition, lane in lanes.items()}, 0
    while any(queues.values()):
        partition, size = turn % 3, sizes[turn % len(sizes)]
        merge.add(plain(queues[partition][:size]), now=0)
        del queues[partition][:size]
        taken += filter(None, [merge.take(0, 1000)])
        turn += 1
    for partition in lanes:
        merge.drain(partition, now=0)
    taken += filter(None, [merge.take(0, 1000)])
    times = [time for some in taken for time in some.time.tolist()]
    assert times == sorted(times)
    found = [place for some in taken for place in where(some)]
    assert sorted(found) == sorted(one[:2] for lane in lanes.values() for one in lane)
