"""Trips of returning drivers across Houston.

    distance -> planned seconds (40 km/h) x traffic x weather x driver + incident + noise -> actual seconds

The factors are hidden: an event shows hour, weather and rating, never what they did to this trip.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from random import Random
from typing import Any

from core.applications.area import HOUSTON
from core.applications.eta import ETA, SECONDS_PER_KM, SHORTEST_TRIP_S
from core.declaration import Category, leaves
from producers.generator import Generator

DRIVERS = range(1000, 5001)
VEHICLES = range(100, 1000)

WEATHER = {
    "Clear": 0.60,
    "Clouds": 0.15,
    "Rain": 0.10,
    "Heavy Rain": 0.05,
    "Fog": 0.05,
    "Thunderstorm": 0.05,
}

SLOWDOWN = {"Rain": (1.1, 1.4), "Heavy Rain": (1.3, 1.8), "Fog": (1.2, 1.6), "Thunderstorm": (1.4, 2.0)}
"""How much longer a trip takes whenever the weather is bad, as a range."""

RUSH_HOURS = frozenset((*range(6, 10), *range(16, 20)))
RUSH = (1.3, 2.0)
WEEKEND = (0.8, 1.2)
USUAL = (0.9, 1.4)

INCIDENT_SHARE = 0.02
INCIDENT_SECONDS = (300, 1800)

CLOSEST_DEGREES = 0.001
"""A destination that is closer than this in both directions is drawn again."""

_TYPES = {path: leaf.values for path, leaf in leaves(ETA) if isinstance(leaf, Category)}["vehicle_type"]
_SKIES = tuple(WEATHER)
_SKY_WEIGHTS = tuple(accumulate(WEATHER.values()))


@dataclass(frozen=True, slots=True)
class Driver:
    """Who drives: one vehicle and one rating, for good."""

    name: str
    rating: float
    vehicle: str
    vehicle_type: str


class Trips(Generator):
    """Taxi trips. Truth: the factors behind the travel time, and its expectation without noise."""

    application = ETA

    def _populate(self, rng: Random) -> None:
        vehicles = [(f"vehicle_{n}", rng.choice(_TYPES)) for n in VEHICLES]
        self._drivers = [
            Driver(f"driver_{n}", round(rng.uniform(3.5, 5.0), 1), *rng.choice(vehicles)) for n in DRIVERS
        ]

    def _event(self, time: datetime) -> dict[str, Any]:
        rng = self._rng
        driver = self._pick(self._drivers)
        origin, destination = self._route()
        event: dict[str, Any] = {
            "trip_id": self._fresh_id(),
            "driver_id": driver.name,
            "vehicle_id": driver.vehicle,
            "timestamp": time.isoformat(),
            "origin": origin,
            "destination": destination,
            "weather": rng.choices(_SKIES, cum_weights=_SKY_WEIGHTS)[0],
            "temperature_celsius": round(rng.uniform(15, 30), 1),
            "driver_rating": driver.rating,
            "vehicle_type": driver.vehicle_type,
        }
        self._derive(event)
        # The planner is off by up to a tenth.
        planned = event["initial_estimated_travel_time_seconds"] * rng.uniform(0.9, 1.1)
        event["initial_estimated_travel_time_seconds"] = max(SHORTEST_TRIP_S, round(planned))
        event["simulated_actual_travel_time_seconds"] = self._actual(event)
        return event

    def _route(self) -> tuple[dict[str, float], dict[str, float]]:
        """Two points of the area that are not the same corner."""
        origin = self._point()
        while True:
            destination = self._point()
            apart = max(abs(origin[axis] - destination[axis]) for axis in ("lat", "lon"))
            if apart >= CLOSEST_DEGREES:
                return origin, destination

    def _point(self) -> dict[str, float]:
        uniform = self._rng.uniform
        return {
            "lat": round(uniform(HOUSTON.south, HOUSTON.north), 6),
            "lon": round(uniform(HOUSTON.west, HOUSTON.east), 6),
        }

    def _actual(self, event: dict[str, Any]) -> int:
        """Seconds that the trip takes, at least the shortest; sets `truth`."""
        rng = self._rng
        base: float = event["estimated_distance_km"] * SECONDS_PER_KM
        traffic = rng.uniform(*traffic_range(event["day_of_week"], event["hour_of_day"]))
        weather = rng.uniform(*SLOWDOWN.get(event["weather"], (1.0, 1.0)))
        skill = driver_factor(event["driver_rating"])
        incident = rng.randint(*INCIDENT_SECONDS) if rng.random() < INCIDENT_SHARE else 0
        seconds = base * traffic * weather * skill + incident
        self.truth = {
            "traffic_factor": traffic,
            "weather_factor": weather,
            "driver_factor": skill,
            "incident_seconds": incident,
            "expected_seconds": expected_seconds(event),
        }
        return max(SHORTEST_TRIP_S, round(seconds + rng.uniform(-60, 60)))


def traffic_range(day: int, hour: int) -> tuple[float, float]:
    """The range of the traffic factor on a weekday (0 is Monday) and hour, UTC."""
    if day >= 5:
        return WEEKEND
    return RUSH if hour in RUSH_HOURS else USUAL


def driver_factor(rating: float) -> float:
    """Better drivers are a little faster: 1.05 at 3.5 stars, 0.97 at 5 (two decimals)."""
    return round(1 - (rating - 4.5) * 0.05, 2)


def expected_seconds(event: dict[str, Any]) -> float:
    """The mean travel time given all that an event shows: the best answer for squared error.

    Leaves out the floor, which trips under a kilometre meet.
    """
    base: float = event["estimated_distance_km"] * SECONDS_PER_KM
    traffic = sum(traffic_range(event["day_of_week"], event["hour_of_day"])) / 2
    weather = sum(SLOWDOWN.get(event["weather"], (1.0, 1.0))) / 2
    incident = INCIDENT_SHARE * sum(INCIDENT_SECONDS) / 2
    return base * traffic * weather * driver_factor(event["driver_rating"]) + incident
