"""The schedule of live events."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.pace import Pace

RATES = st.floats(0.1, 5000)


def test_the_first_event_is_due_at_once_then_one_per_interval() -> None:
    pace = Pace(10, start=100)
    assert pace.due(100) == 1
    assert pace.due(100.05) == 0
    assert pace.wait(100.05) == pytest.approx(0.05)
    assert pace.due(100.11) == 1
    assert pace.due(100.31) == 2


@given(rate=RATES, waits=st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_no_drift_however_irregular_the_calls(rate: float, waits: list[float]) -> None:
    pace, now, sent = Pace(rate, start=0), 0.0, 0
    for wait in waits:
        now += wait
        sent += pace.due(now)
    assert abs(sent - (now * rate + 1)) <= 1 + 1e-6 * sent


@given(rate=RATES, now=st.floats(0, 1))
def test_after_the_wait_something_is_due(rate: float, now: float) -> None:
    pace = Pace(rate, start=0)
    pace.due(now)
    wait = pace.wait(now)
    assert 0 <= wait <= 1 / rate + 1e-9
    assert pace.due(now + wait + 1e-9) >= 1


@given(rate=RATES, pause=st.floats(2, 1e6))
def test_a_long_pause_is_not_poured_out(rate: float, pause: float) -> None:
    pace = Pace(rate, start=0)
    pace.due(0)
    assert pace.due(pause) <= 2 * rate + 1
    assert pace.due(pause) == 0
    assert 0 <= pace.wait(pause) <= 1 / rate + 1e-6
    after = pace.due(pause + 1)
    assert abs(after - rate) <= 1 + 1e-6 * rate


def test_small_delays_are_caught_up() -> None:
    pace = Pace(100, start=0)
    pace.due(0)
    assert pace.due(1.5) == 150


def test_a_clock_that_stands_still_sends_nothing_more() -> None:
    pace = Pace(10, start=0)
    assert [pace.due(1), pace.due(1), pace.due(1)] == [11, 0, 0]


def test_rate_zero_never_sends() -> None:
    pace = Pace(0, start=0)
    assert pace.due(1e9) == 0
    assert pace.wait(0) == inf


@pytest.mark.parametrize("rate", [-1, inf, nan])
def test_impossible_rates_are_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate is"):
        Pace(rate, start=0)
