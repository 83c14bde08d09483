"""A sketch of the main roads of an area, drawn for this project: enough to see where a place lies.

The lines are simplified by hand to about a kilometre; they are no survey and no route goes along them.
"""

from __future__ import annotations

from math import cos, pi, radians, sin
from typing import Final

from core.applications.area import HOUSTON
from core.declaration import Box

Line = list[tuple[float, float]]
"""Points as (lat, lon) in degrees."""

_DEGREE_KM: Final = 111.2


def ring(lat: float, lon: float, north_south_km: float, east_west_km: float, points: int = 72) -> Line:
    """A closed ring road: an ellipse around a centre with the given half axes."""
    tall = north_south_km / _DEGREE_KM
    wide = east_west_km / (_DEGREE_KM * cos(radians(lat)))
    turns = [2 * pi * n / points for n in range(points + 1)]
    return [(lat + tall * cos(turn), lon + wide * sin(turn)) for turn in turns]


_HOUSTON: Final[tuple[Line, ...]] = (
    ring(29.745, -95.370, 8.2, 10.2),
    ring(29.775, -95.385, 20.5, 20.5),
    [
        (29.776, -96.15),
        (29.785, -95.83),
        (29.784, -95.56),
        (29.775, -95.36),
        (29.775, -95.20),
        (29.82, -94.90),
        (29.85, -94.60),
    ],
    [
        (30.45, -95.48),
        (30.17, -95.45),
        (29.95, -95.41),
        (29.76, -95.37),
        (29.66, -95.27),
        (29.53, -95.12),
        (29.30, -94.95),
    ],
    [
        (29.40, -95.95),
        (29.58, -95.65),
        (29.70, -95.49),
        (29.745, -95.38),
        (29.87, -95.33),
        (30.05, -95.24),
        (30.35, -95.10),
    ],
    [(30.15, -96.15), (30.02, -95.85), (29.92, -95.63), (29.80, -95.46)],
    [(29.30, -95.42), (29.55, -95.39), (29.70, -95.37)],
    [(29.72, -95.34), (29.69, -95.18), (29.66, -95.02), (29.68, -94.60)],
)

_ROADS: Final[dict[Box, tuple[Line, ...]]] = {HOUSTON: _HOUSTON}


def roads(area: Box) -> tuple[Line, ...]:
    """The roads of an area; none where nobody has drawn them, and the grid alone shows."""
    return _ROADS.get(area, ())
