"""Places on a map that needs neither network nor WebGL: the area's own roads and a grid, no tiles.

spots + area -> window (degrees) -> lines and dots on two axes of one scale
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, floor, radians
from typing import Final

from core.declaration import Box
from ui.figures import look
from ui.figures.look import Option
from ui.figures.roads import roads

HEIGHT: Final = 330
_FRAME: Final = 270
"""Side in pixels of the square that is sure to be seen, also on a phone; the lines run on beyond it."""

GRID_DEGREES: Final = 0.1
LEAST_DEGREES: Final = 0.12
"""The window never shows less than this from south to north: a single place keeps its surroundings."""

AROUND: Final = 1.3
"""How much larger the window is than what the spots need."""

COLORS: Final = (look.BLUE, look.RED)


@dataclass(frozen=True, slots=True)
class Spot:
    """A named point in degrees, WGS 84."""

    name: str
    lat: float
    lon: float


def window(spots: Sequence[Spot], area: Box) -> Box:
    """A box around all spots that is as wide as tall in kilometres."""
    lats = [spot.lat for spot in spots] or [area.south, area.north]
    lons = [spot.lon for spot in spots] or [area.west, area.east]
    lat, lon = (min(lats) + max(lats)) / 2, (min(lons) + max(lons)) / 2
    shrink = cos(radians(lat))
    half = max(max(lats) - min(lats), (max(lons) - min(lons)) * shrink, LEAST_DEGREES) * AROUND / 2
    return Box(south=lat - half, north=lat + half, west=lon - half / shrink, east=lon + half / shrink)


def over_roads(spots: Sequence[Spot], area: Box) -> Option:
    """The spots as dots, two of them joined by a straight line, over the area's roads."""
    seen = window(spots, area)
    series = [
        _lines(_grid(seen), look.LINE, 1.0),
        _lines(roads(area), look.ROAD, 2.4),
        _lines([[(spot.lat, spot.lon) for spot in spots]], look.BLUE, 2.6),
        *(_dot(spot, color, _side(spot, spots)) for spot, color in zip(spots, COLORS, strict=False)),
    ]
    return look.base(
        backgroundColor=look.FILL,
        grid={"left": "center", "width": _FRAME, "top": (HEIGHT - _FRAME) // 2, "height": _FRAME},
        tooltip={"trigger": "item", "formatter": "{b}", "confine": True},
        xAxis=look.hidden(min=seen.west, max=seen.east),
        yAxis=look.hidden(min=seen.south, max=seen.north),
        series=series,
    )


def _lines(lines: Sequence[Sequence[tuple[float, float]]], color: str, width: float) -> Option:
    """Lines given as (lat, lon) in one series; they run on beyond the frame."""
    return {
        "type": "lines",
        "coordinateSystem": "cartesian2d",
        "polyline": True,
        "data": [{"coords": [[lon, lat] for lat, lon in line]} for line in lines if len(line) > 1],
        "clip": False,
        "silent": True,
        "lineStyle": {"color": color, "width": width, "opacity": 1, "join": "round", "cap": "round"},
    }


def _side(spot: Spot, spots: Sequence[Spot]) -> str:
    """Names stand away from the line between two spots, so that close ones do not cover each other."""
    return "bottom" if any(other.lat > spot.lat for other in spots) else "top"


def _dot(spot: Spot, color: str, side: str) -> Option:
    return {
        "type": "scatter",
        "name": spot.name,
        "data": [{"value": [spot.lon, spot.lat], "name": f"{spot.name}: {spot.lat:.5f}, {spot.lon:.5f}"}],
        "symbolSize": 15,
        "itemStyle": {"color": color, "opacity": 1, "borderColor": "#ffffff", "borderWidth": 2},
        "label": {
            "show": True,
            "formatter": spot.name,
            "position": side,
            "fontSize": look.SMALL,
            "fontWeight": 600,
        },
        "z": 5,
    }


def _grid(seen: Box) -> list[list[tuple[float, float]]]:
    """Parallels and meridians every tenth of a degree, beyond the window to either side."""
    wide, tall = seen.east - seen.west, seen.north - seen.south
    south, north = seen.south - tall, seen.north + tall
    west, east = seen.west - 2 * wide, seen.east + 2 * wide
    rows = [n * GRID_DEGREES for n in range(floor(south / GRID_DEGREES), floor(north / GRID_DEGREES) + 1)]
    columns = [n * GRID_DEGREES for n in range(floor(west / GRID_DEGREES), floor(east / GRID_DEGREES) + 1)]
    return [[(lat, west), (lat, east)] for lat in rows] + [[(south, lon), (north, lon)] for lon in columns]
