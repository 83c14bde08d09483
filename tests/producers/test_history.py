"""Event times of the past."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.history import HOURLY, times
from tests.producers.streams import MONDAY


@given(
    events=st.integers(0, 300),
    offset=st.integers(0, 86_400),
    seconds=st.floats(0.001, 3e6),
    seed=st.integers(0, 9),
)
def test_as_many_as_asked_ascending_and_inside_the_span(
    events: int, offset: int, seconds: float, seed: int
) -> None:
    start = MONDAY + timedelta(seconds=offset)
    end = start + timedelta(seconds=seconds)
    made = list(times(events, start, end, Random(seed)))
    assert len(made) == events
    assert made == sorted(made)
    assert all(start <= moment < end for moment in made)


def test_busier_by_day_in_the_declared_proportions() -> None:
    made = list(times(50_000, MONDAY, MONDAY + timedelta(days=10), Random(1)))
    hours = Counter(moment.hour for moment in made)
    for hour, weight in enumerate(HOURLY):
        assert hours[hour] / 50_000 == pytest.approx(weight / sum(HOURLY), rel=0.02)
    assert hours[18] > 4 * hours[3]


def test_spread_over_the_whole_span() -> None:
    days = Counter(m.date() for m in times(1400, MONDAY, MONDAY + timedelta(days=14), Random(1)))
    assert len(days) == 14
    assert min(days.values()) > 90


def test_the_same_seed_gives_the_same_times() -> None:
    end = MONDAY + timedelta(days=1)
    assert list(times(50, MONDAY, end, Random(1))) == list(times(50, MONDAY, end, Random(1)))
    assert list(times(50, MONDAY, end, Random(1))) != list(times(50, MONDAY, end, Random(2)))


def test_impossible_spans_and_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="is empty"):
        list(times(5, MONDAY, MONDAY, Random(1)))
    with pytest.raises(ValueError, match="-1 events"):
        list(times(-1, MONDAY, MONDAY + timedelta(days=1), Random(1)))
