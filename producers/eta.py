"""Trips of returning drivers across Houston.

    time -> weather, demand -> driver, origin, destination -> planned seconds (40 km/h)
    planned x traffic x weather x driver + incident + noise -> actual seconds

The factors are hidden: an event shows hour, place, weather and rating, never what they did to this trip.
What lasts can be learned from the past: weather stays for hours, and a driver keeps the skill that the
rating tells only in part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from core.applications.eta import ETA, SECONDS_PER_KM, SHORTEST_TRIP_S
from core.declaration import Category, leaves
from producers import city
from producers.generator import Generator

DRIVERS = range(1000, 5001)
VEHICLES = range(100, 1000)

SKILL_SPREAD = 0.08
"""Standard deviation of the logarithm of the factor that each driver keeps, whatever the rating."""

INCIDENT_SHARE = 0.02
INCIDENT_SECONDS = (300, 1800)

NOISE_S = 60

CLOSEST_DEGREES = 0.001
"""A destination that is closer than this in both directions is drawn again."""

SHIFT_TRAFFIC, SHIFT_WEEKEND = 0.35, 0.6
"""What a whole shift does to the traffic factor: more everywhere, most at weekends."""

_TYPES = {path: leaf.values for path, leaf in leaves(ETA) if isinstance(leaf, Category)}["vehicle_type"]


@dataclass(frozen=True, slots=True)
class Driver:
    """Who drives: one vehicle, one rating and one skill, for good. `skill` is a factor on the time."""

    name: str
    rating: float
    skill: float
    vehicle: str
    vehicle_type: str


class Trips(Generator):
    """Taxi trips. Truth: the factors behind the travel time, and the best answer without the past.

    Under a shift traffic grows by up to a third, and by more at weekends: speeds fall, the planner does not
    know, and what was learned of the clock is no longer so.
    """

    application = ETA

    def __init__(self, seed: int, stretch: int = 0) -> None:
        super().__init__(seed, stretch)
        self._seed = seed

    def _populate(self, rng: Random) -> None:
        vehicles = [(f"vehicle_{n}", rng.choice(_TYPES)) for n in VEHICLES]
        self._drivers = [
            Driver(
                f"driver_{n}",
                round(rng.uniform(3.5, 5.0), 1),
                rng.lognormvariate(0, SKILL_SPREAD),
                *rng.choice(vehicles),
            )
            for n in DRIVERS
        ]

    def _event(self, time: datetime) -> dict[str, Any]:
        rng = self._rng
        driver = self._pick(self._drivers)
        origin, destination = self._route(time)
        sky = city.weather(self._seed, city.area(origin["lon"]), time)
        celsius = city.temperature(sky, time) + rng.gauss(0, 0.7)
        event: dict[str, Any] = {
            "trip_id": self._fresh_id(),
            "driver_id": driver.name,
            "vehicle_id": driver.vehicle,
            "timestamp": time.isoformat(),
            "origin": origin,
            "destination": destination,
            "weather": sky,
            "temperature_celsius": round(min(city.HOTTEST, max(city.COLDEST, celsius)), 1),
            "driver_rating": driver.rating,
            "vehicle_type": driver.vehicle_type,
        }
        self._derive(event)
        # The planner is off by up to a tenth.
        planned = event["initial_estimated_travel_time_seconds"] * rng.uniform(0.9, 1.1)
        event["initial_estimated_travel_time_seconds"] = max(SHORTEST_TRIP_S, round(planned))
        event["simulated_actual_travel_time_seconds"] = self._actual(event, driver)
        return event

    def _route(self, time: datetime) -> tuple[dict[str, float], dict[str, float]]:
        """Two points of the area that are not the same corner, as the hour draws people."""
        leaves_centre, enters_centre = city.pull(time.weekday(), time.hour)
        origin = self._point(leaves_centre)
        while True:
            destination = self._point(enters_centre)
            apart = max(abs(origin[axis] - destination[axis]) for axis in ("lat", "lon"))
            if apart >= CLOSEST_DEGREES:
                return origin, destination

    def _point(self, centre: float) -> dict[str, float]:
        lat, lon = city.end_of_trip(self._rng, centre)
        return {"lat": round(lat, 6), "lon": round(lon, 6)}

    def _actual(self, event: dict[str, Any], driver: Driver) -> int:
        """Seconds that the trip takes, at least the shortest; sets `truth`."""
        rng = self._rng
        known = known_factors(event)
        traffic = rng.uniform(*known.traffic) * known.zones * self._shifted(event)
        weather = rng.uniform(*known.weather)
        incident = rng.randint(*INCIDENT_SECONDS) if rng.random() < INCIDENT_SHARE else 0
        seconds = known.base * traffic * weather * known.rating * driver.skill + incident
        self.truth = {
            "traffic_factor": traffic,
            "weather_factor": weather,
            "driver_factor": known.rating * driver.skill,
            "incident_seconds": incident,
            "expected_seconds": expected_seconds(event),
        }
        return max(SHORTEST_TRIP_S, round(seconds + rng.uniform(-NOISE_S, NOISE_S)))

    def _shifted(self, event: dict[str, Any]) -> float:
        return 1 + self._shift * (SHIFT_WEEKEND if event["day_of_week"] >= 5 else SHIFT_TRAFFIC)


@dataclass(frozen=True, slots=True)
class Known:
    """What the formula's owner reads off an event: seconds at 40 km/h, and factors or their ranges."""

    base: float
    zones: float
    traffic: tuple[float, float]
    weather: tuple[float, float]
    rating: float


def known_factors(event: Mapping[str, Any]) -> Known:
    """The parts of the formula that an event shows."""
    day, hour = event["day_of_week"], event["hour_of_day"]
    ends = (city.zone(event[name]["lat"], event[name]["lon"]) for name in ("origin", "destination"))
    return Known(
        base=event["estimated_distance_km"] * SECONDS_PER_KM,
        zones=city.zone_factor(day, hour, *ends),
        traffic=city.traffic_range(day, hour),
        weather=city.SLOWDOWN.get(event["weather"], (1.0, 1.0)),
        rating=driver_factor(event["driver_rating"]),
    )


def driver_factor(rating: float) -> float:
    """Better drivers are a little faster: 1.05 at 3.5 stars, 0.97 at 5 (two decimals)."""
    return round(1 - (rating - 4.5) * 0.05, 2)


def expected_seconds(event: Mapping[str, Any]) -> float:
    """The mean travel time given all that an event shows: the best answer for squared error.

    Leaves out the floor, which trips under a kilometre meet, and the driver's skill, whose mean is 1.003.
    """
    known = known_factors(event)
    incident = INCIDENT_SHARE * sum(INCIDENT_SECONDS) / 2
    return (
        known.base * known.zones * sum(known.traffic) / 2 * sum(known.weather) / 2 * known.rating + incident
    )


def noise_floor(events: Sequence[Mapping[str, Any]], seed: int, draws: int = 201) -> dict[str, float]:
    """The best scores for someone who knows the formula and sees the event, but no past and no luck.

    Per event the hidden parts are drawn `draws` times. The median answers best for the mean absolute error,
    the mean for the squared one. Who remembers drivers knows their skill, and can get below this floor.
    Scores by metric id; MAE and RMSE in seconds. The events are of the usual world, without a shift.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    label = np.array([event[ETA.label or ""] for event in events], dtype=np.float64)
    absolute, squared = np.empty(len(label)), np.empty(len(label))
    for n, event in enumerate(events):
        known = known_factors(event)
        seconds = known.base * known.zones * known.rating * rng.uniform(*known.traffic, draws)
        seconds *= rng.uniform(*known.weather, draws) * rng.lognormal(0, SKILL_SPREAD, draws)
        seconds += (rng.random(draws) < INCIDENT_SHARE) * rng.uniform(*INCIDENT_SECONDS, draws)
        seconds = np.maximum(SHORTEST_TRIP_S, seconds + rng.uniform(-NOISE_S, NOISE_S, draws))
        absolute[n] = abs(label[n] - np.median(seconds))
        squared[n] = (label[n] - seconds.mean()) ** 2
    return {
        "mae": float(absolute.mean()),
        "rmse": float(squared.mean() ** 0.5),
        "r2": float(1 - squared.sum() / ((label - label.mean()) ** 2).sum()),
    }
