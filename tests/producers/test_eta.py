"""The shapes of the trips: what slows them down, and how much of it can be known."""

from __future__ import annotations

from collections import Counter, defaultdict
from statistics import mean

import pytest

from core.applications.area import HOUSTON, haversine_km
from producers import eta
from tests.producers.streams import Event, near, stream

EVENTS = 60_000
GAP_S = 14 * 86_400 / EVENTS

LABEL = "simulated_actual_travel_time_seconds"
PLANNED = "initial_estimated_travel_time_seconds"


@pytest.fixture(scope="module")
def trips() -> list[Event]:
    return stream("eta", EVENTS, GAP_S)[0]


def base(event: Event) -> float:
    return float(event["estimated_distance_km"]) * 90


def ratio(events: list[Event]) -> float:
    """Actual to planned time of long trips, where incidents and noise weigh little."""
    long = [event for event in events if event["estimated_distance_km"] > 15]
    return float(mean((event[LABEL] - 21) / base(event) for event in long))


def test_trips_lie_in_the_area_and_have_their_own_distance(trips: list[Event]) -> None:
    for event in trips[:5000]:
        for place in (event["origin"], event["destination"]):
            assert HOUSTON.south <= place["lat"] <= HOUSTON.north
            assert HOUSTON.west <= place["lon"] <= HOUSTON.east
        wanted = haversine_km(event["origin"], event["destination"])
        assert event["estimated_distance_km"] == pytest.approx(wanted, abs=0.006)
    assert mean(event["estimated_distance_km"] for event in trips) == pytest.approx(37.5, abs=1.5)


def test_weather_comes_in_its_weights(trips: list[Event]) -> None:
    counts = Counter(event["weather"] for event in trips)
    for sky, weight in eta.WEATHER.items():
        assert near(counts[sky] / EVENTS, weight, EVENTS)


def test_bad_weather_always_matters(trips: list[Event]) -> None:
    fair = ratio([e for e in trips if e["weather"] in ("Clear", "Clouds")])
    for sky, (low, high) in eta.SLOWDOWN.items():
        slowed = ratio([e for e in trips if e["weather"] == sky]) / fair
        assert slowed == pytest.approx((low + high) / 2, rel=0.03)
    truths = stream("eta", EVENTS, GAP_S)[1]
    for event, truth in zip(trips, truths, strict=True):
        assert (truth["weather_factor"] > 1) == (event["weather"] in eta.SLOWDOWN)


def test_traffic_follows_hour_and_weekday(trips: list[Event]) -> None:
    fair = [e for e in trips if e["weather"] in ("Clear", "Clouds")]
    rush = [e for e in fair if e["day_of_week"] < 5 and e["hour_of_day"] in (6, 9, 16, 19)]
    usual = [e for e in fair if e["day_of_week"] < 5 and e["hour_of_day"] in (5, 10, 15, 20)]
    weekend = [e for e in fair if e["day_of_week"] >= 5 and e["hour_of_day"] in (6, 9, 16, 19)]
    # Ratings from 3.5 to 5 make drivers 1.0125 times as slow as planned, on average.
    for events, factor in ((rush, 1.65), (usual, 1.15), (weekend, 1.0)):
        assert ratio(events) == pytest.approx(factor * 1.0125, rel=0.03)


def test_better_drivers_are_faster(trips: list[Event]) -> None:
    fair = [e for e in trips if e["weather"] in ("Clear", "Clouds") and e["day_of_week"] >= 5]
    slow = ratio([e for e in fair if e["driver_rating"] <= 3.8])
    fast = ratio([e for e in fair if e["driver_rating"] >= 4.7])
    assert 1.02 < slow / fast < 1.09
    assert eta.driver_factor(3.5) == 1.05
    assert eta.driver_factor(4.5) == 1.0


def test_the_planner_is_off_by_at_most_a_tenth(trips: list[Event]) -> None:
    for event in trips:
        assert event[PLANNED] >= 60
        if base(event) > 600:
            assert 0.895 < event[PLANNED] / base(event) < 1.105


def test_whole_seconds_and_no_trip_under_a_minute(trips: list[Event]) -> None:
    assert all(isinstance(event[LABEL], int) and event[LABEL] >= 60 for event in trips)
    assert all(isinstance(event[PLANNED], int) for event in trips)


def test_incidents_are_rare_and_long() -> None:
    delays = [t["incident_seconds"] for t in stream("eta", EVENTS, GAP_S)[1] if t["incident_seconds"]]
    assert near(len(delays) / EVENTS, 0.02, EVENTS)
    assert min(delays) >= 300
    assert max(delays) <= 1800


def test_a_driver_keeps_vehicle_and_rating(trips: list[Event]) -> None:
    known = defaultdict(set)
    vehicles = defaultdict(set)
    for event in trips:
        known[event["driver_id"]].add((event["vehicle_id"], event["vehicle_type"], event["driver_rating"]))
        vehicles[event["vehicle_id"]].add(event["vehicle_type"])
    assert len(known) == 4001
    assert all(len(seen) == 1 for seen in known.values())
    assert all(len(seen) == 1 for seen in vehicles.values())


def test_the_noise_floor_is_where_it_should_be(trips: list[Event]) -> None:
    """The best answer for squared error leaves about 7 % of the variance; the planner leaves 60 %."""
    truths = stream("eta", EVENTS, GAP_S)[1]
    actual = [event[LABEL] for event in trips]
    centre = mean(actual)
    total = sum((y - centre) ** 2 for y in actual)
    best = sum((y - t["expected_seconds"]) ** 2 for y, t in zip(actual, truths, strict=True))
    naive = sum((y - e[PLANNED]) ** 2 for y, e in zip(actual, trips, strict=True))
    assert 0.91 < 1 - best / total < 0.94
    assert 0.3 < 1 - naive / total < 0.6
    bias = mean(y - t["expected_seconds"] for y, t in zip(actual, truths, strict=True))
    assert abs(bias) < 15
