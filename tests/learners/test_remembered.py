"""Events wait for their features: the order stays, urgent ones wait a little, history as they come."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from core.applications import APPLICATIONS
from core.features import features
from learners.lessons import MICROSECONDS, Floats, Lessons
from learners.remembered import PATIENCE_S, URGENT_S, Remembered
from tests.learners.streams import plain, where

APPLICATION = next(one for one in APPLICATIONS.values() if features(one))
NAMES = [one.name for one in features(APPLICATION)]
NOW = 1_000_000
"""Time of day, in seconds since 1970."""


def message(partition: int, offset: int, value: float | None = 1.0, **more: Any) -> bytes:
    """A row of features, as the job writes it: it tells more than models read."""
    row = {"source_partition": partition, "source_offset": offset, "late": value is None, "key": "e"}
    return msgspec.json.encode(row | dict.fromkeys(NAMES, value) | more)


def event(partition: int, offset: int, ago: int = 0) -> tuple[int, int, int, int]:
    return partition, offset, NOW - ago, NOW


def events(*some: tuple[int, int, int, int]) -> Lessons:
    return plain(list(some), windowed=len(NAMES))


def room(wait_seconds: float = 2.5) -> Remembered:
    return Remembered(APPLICATION, wait_seconds)


def add(to: Remembered, some: Lessons, now: float) -> None:
    to.add(some, to.deadlines(some, now, NOW * MICROSECONDS), now)


def values(lessons: Lessons | None) -> list[float]:
    assert lessons is not None
    return [float(one) for one in lessons.windowed[:, 0]]


def test_an_event_whose_features_are_there_goes_on_with_them() -> None:
    one = room()
    one.hear([message(0, 5, 4.0), message(1, 5, 7.0)], now=1)
    add(one, events(event(1, 5), event(0, 5)), now=1)
    taken = one.take(1)
    assert where(taken) == [(1, 5), (0, 5)]
    assert taken is not None
    assert taken.windowed.tolist() == [[7.0] * len(NAMES), [4.0] * len(NAMES)]
    assert (len(one), one.kept) == (0, 0)


def test_one_of_now_waits_so_long_and_goes_on_without() -> None:
    one = room(wait_seconds=2.5)
    add(one, events(event(0, 0)), now=10)
    assert one.take(12.4) is None
    assert len(one) == 1
    taken = one.take(12.5)
    assert where(taken) == [(0, 0)]
    assert np.isnan(values(taken)).all()


def test_features_that_come_meanwhile_are_used() -> None:
    one = room()
    add(one, events(event(0, 0)), now=10)
    assert one.take(11) is None
    one.hear([message(0, 0, 3.0)], now=11)
    assert values(one.take(11)) == [3.0]


def test_one_of_long_ago_waits_as_long_as_features_come() -> None:
    one = room()
    add(one, events(event(0, 999, ago=URGENT_S + 1)), now=0)
    for now in range(0, 600, 50):
        one.hear([message(0, now)], now)
        assert one.take(now + 49) is None
    assert one.take(550 + PATIENCE_S - 0.1) is None
    assert where(one.take(550 + PATIENCE_S)) == [(0, 999)]


def test_one_whose_features_were_lost_does_not_hold_back_the_rest() -> None:
    """Features of later events keep coming: below what they reached a while ago none is waited for."""
    one, old = room(), URGENT_S + 1
    add(one, events(event(0, 3, old), event(0, 99, old), event(1, 9, old), event(0, 400, old)), now=0)
    for now in range(0, 200, 10):
        one.hear([message(0, 100 + now)], now)
        assert where(one.take(now)) == ([] if now != PATIENCE_S else [(0, 3), (0, 99)])
    # Of partition 1 nothing came, and 400 was not reached.
    assert len(one) == 2
    one.hear([message(1, 9)], 200)
    assert where(one.take(200)) == [(1, 9)]
    # What comes later from below waits no more.
    add(one, events(event(0, 90, old)), now=200)
    one.hear([message(0, 400)], 201)
    assert where(one.take(201)) == [(0, 400), (0, 90)]


def test_what_is_urgent_is_so_from_its_age_when_it_came() -> None:
    one = room(wait_seconds=2)
    until = one.deadlines(
        events(event(0, 0, ago=URGENT_S), event(0, 1, ago=URGENT_S + 1), event(0, 2, ago=-5)),
        7.0,
        NOW * MICROSECONDS,
    )
    assert until.tolist() == [9.0, np.inf, 9.0]


def test_the_order_stays() -> None:
    one = room(wait_seconds=2.5)
    add(one, events(event(0, 0), event(1, 0), event(0, 1), event(2, 0)), now=0)
    one.hear([message(1, 0), message(2, 0)], now=0)
    assert one.take(0) is None, "the first still waits"
    one.hear([message(0, 0)], now=1)
    assert where(one.take(1)) == [(0, 0), (1, 0)]
    add(one, events(event(1, 1)), now=2)
    assert where(one.take(2.5)) == [(0, 1), (2, 0)]
    assert where(one.take(4.5)) == [(1, 1)]


def test_late_rows_have_nulls_and_pass_at_once() -> None:
    one = room(wait_seconds=100)
    add(one, events(event(0, 0)), now=0)
    one.hear([message(0, 0, None)], now=0)
    assert np.isnan(values(one.take(0))).all()


def test_some_nulls_are_no_late_row() -> None:
    one = room()
    one.hear([message(0, 0, 2.0, **{NAMES[0]: None})], now=0)
    add(one, events(event(0, 0)), now=0)
    taken = one.take(0)
    assert taken is not None
    assert np.isnan(taken.windowed[0]).tolist() == [True] + [False] * (len(NAMES) - 1)


def test_the_newest_of_equal_ones_counts() -> None:
    one = room()
    one.hear([message(0, 0, 1.0), message(0, 1, 5.0), message(0, 0, 2.0)], now=0)
    one.hear([message(0, 1, 6.0)], now=0)
    assert one.kept == 2
    add(one, events(event(0, 0), event(0, 1)), now=0)
    assert values(one.take(0)) == [2.0, 6.0]


def test_what_nobody_comes_for_is_bounded_the_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learners.remembered.MOST", 6)
    one = room()
    for n in range(30):
        one.hear([message(p, n, float(n)) for p in range(2)], now=0)
        assert one.kept <= 6
    add(one, events(*(event(p, n) for n in range(27, 30) for p in range(2))), now=0)
    assert values(one.take(0)) == [27, 27, 28, 28, 29, 29]


def test_partitions_do_not_mix() -> None:
    one = room()
    one.hear([message(1, 0, 1.0), message(0, 2**40, 2.0)], now=0)
    add(one, events(event(0, 2**40), event(1, 0)), now=0)
    assert values(one.take(0)) == [2.0, 1.0]


BAD = [
    b"",
    b"{",
    b"null",
    b"7",
    b"{}",
    b'{"source_partition": 1}',
    b"\xff",
    b'{"source_partition": -1, "source_offset": 1}',
    b'{"source_partition": 0, "source_offset": 99999999999999999999}',
    b'{"source_partition": 4611686018427387904, "source_offset": 1}',
]


@pytest.mark.parametrize("value", BAD)
def test_what_is_no_row_of_features_is_passed_over_by_itself(value: bytes) -> None:
    one = room()
    one.hear([message(0, 0, 5.0), value, message(0, 1, 6.0)], now=0)
    one.hear([value], now=0)
    assert (one.kept, one.bad) == (2, 2)
    add(one, events(event(0, 0), event(0, 1)), now=0)
    assert values(one.take(0)) == [5.0, 6.0]


def test_bad_features_are_told_once_a_minute_with_their_count() -> None:
    one = room()
    with capture_logs() as told:
        for now in (100.0, 101.0, 159.0, 161.0):
            one.hear([b"{", message(0, int(now))], now)
    assert [line["count"] for line in told] == [1, 4]


def test_bad_features_alone_are_no_sign_of_life() -> None:
    one = room()
    add(one, events(event(0, 0, ago=10_000)), now=0)
    one.hear([b"{"], now=PATIENCE_S - 1)
    assert one.take(PATIENCE_S - 1) is None
    assert where(one.take(PATIENCE_S)) == [(0, 0)]


@pytest.mark.parametrize("seconds", [0.0, 2.5])
def test_where_nothing_is_remembered_nothing_waits(seconds: float) -> None:
    application = APPLICATION if not seconds else dataclasses.replace(APPLICATION, windows=())
    one = Remembered(application, seconds)
    assert not one.used
    some = plain([event(0, 0), event(1, 0, ago=10_000)], windowed=len(features(application)))
    add(one, some, now=3)
    assert where(one.take(3)) == [(0, 0), (1, 0)]


def test_nothing_comes_of_nothing() -> None:
    one = room()
    assert one.take(0) is None
    assert len(one) == one.kept == 0


class Plainly:
    """The same with a dictionary and a list."""

    def __init__(self) -> None:
        self.known: dict[tuple[int, int], float] = {}
        self.queue: list[tuple[tuple[int, int], float]] = []
        self.heard, self.deaf = 0.0, False
        self.came: list[tuple[float, int, int]] = []

    def passed(self, place: tuple[int, int], now: float) -> bool:
        return any(now - at >= PATIENCE_S and p == place[0] and o > place[1] for at, p, o in self.came)

    def take(self, now: float) -> list[tuple[tuple[int, int], float | None]]:
        left = []
        if self.queue:
            self.deaf |= now - self.heard >= PATIENCE_S
        while self.queue:
            place, until = self.queue[0]
            given_up = until == np.inf and (self.deaf or self.passed(place, now))
            if place not in self.known and until > now and not given_up:
                break
            self.queue.pop(0)
            left.append((place, self.known.get(place)))
        for place, _ in left:
            self.known.pop(place, None)
        return left


ACTIONS = st.one_of(
    st.tuples(st.just("add"), st.lists(st.sampled_from([0, URGENT_S + 1]), min_size=1, max_size=4)),
    st.tuples(st.just("hear"), st.lists(st.integers(-2, 6), min_size=1, max_size=6)),
    st.tuples(st.just("take"), st.sampled_from([0, 1, 2, PATIENCE_S])),
)


@given(st.lists(ACTIONS, max_size=40))
def test_whatever_comes_and_when(actions: list[tuple[str, Any]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("learners.remembered.TRAIL_S", 0.0)
        follow(actions)


def follow(actions: list[tuple[str, Any]]) -> None:
    one, oracle = room(wait_seconds=2), Plainly()
    now, count, value = 0.0, 0, 0.0
    for kind, what in actions:
        if kind == "add":
            some = events(*(event((count + n) % 2, count + n, ago) for n, ago in enumerate(what)))
            until: Floats = one.deadlines(some, now, NOW * MICROSECONDS)
            one.add(some, until, now)
            oracle.heard = oracle.heard if oracle.queue else now
            oracle.queue += list(zip(where(some), until.tolist(), strict=True))
            count += len(what)
        elif kind == "hear":
            # Of events around the newest, most of them not there yet or here already.
            rows = [(offset % 2, offset) for step in what if (offset := count + step) >= 0]
            gone = [place for place in rows if place[1] < count and place not in dict(oracle.queue)]
            for place in (place for place in rows if place not in gone):
                value += 1
                one.hear([message(*place, value)], now)
                oracle.known[place], oracle.heard, oracle.deaf = value, now, False
                oracle.came.append((now, *place))
        else:
            now += what
            taken = one.take(now)
            expected = oracle.take(now)
            assert where(taken) == [place for place, _ in expected]
            if taken is not None:
                wanted = [np.nan if known is None else known for _, known in expected]
                np.testing.assert_array_equal(taken.windowed[:, -1], wanted)
    assert len(one) == len(oracle.queue)
