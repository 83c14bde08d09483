"""The order of asks and labels, held against a heap that teaches, after each ask, all that is due."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learners.awaiting import Awaiting, Growing
from learners.lessons import MICROSECONDS
from tests.learners.streams import cut, plain

Event = tuple[int, int, int, int]
"""Partition, offset, time, due; seconds."""


def step(awaiting: Awaiting, events: list[Event]) -> list[str]:
    """Asks, teaches and forgets; what was done, by name: "ask 0/3", "teach 0/1"."""
    awaiting.tidy()
    order = awaiting.steps(awaiting.add(plain(events)))
    done = told(awaiting, order.tolist())
    awaiting.done(~order[order < 0])
    return done


def told(awaiting: Awaiting, order: Iterable[int]) -> list[str]:
    return [
        f"ask {awaiting.event_id[one]}" if one >= 0 else f"teach {awaiting.event_id[~one]}" for one in order
    ]


def test_known_at_the_due_time_and_not_before() -> None:
    awaiting = Awaiting()
    assert step(awaiting, [(0, 0, 1, 10)]) == ["ask 0/0"]
    assert step(awaiting, [(0, 1, 9, 99)]) == ["ask 0/1"]
    assert step(awaiting, [(0, 2, 10, 99)]) == ["ask 0/2", "teach 0/0"]
    assert len(awaiting) == 2


def test_the_clock_never_goes_back() -> None:
    awaiting = Awaiting()
    step(awaiting, [(0, 0, 10, 99)])
    # A late row, whose label is known by now, is asked first all the same.
    assert step(awaiting, [(0, 1, 5, 8)]) == ["ask 0/1", "teach 0/1"]
    assert awaiting.clock == 10 * MICROSECONDS


def test_nothing_comes_of_nothing() -> None:
    awaiting = Awaiting()
    assert step(awaiting, []) == []
    step(awaiting, [(0, 0, 1, 1)])
    assert step(awaiting, []) == []
    assert len(awaiting) == 0


def test_oldest_offset_and_oldest_of_the_broker() -> None:
    awaiting = Awaiting()
    assert (awaiting.oldest(), awaiting.since_ms()) == ({}, 0)
    awaiting.add(plain([(0, 7, 1, 5), (0, 3, 1, 9), (1, 4, 1, 1)]))
    assert awaiting.oldest() == {0: 3, 1: 4}
    assert awaiting.since_ms() == 3
    awaiting.done(np.array([1]))
    assert awaiting.oldest() == {0: 7, 1: 4}
    assert awaiting.since_ms() == 4
    assert {p: awaiting.offset[rows].tolist() for p, rows in awaiting.by_partition()} == {0: [7], 1: [4]}


def test_by_partition_in_the_order_of_offsets() -> None:
    awaiting = Awaiting()
    awaiting.add(plain([(1, 9, 1, 5), (0, 7, 1, 5), (1, 3, 1, 9), (1, 4, 1, 1)]))
    found = {p: awaiting.offset[rows].tolist() for p, rows in awaiting.by_partition()}
    assert found == {0: [7], 1: [3, 4, 9]}


def test_bare_is_who_came_without_any_of_its_features() -> None:
    awaiting = Awaiting()
    some = plain([(0, 0, 1, 9), (0, 1, 1, 9), (0, 2, 1, 9)], windowed=2)
    some.windowed[1, 1], some.windowed[2] = 4.0, 5.0
    awaiting.add(some)
    awaiting.add(plain([(0, 3, 1, 9)]))  # of an application that remembers nothing
    assert awaiting.bare.tolist() == [True, False, False, False]


def test_what_is_done_is_thrown_out_and_arrays_shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learners.awaiting.FIRST_ROOM", 4)
    awaiting = Awaiting()
    some = plain([(0, n, n, 1000 - n) for n in range(100)], windowed=1)
    some.windowed[:95] = 1.0
    awaiting.add(some)
    assert awaiting.tidy() is None
    awaiting.done(np.arange(90))
    kept = awaiting.tidy()
    assert kept is not None
    assert kept.tolist() == list(range(90, 100))
    assert awaiting.offset.tolist() == list(range(90, 100))
    assert awaiting.bare.tolist() == [False] * 5 + [True] * 5
    assert (awaiting.size, len(awaiting)) == (10, 10)
    assert awaiting.oldest() == {0: 90}


def test_room_that_nobody_wrote_to_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learners.awaiting.FIRST_ROOM", 4)
    column = Growing(np.float64, np.nan, (2,))
    column.put(3, np.ones((2, 2)))
    assert column.all.shape == (8, 2)
    assert np.isnan(column.all[[0, 1, 2, 5, 6, 7]]).all()
    column.keep(np.array([4]))
    assert column.all.shape == (4, 2)
    assert np.isnan(column.all[1:]).all()


def plainly(events: list[Event]) -> tuple[list[str], list[str]]:
    """What is done, one event after the other; and who waits in the end."""
    clock, heap, done = -(10**9), list[tuple[int, int, int]](), []
    for partition, offset, time, due in events:
        done.append(f"ask {partition}/{offset}")
        heapq.heappush(heap, (due, partition, offset))
        clock = max(clock, time)
        while heap and heap[0][0] <= clock:
            _, p, o = heapq.heappop(heap)
            done.append(f"teach {p}/{o}")
    return done, [f"{p}/{o}" for _, p, o in heap]


@given(
    # Steps of time may go back (late rows), delays may be 0 or below; few values make many ties.
    st.lists(st.tuples(st.integers(0, 2), st.integers(-4, 4), st.integers(-2, 12)), max_size=80),
    st.lists(st.integers(0, 80)),
    st.sampled_from([1, 4, 1024]),
)
def test_however_it_is_cut_the_order_is_that_of_one_by_one(
    some: list[tuple[int, int, int]], edges: list[int], room: int
) -> None:
    events, time, offsets = list[Event](), 100, [0, 0, 0]
    for partition, later, delay in some:
        time += later
        events.append((partition, offsets[partition], time, time + delay))
        offsets[partition] += 1
    expected, waits = plainly(events)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("learners.awaiting.FIRST_ROOM", room)
        awaiting, done = Awaiting(), []
        for lessons in cut(plain(events), edges):
            awaiting.tidy()
            order = awaiting.steps(awaiting.add(lessons))
            done += told(awaiting, order.tolist())
            awaiting.done(~order[order < 0])
    assert done == expected
    assert sorted(awaiting.event_id[awaiting.rows]) == sorted(waits)
    assert len(awaiting) == len(waits)
