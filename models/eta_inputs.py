"""Trips as inputs of a linear model: the base time at 40 km/h, times what may stretch it.

    distance -> base (hours) -> {1, base} and base x {hour of weekday or weekend, weather, day, rating}

Pure functions of a row. All but seven of the inputs are zero, so a row is positions and values.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from core.applications.eta import ETA, SECONDS_PER_KM
from core.declaration import Category, leaves
from models.base import Row

HOUR_S = 3600.0

CONSTANT = 0.05
"""The input that is always there, small so that the intercept moves slowly."""

USUAL_RATING = 4.25

FIELDS = frozenset({"estimated_distance_km", "weather", "day_of_week", "hour_of_day", "driver_rating"})

_WEATHERS: dict[Any, int] = {
    value: n
    for path, leaf in leaves(ETA)
    if path == "weather" and isinstance(leaf, Category)
    for n, value in enumerate(leaf.values)
}

BASE = 1
"""The position of the base time itself."""

_CLOCK = 2
_WEATHER = _CLOCK + 48
_DAY = _WEATHER + len(_WEATHERS)
_RATING = _DAY + 7
SIZE = _RATING + 1

_SATURDAY = 5


def base_hours(x: Row) -> float | None:
    """The trip's time at 40 km/h; None without a distance."""
    distance = _number(x.get("estimated_distance_km"))
    return None if distance is None else distance * SECONDS_PER_KM / HOUR_S


def inputs(x: Row, base: float) -> tuple[list[int], list[float]]:
    """Positions and values of the inputs that are not zero; what is missing or unknown has no input."""
    positions, values = [0, BASE], [CONSTANT, base]
    day, hour = x.get("day_of_week"), x.get("hour_of_day")
    if day in _DAYS:
        positions.append(_DAY + int(day))
        values.append(base)
        if hour in _HOURS:
            positions.append(_CLOCK + (24 if day >= _SATURDAY else 0) + int(hour))
            values.append(base)
    weather = _WEATHERS.get(x.get("weather"))
    if weather is not None:
        positions.append(_WEATHER + weather)
        values.append(base)
    rating = _number(x.get("driver_rating"))
    if rating is not None:
        positions.append(_RATING)
        values.append(base * (rating - USUAL_RATING))
    return positions, values


_DAYS = frozenset(range(7))
_HOURS = frozenset(range(24))


def _number(value: Any) -> float | None:
    return None if value is None or not isfinite(value) else float(value)
