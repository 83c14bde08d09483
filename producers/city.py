"""The city that trips cross: its zones, where people want to go, its traffic, and its weather. Pure.

    seed, time, area -> weather, temperature      one weather at a time per area, for hours
    hour, weekday    -> where trips begin and end
    hour, weekday, zones -> traffic factor, as a range

Nothing here keeps state: the weather of an hour is a function of the seed and the hour, so two starts of a
producer live in the same weather.
"""

from __future__ import annotations

from bisect import bisect
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from itertools import accumulate
from math import cos, exp, pi
from random import Random

from core.applications.area import HOUSTON

WEATHER = {
    "Clear": 0.60,
    "Clouds": 0.15,
    "Rain": 0.10,
    "Heavy Rain": 0.05,
    "Fog": 0.05,
    "Thunderstorm": 0.05,
}
"""How much of the time each weather lasts."""

SLOWDOWN = {"Rain": (1.1, 1.4), "Heavy Rain": (1.3, 1.8), "Fog": (1.2, 1.6), "Thunderstorm": (1.4, 2.0)}
"""How much longer a trip takes whenever the weather is bad, as a range."""

CHANGE = 0.25
"""How probable it is at each full hour that the weather is drawn anew: it lasts four hours on average,
longer where the draw gives the same again."""

WARMTH = {"Clear": 1.5, "Clouds": 0.0, "Rain": -2.0, "Heavy Rain": -3.0, "Fog": -3.5, "Thunderstorm": -2.5}
"""Degrees Celsius that each weather adds to the hour's own."""

MEAN_CELSIUS, SWING_CELSIUS, WARMEST_HOUR = 22.5, 4.5, 21
"""Houston's afternoon is the late evening in UTC."""

COLDEST, HOTTEST = 15.0, 30.0

COLUMNS, ROWS = 5, 4
"""Zones of the area, west to east and south to north."""

AREAS = 2
"""Areas of weather: west and east."""

RUSH_HOURS = frozenset((*range(6, 10), *range(16, 20)))
RUSH = (1.3, 2.0)
WEEKEND = (0.8, 1.2)
USUAL = (0.9, 1.4)

CENTRE_RUSH, CENTRE_USUAL = 0.25, 0.08
"""By how much traffic is worse in the centre than at the edge."""

EVEN_SHARE = 0.5
"""Ends of trips that lie anywhere; the others go where the hour draws people."""

Point = tuple[float, float]
"""Latitude and longitude in degrees."""

_SKIES = tuple(WEATHER)
_SKY_WEIGHTS = tuple(accumulate(WEATHER.values()))

ZONES = range(COLUMNS * ROWS)


def zone(lat: float, lon: float) -> int:
    """The zone of a point; points outside the area belong to the zone at the edge."""
    column = int((lon - HOUSTON.west) / (HOUSTON.east - HOUSTON.west) * COLUMNS)
    row = int((lat - HOUSTON.south) / (HOUSTON.north - HOUSTON.south) * ROWS)
    return min(ROWS - 1, max(0, row)) * COLUMNS + min(COLUMNS - 1, max(0, column))


def area(lon: float) -> int:
    """The area of weather of a point."""
    share = (lon - HOUSTON.west) / (HOUSTON.east - HOUSTON.west)
    return min(AREAS - 1, max(0, int(share * AREAS)))


def _centrality(number: int) -> float:
    """1 in the middle of the city, less towards its edge."""
    row, column = divmod(number, COLUMNS)
    away = (row - (ROWS - 1) / 2) ** 2 + (column - (COLUMNS - 1) / 2) ** 2
    return exp(-away / 3)


CENTRALITY = tuple(_centrality(number) for number in ZONES)


def traffic_range(day: int, hour: int) -> tuple[float, float]:
    """The range of the city's traffic factor on a weekday (0 is Monday) and hour, UTC."""
    if day >= 5:
        return WEEKEND
    return RUSH if hour in RUSH_HOURS else USUAL


def zone_factor(day: int, hour: int, origin: int, destination: int) -> float:
    """What the two zones make of the city's traffic; 1 at the edge."""
    rush = day < 5 and hour in RUSH_HOURS
    central = (CENTRALITY[origin] + CENTRALITY[destination]) / 2
    return 1 + (CENTRE_RUSH if rush else CENTRE_USUAL) * central


def pull(day: int, hour: int) -> tuple[float, float]:
    """How much the centre draws trips to begin, and to end there: 1 is evenly, below it is the edge."""
    if day >= 5:
        return (3.0, 1.0) if hour < 5 else (1.0, 3.0)
    if hour in range(6, 10):
        return 0.3, 6.0
    if hour in range(16, 20):
        return 6.0, 0.3
    return 2.0, 2.0


@lru_cache(maxsize=512)
def _drawn(centre: float) -> tuple[float, ...]:
    return tuple(accumulate(centre**share for share in CENTRALITY))


def end_of_trip(rng: Random, centre: float) -> Point:
    """A point of the area; `centre` is how much the centre draws."""
    if rng.random() < EVEN_SHARE:
        return rng.uniform(HOUSTON.south, HOUSTON.north), rng.uniform(HOUSTON.west, HOUSTON.east)
    weights = _drawn(centre)
    row, column = divmod(bisect(weights, rng.random() * weights[-1], hi=len(weights) - 1), COLUMNS)
    height = (HOUSTON.north - HOUSTON.south) / ROWS
    width = (HOUSTON.east - HOUSTON.west) / COLUMNS
    return (
        HOUSTON.south + (row + rng.random()) * height,
        HOUSTON.west + (column + rng.random()) * width,
    )


def weather(seed: int, place: int, time: datetime) -> str:
    """The weather of an area at `time`: that of the last full hour at which it was drawn anew.

    A Markov chain in steps of an hour whose stationary shares are `WEATHER`.
    """
    return _weather(seed, place, int(time.timestamp() // 3600))


@lru_cache(maxsize=4096)
def _weather(seed: int, place: int, hour: int) -> str:
    while True:
        changed, drawn = _chances(seed, place, hour)
        if changed < CHANGE:
            return _SKIES[bisect(_SKY_WEIGHTS, drawn * _SKY_WEIGHTS[-1], hi=len(_SKIES) - 1)]
        hour -= 1


def _chances(seed: int, place: int, hour: int) -> tuple[float, float]:
    """Two numbers in [0, 1) that belong to this hour."""
    digest = blake2b(f"weather/{seed}/{place}/{hour}".encode(), digest_size=16).digest()
    return tuple(int.from_bytes(part) / 2**64 for part in (digest[:8], digest[8:]))  # type: ignore[return-value]


def temperature(sky: str, time: datetime) -> float:
    """Degrees Celsius, without the noise of a thermometer."""
    hour = time.hour + time.minute / 60
    daily = SWING_CELSIUS * cos((hour - WARMEST_HOUR) / 24 * 2 * pi)
    return MEAN_CELSIUS + daily + WARMTH[sky]
