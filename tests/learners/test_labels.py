from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from learners.labels import Awaiting, Pending

START = datetime(2026, 11, 1, tzinfo=UTC)


def at(second: int) -> datetime:
    return START + timedelta(seconds=second)


def awaiting(due: int, partition: int = 0, offset: int = 0) -> Awaiting:
    return Awaiting(at(due), partition, offset, f"{partition}/{offset}", "e", at(due), {}, None, None)


def test_known_at_the_due_time_and_not_before() -> None:
    pending = Pending()
    pending.add(awaiting(10))
    pending.reach(at(9))
    assert list(pending.known()) == []
    pending.reach(at(10))
    assert len(list(pending.known())) == 1
    assert len(pending) == 0


def test_the_clock_never_goes_back() -> None:
    pending = Pending()
    pending.reach(at(10))
    pending.reach(at(5))
    assert pending.clock == at(10)


def test_oldest_offset_by_partition() -> None:
    pending = Pending()
    for one in (awaiting(5, 0, 7), awaiting(9, 0, 3), awaiting(1, 1, 4)):
        pending.add(one)
    assert pending.oldest() == {0: 3, 1: 4}


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 2)), max_size=40), st.integers(0, 20))
def test_in_due_order_and_equal_ones_by_place(some: list[tuple[int, int]], clock: int) -> None:
    pending = Pending()
    for offset, (due, partition) in enumerate(some):
        pending.add(awaiting(due, partition, offset))
    pending.reach(at(clock))
    known = list(pending.known())
    places = [(one.due, one.partition, one.offset) for one in known]
    assert places == sorted(places)
    assert len(known) == sum(due <= clock for due, _ in some)
    assert len(pending) == len(some) - len(known)
