"""Scenarios: what holds when, what is refused, and the log that detection is measured against."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import scenarios
from core.scenarios import KINDS, NORMAL, Name, conditions, decode, encode, planned

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_every_name_has_its_meaning() -> None:
    assert set(KINDS) == set(Name)
    assert all(kind.low <= kind.default <= kind.high and kind.help for kind in KINDS.values())


@pytest.mark.parametrize("name", Name)
def test_each_holds_from_its_start_up_to_its_end(name: Name) -> None:
    one = planned(name, start=START, minutes=30)
    assert conditions(one, START - MINUTE / 60) == NORMAL
    assert conditions(one, START + 30 * MINUTE) == NORMAL
    assert (conditions(one, START + 15 * MINUTE) == NORMAL) == (name is Name.NORMAL)
    assert decode(encode(one)) == one


def test_gradual_rises_evenly_and_sudden_at_once() -> None:
    slow, fast = (planned(name, start=START, minutes=40) for name in ("gradual", "sudden"))
    assert conditions(slow, START).shift == 0
    assert conditions(slow, START + 10 * MINUTE).shift == pytest.approx(0.25)
    assert conditions(fast, START).shift == 1


def test_strength_is_what_its_kind_says() -> None:
    at = START + MINUTE
    assert conditions(planned("burst", start=START), at).rate == 5
    assert conditions(planned("stress", start=START), at).rate == 20
    assert conditions(planned("moderate_drift", start=START, strength=0.2), at).shift == 0.2
    assert conditions(planned("label_noise", start=START, strength=0.3), at).label_noise == 0.3
    assert conditions(planned("missing_values", start=START, strength=0.3), at).missing_values == 0.3
    assert conditions(planned("malformed", start=START, strength=0.3), at).malformed == 0.3


@given(st.sampled_from(Name), st.floats(0.1, 1000), st.floats(-2000, 2000))
def test_nothing_leaves_its_range(name: Name, minutes: float, offset: float) -> None:
    held = conditions(planned(name, start=START, minutes=minutes), START + MINUTE * offset)
    assert 0 <= held.shift <= 1
    assert held.rate >= 1


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"name": "nope"}, "name: .*'nope'.*normal, moderate_drift"),
        ({"name": "burst", "minutes": 0}, "minutes: 0"),
        ({"name": "burst", "minutes": float("nan")}, "minutes: nan"),
        ({"name": "burst", "minutes": 1e9}, "minutes"),
        ({"name": "burst", "minutes": 5, "end": START}, "minutes: .*not both"),
        ({"name": "burst", "end": START}, "end: "),
        ({"name": "burst", "end": START.replace(tzinfo=None)}, "end: .*offset"),
        ({"name": "burst", "strength": 1e6}, "strength: 1000000.0 of burst must lie in 1..50"),
        ({"name": "sudden", "strength": float("nan")}, "strength: nan"),
    ],
)
def test_what_can_not_be_is_refused_by_name(said: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        planned(**({"start": START} | said))  # type: ignore[arg-type]


def test_times_become_utc() -> None:
    there = timezone(timedelta(hours=2))
    one = planned("burst", start=START.astimezone(there), end=(START + MINUTE).astimezone(there))
    assert (one.start, one.end) == (START, START + MINUTE)
    assert one.start.utcoffset() == timedelta(0)


def test_what_is_stored_and_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid"):
        decode(b'{"name": "nope", "start": 1}')
    assert scenarios.LOG_LENGTH > 0
