"""Why an answer is not simply the distance at 40 km/h: the seconds that each field adds or saves.

    weights x (inputs - usual inputs) -> logarithms by field -> shares of (answer - base), in seconds

Influences multiply, so their logarithms add up. Seconds are split in proportion to the logarithms, by the
logarithmic mean (LMDI, Ang, The LMDI approach to decomposition analysis, 2005): nothing is left over.
"""

from __future__ import annotations

from math import log

import numpy as np

from core.records import Contribution
from models.base import Floats, Row
from models.eta_inputs import (
    CLOCK_AT,
    DAY,
    DAY_AT,
    DISTANCE,
    DRIVER,
    ENDS,
    HOUR,
    HOUR_S,
    PLACE_AT,
    RATING,
    RATING_AT,
    SATURDAY,
    SIZE,
    WEATHER,
    WEATHER_AT,
    end_inputs,
    inputs,
)


def contributions(
    x: Row, hours: float, weights: Floats, usual: Floats, driver: float, answer: float
) -> list[Contribution]:
    """Effects in seconds, the largest first; their sum is `answer` - the base time.

    hours: the base time; weights, usual: (SIZE,), `usual` the mean inputs; driver: logarithm of the driver's
    own factor; answer: seconds.
    """
    seconds = hours * HOUR_S
    logs = _logarithms(x, hours, weights, usual)
    logs[DRIVER] = driver
    # What is usual, and what the floor adds, belongs to no other field.
    logs[DISTANCE] = log(answer / seconds) - (sum(logs.values()))
    total = sum(logs.values())
    mean = (answer - seconds) / total if abs(total) > _SAME else seconds
    told = [Contribution(name=name, value=_value(x, name), effect=mean * one) for name, one in logs.items()]
    return sorted(told, key=lambda one: -abs(one.effect))


_SAME = 1e-12
"""Below this logarithm an answer is the base time."""


def _logarithms(x: Row, hours: float, weights: Floats, usual: Floats) -> dict[str, float]:
    """By how much each field stretches the trip beyond its usual value, but for distance and driver."""
    positions, values = inputs(x, hours)
    given = np.zeros(SIZE)
    given[positions] = values
    unusual = weights * (given - usual)
    clock = float(unusual[CLOCK_AT:DAY_AT].sum())
    # Hours of weekdays and of weekends are apart, and what all hours of them share belongs to the day.
    of_day = _part_of_week(x, weights, usual)
    logs = {
        HOUR: clock - of_day,
        DAY: float(unusual[DAY_AT:WEATHER_AT].sum()) + of_day,
        WEATHER: float(unusual[WEATHER_AT:RATING_AT].sum()),
        RATING: float(unusual[RATING_AT]),
    }
    for end in ENDS:
        beyond = np.array(end_inputs(x, end)) - usual[PLACE_AT:] / len(ENDS)
        logs[end] = float(weights[PLACE_AT:] @ beyond)
    return logs


def _part_of_week(x: Row, weights: Floats, usual: Floats) -> float:
    """The mean effect of the hours of this day's part of the week, against that of all hours."""
    day = x.get(DAY)
    if day is None or not usual[CLOCK_AT:DAY_AT].any():
        return 0.0
    first = CLOCK_AT + (24 if day >= SATURDAY else 0)
    seen = usual[first : first + 24]
    if not seen.any():
        return 0.0
    mine = (weights[first : first + 24] * seen).sum() / seen.sum()
    return float(mine - (weights[CLOCK_AT:DAY_AT] * usual[CLOCK_AT:DAY_AT]).sum())


def _value(x: Row, name: str) -> object:
    """As the row has it; a place is an object again, as in the event."""
    if name in ENDS:
        return {axis: x.get(f"{name}.{axis}") for axis in ("lat", "lon")}
    return x.get(name)
