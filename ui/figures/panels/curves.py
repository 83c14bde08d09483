"""Lines with the range in which they lie, and clouds of points."""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

from core.diagnostics.shapes import Cell, Heat, Lines, Panel, Points
from ui.figures import look
from ui.figures.look import Option
from ui.figures.panels.axes import Direction, short
from ui.figures.panels.marks import plain

DOT: Final = 7
"""Pixels of the typical dot."""

GREY_MOST: Final = 3
"""As many grey lines have a place in the legend."""

FEW: Final = 16
"""Points of a line that are each worth a dot."""


def lines(one: Lines, panel: Panel, across: Direction, up: Direction) -> list[Option]:
    """The line, behind it its band; of one name, so that they share a colour and a place in the legend."""
    places = [across.place(x) for x in one.x]
    data = [[x, up.place(y)] for x, y in zip(places, one.y, strict=False)]
    color = {"color": look.NAIVE} if one.reference else {}
    line: Option = {
        "type": "line",
        "name": one.name,
        "data": data,
        "showSymbol": not one.reference and len(data) <= FEW,
        "symbol": "circle",
        "symbolSize": 6,
        "lineStyle": {"width": 1.5, "type": "dashed"} | color if one.reference else {"width": 2.2},
        "itemStyle": color,
        "z": 3,
        "connectNulls": False,
        **_item(one.name, across, up, one.x, one.y, panel),
    }
    if one.step:
        line["step"] = "end"
    if one.reference and told_at_end(panel):
        line["endLabel"] = {"show": True, "formatter": plain(one.name), "fontSize": look.SMALL - 1}
    return [*_band(one, places, up), line]


def told_at_end(panel: Panel) -> bool:
    """Whether the grey lines are so many that their names stand beside them, not in the legend."""
    return sum(isinstance(one, Lines) and one.reference for one in panel.series) > GREY_MOST


def points(one: Points, panel: Panel, across: Direction, up: Direction) -> list[Option]:
    """A cloud; the more points, the more light comes through each."""
    spots = [
        _spot(one, n, across.place(x), up.place(y))
        for n, (x, y) in enumerate(zip(one.x, one.y, strict=False))
    ]
    name = f"{one.name}: " if one.name else ""
    where = f"{across.axis.title} {{@[0]}}{across.sign()}, {up.axis.title} {{@[1]}}{up.sign()}"
    return [
        {
            "type": "scatter",
            "name": one.name,
            "data": spots,
            "symbolSize": DOT if len(spots) <= 600 else DOT - 2,
            "itemStyle": _dots(len(spots), any(isinstance(other, Heat) for other in panel.series)),
            "tooltip": {"formatter": "{b}" if one.text else plain(name) + where},
            "z": 4,
        }
    ]


def _dots(many: int, on_cells: bool) -> Option:
    if on_cells:
        return {"opacity": 0.95, "borderColor": "rgba(255, 255, 255, 0.8)", "borderWidth": 0.8}
    return {"opacity": 0.75 if many <= 150 else 0.5 if many <= 1_200 else 0.35}


def _spot(one: Points, n: int, x: Cell, y: Cell) -> Any:
    """Only what a point says of its own costs bytes: most are two numbers."""
    place = [_short(x), _short(y)]
    if n >= len(one.size) and n >= len(one.text):
        return place
    spot: Option = {"value": place}
    if n < len(one.size):
        spot["symbolSize"] = round(DOT * max(0.3, one.size[n]), 1)
    if n < len(one.text):
        spot["name"] = one.text[n]
    return spot


def _short(cell: Cell) -> Cell:
    return short(cell, 5) if isinstance(cell, float) else cell


def _item(
    name: str, across: Direction, up: Direction, xs: list[Cell], ys: list[Cell], panel: Panel
) -> Option:
    """Among points, a line is pointed at by itself; where lines are alone, the axis tells all of them."""
    if not any(isinstance(one, Points) for one in panel.series):
        return {}
    return {"tooltip": {"formatter": name}} if name else {"silent": True}


def _band(one: Lines, places: list[Cell], up: Direction) -> list[Option]:
    """From low to high: a line that nobody sees, and on it the height of the band."""
    if not (one.low and one.high):
        return []
    low = [up.place(cell) for cell in one.low]
    high = [up.place(cell) for cell in one.high]
    floor, tall = [], []
    for x, bottom, top in zip(places, low, high, strict=False):
        space = top - bottom if isinstance(bottom, int | float) and isinstance(top, int | float) else None
        known = space is not None and isfinite(space)
        floor.append([x, bottom if known else None])
        tall.append([x, space if known else None])
    both: Option = {
        "type": "line",
        "name": one.name,
        "stack": f"band {one.name}",
        "stackStrategy": "all",
        "symbol": "none",
        "silent": True,
        "tooltip": {"show": False},
        "lineStyle": {"width": 0, "opacity": 0},
        "z": 1,
    }
    if one.step:
        both["step"] = "end"
    return [both | {"data": floor}, both | {"data": tall, "areaStyle": {"opacity": 0.16}}]
