"""The shapes of the trips: what slows them down, and how much of it can be known."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from itertools import pairwise
from statistics import correlation, mean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.applications.area import HOUSTON, haversine_km
from core.applications.eta import ETA
from producers import city, eta
from tests.producers.streams import MONDAY, Event, near, stream

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
    return float(mean((event[LABEL] - 21) / base(event) / zones(event) for event in long))


def zones(event: Event) -> float:
    return eta.known_factors(event).zones


def test_trips_lie_in_the_area_and_have_their_own_distance(trips: list[Event]) -> None:
    for event in trips[:5000]:
        for place in (event["origin"], event["destination"]):
            assert HOUSTON.south <= place["lat"] <= HOUSTON.north
            assert HOUSTON.west <= place["lon"] <= HOUSTON.east
        wanted = haversine_km(event["origin"], event["destination"])
        assert event["estimated_distance_km"] == pytest.approx(wanted, abs=0.006)
    assert mean(event["estimated_distance_km"] for event in trips) == pytest.approx(37.5, abs=1.5)


def test_weather_comes_in_its_weights_over_the_years() -> None:
    hours = 100_000
    counts = Counter(city.weather(42, 0, MONDAY + timedelta(hours=n)) for n in range(hours))
    for sky, weight in city.WEATHER.items():
        assert near(counts[sky] / hours, weight, hours, 12), "hours in a row are alike"


def test_weather_lasts_for_hours_and_is_one_per_area(trips: list[Event]) -> None:
    skies = [city.weather(42, 0, MONDAY + timedelta(hours=n)) for n in range(20_000)]
    runs = 1 + sum(a != b for a, b in pairwise(skies))
    assert 4 < len(skies) / runs < 10
    seen: dict[tuple[int, str], set[str]] = defaultdict(set)
    for event in trips:
        seen[city.area(event["origin"]["lon"]), event["timestamp"][:13]].add(event["weather"])
    assert all(len(skies) == 1 for skies in seen.values())
    assert len({area for area, _ in seen}) == city.AREAS


def test_two_starts_live_in_the_same_weather() -> None:
    for hours in (0, 5, 100):
        then = MONDAY + timedelta(hours=hours)
        here = {"lat": 29.8, "lon": -95.7}
        skies = set()
        for stretch in range(3):
            source = eta.Trips(42, stretch)
            made = [source.next(then) for _ in range(40)]
            skies |= {e["weather"] for e in made if city.area(e["origin"]["lon"]) == city.area(here["lon"])}
        assert len(skies) == 1


def test_temperature_follows_hour_and_weather(trips: list[Event]) -> None:
    def celsius(keep: Any) -> float:
        return mean(float(event["temperature_celsius"]) for event in trips if keep(event))

    assert celsius(lambda e: e["weather"] == "Clear") > celsius(lambda e: e["weather"] in city.SLOWDOWN) + 1.5
    assert celsius(lambda e: e["hour_of_day"] == 21) > celsius(lambda e: e["hour_of_day"] == 9) + 5
    assert all(15 <= event["temperature_celsius"] <= 30 for event in trips)


def test_people_go_to_the_centre_in_the_morning_and_home_in_the_evening(trips: list[Event]) -> None:
    def central(name: str, hours: range) -> float:
        some = [e for e in trips if e["day_of_week"] < 5 and e["hour_of_day"] in hours]
        return mean(city.CENTRALITY[city.zone(e[name]["lat"], e[name]["lon"])] for e in some)

    morning, evening = range(6, 10), range(16, 20)
    assert central("destination", morning) > 1.2 * central("origin", morning)
    assert central("origin", evening) > 1.2 * central("destination", evening)


def test_traffic_is_worse_in_the_centre() -> None:
    middle, edge = max(city.ZONES, key=lambda z: city.CENTRALITY[z]), 0
    assert city.zone_factor(1, 8, middle, middle) > 1.15 * city.zone_factor(1, 8, edge, edge)
    assert city.zone_factor(1, 12, middle, middle) < city.zone_factor(1, 8, middle, middle)


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_every_point_has_a_zone_and_an_area(lat: float, lon: float) -> None:
    assert city.zone(lat, lon) in city.ZONES
    assert city.area(lon) in range(city.AREAS)


def test_drivers_keep_a_skill_that_shows_in_their_past(trips: list[Event]) -> None:
    """The mean ratio of a driver's first trips tells that of the others."""
    ratios: dict[str, list[float]] = defaultdict(list)
    for event in stream("eta", 150_000, GAP_S)[0]:
        if base(event) > 1000:
            ratios[event["driver_id"]].append(event[LABEL] / eta.expected_seconds(event))
    first = [mean(r[: len(r) // 2]) for r in ratios.values() if len(r) > 20]
    later = [mean(r[len(r) // 2 :]) for r in ratios.values() if len(r) > 20]
    assert correlation(first, later) > 0.4


def test_a_shift_makes_trips_longer_and_the_planner_wrong() -> None:
    usual, moved = eta.Trips(1), eta.Trips(1)
    taken = [0, 0]
    for n in range(3000):
        time = MONDAY + timedelta(minutes=3 * n)
        taken[0] += usual.next(time)[LABEL]
        taken[1] += moved.next(time, 1.0)[LABEL]
    assert 1.3 < taken[1] / taken[0] < 1.65


def test_bad_weather_always_matters(trips: list[Event]) -> None:
    for sky, (low, high) in city.SLOWDOWN.items():
        # Compared with the same trips in fair weather: an hour of rain is rush hour or is not.
        some = [e for e in trips if e["weather"] == sky and base(e) > 1350]
        slowed = mean(e[LABEL] / eta.expected_seconds(e | {"weather": "Clear"}) for e in some)
        assert slowed == pytest.approx((low + high) / 2, rel=0.03)
    truths = stream("eta", EVENTS, GAP_S)[1]
    for event, truth in zip(trips, truths, strict=True):
        assert (truth["weather_factor"] > 1) == (event["weather"] in city.SLOWDOWN)


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


def test_the_noise_floor_is_the_declared_ceiling() -> None:
    """Screens show the distance to the declared figures: the generator must still give them."""
    # Two years: in a fortnight the floor is a few percent higher or lower, as the weather was.
    trips = stream("eta", 30_000, 2 * 365 * 86_400 / 30_000)[0]
    floor = eta.noise_floor(trips, 1, draws=101)
    assert ETA.ceiling.keys() >= floor.keys()
    for metric, value in floor.items():
        assert value == pytest.approx(ETA.ceiling[metric], rel=0.03 if metric != "r2" else 0.007)


def test_nobody_without_the_past_gets_below_the_floor(trips: list[Event]) -> None:
    some = trips[:20_000]
    floor = eta.noise_floor(some, 1, draws=101)
    mean_answer = [eta.expected_seconds(event) for event in some]
    errors = [abs(e[LABEL] - told) for e, told in zip(some, mean_answer, strict=True)]
    assert floor["mae"] == pytest.approx(mean(errors), rel=0.02), "the median is near the mean here"
    assert floor["rmse"] == pytest.approx(mean(x * x for x in errors) ** 0.5, rel=0.02)
    bias = mean(e[LABEL] - told for e, told in zip(some, mean_answer, strict=True))
    assert abs(bias) < 30
    planned = mean(abs(e[LABEL] - e[PLANNED]) for e in some)
    assert planned > 2 * floor["mae"]
