"""Trips as inputs of a linear model of the logarithm of what stretches them.

    distance -> base (hours at 40 km/h)
    row -> 1, shortness, hour of weekday or weekend, day, weather, rating, where it begins and ends

Pure functions of a row. Only a tenth of the inputs are not zero, so a row is positions and values.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from core.applications.eta import ETA, SECONDS_PER_KM
from core.declaration import Category, Place, leaves
from models.base import Row

HOUR_S = 3600.0

LEAST_KM = 0.1
"""Shorter distances count as this one: what is relative needs a base above 0."""

LEAST_HOURS = LEAST_KM * SECONDS_PER_KM / HOUR_S

SHORT_HOURS = 0.05
"""Shortness is SHORT_HOURS / (SHORT_HOURS + base), 0 to 1: a fixed delay stretches short trips most."""

USUAL_RATING = 4.25

ENDS = ("origin", "destination")

DISTANCE, WEATHER, DAY, HOUR, RATING, DRIVER = (
    "estimated_distance_km", "weather", "day_of_week", "hour_of_day", "driver_rating", "driver_id",
)  # fmt: skip

PLACES = tuple(f"{end}.{axis}" for end in ENDS for axis in ("lat", "lon"))

FIELDS = frozenset({DISTANCE, WEATHER, DAY, HOUR, RATING, DRIVER, *PLACES})

WEATHERS: dict[Any, int] = {
    value: n
    for path, leaf in leaves(ETA)
    if path == WEATHER and isinstance(leaf, Category)
    for n, value in enumerate(leaf.values)
}

CONSTANT_AT, SHORT_AT, CLOCK_AT = 0, 1, 2
DAY_AT = CLOCK_AT + 48
WEATHER_AT = DAY_AT + 7
RATING_AT = WEATHER_AT + len(WEATHERS)
PLACE_AT = RATING_AT + 1
SIZE = PLACE_AT + 4
"""Positions of the inputs, and how many there are. The first 24 hours of the clock are of weekdays."""

SATURDAY = 5

_place = ETA.field(ENDS[0])
assert isinstance(_place, Place)  # noqa: S101
_area = _place.area
MIDDLE = (_area.south + _area.north) / 2, (_area.west + _area.east) / 2
REACH = (_area.north - _area.south) / 2, (_area.east - _area.west) / 2
"""The area of the trips, degrees: its middle, and how far it reaches from there; latitude, longitude."""

EVEN_SQUARE = 1 / 3
"""The mean square of a coordinate that is spread evenly over [-1, 1]."""


def base_hours(x: Row) -> float | None:
    """The trip's time at 40 km/h, at least that of LEAST_KM; None without a distance."""
    distance = _number(x.get(DISTANCE))
    return None if distance is None else max(LEAST_KM, distance) * SECONDS_PER_KM / HOUR_S


def inputs(x: Row, base: float) -> tuple[list[int], list[float]]:
    """Positions and values of the inputs; what is missing or unknown has no input.

    base: hours. The order is that in which sums are made, here and in the compiled body.
    """
    positions, values = [CONSTANT_AT, SHORT_AT], [1.0, SHORT_HOURS / (SHORT_HOURS + base)]
    day, hour = x.get(DAY), x.get(HOUR)
    if day in _DAYS:
        if hour in _HOURS:
            positions.append(CLOCK_AT + (24 if day >= SATURDAY else 0) + int(hour))
            values.append(1.0)
        positions.append(DAY_AT + int(day))
        values.append(1.0)
    weather = WEATHERS.get(x.get(WEATHER))
    if weather is not None:
        positions.append(WEATHER_AT + weather)
        values.append(1.0)
    rating = _number(x.get(RATING))
    if rating is not None:
        positions.append(RATING_AT)
        values.append(rating - USUAL_RATING)
    positions += _PLACE_POSITIONS
    begins, ends = end_inputs(x, ENDS[0]), end_inputs(x, ENDS[1])
    values += [one + other for one, other in zip(begins, ends, strict=True)]
    return positions, values


def end_inputs(x: Row, end: str) -> tuple[float, float, float, float]:
    """What one end of the trip adds to the inputs of places: half of its coordinates and of their squares.

    A coordinate is -1 to 1 over the area, and what lies outside counts as its edge. A place that is not known
    adds nothing.
    """
    lat, lon = _number(x.get(f"{end}.lat")), _number(x.get(f"{end}.lon"))
    if lat is None or lon is None:
        return 0.0, 0.0, 0.0, 0.0
    north = min(1.0, max(-1.0, (lat - MIDDLE[0]) / REACH[0]))
    east = min(1.0, max(-1.0, (lon - MIDDLE[1]) / REACH[1]))
    return (
        0.5 * north,
        0.5 * east,
        0.5 * (north * north - EVEN_SQUARE),
        0.5 * (east * east - EVEN_SQUARE),
    )


_DAYS = frozenset(range(7))
_HOURS = frozenset(range(24))
_PLACE_POSITIONS = list(range(PLACE_AT, SIZE))


def _number(value: Any) -> float | None:
    return None if value is None or not isfinite(value) else float(value)
