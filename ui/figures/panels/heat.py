"""A value per cell, on names or on a grid of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any, Final

from core.diagnostics.shapes import Heat
from ui.figures import look
from ui.figures.look import Option
from ui.figures.panels.axes import Direction, number, short

ID: Final = "cells"

TEXT_COLUMNS: Final = {False: 12, True: 26}
"""As many columns leave room for texts, in half the width of a screen and in all of it."""

STRONG: Final = (
    "rgba(74, 134, 220, 0.06)",
    "rgba(74, 134, 220, 0.28)",
    "rgba(74, 134, 220, 0.55)",
    "rgba(74, 134, 220, 0.85)",
)
"""From little to much, where no text has to be read on it."""

BOTH_STRONG: Final = (
    "rgba(201, 132, 36, 0.90)",
    "rgba(201, 132, 36, 0.35)",
    "rgba(128, 142, 166, 0.06)",
    "rgba(74, 134, 220, 0.35)",
    "rgba(74, 134, 220, 0.90)",
)


def series(one: Heat, across: Direction, up: Direction, wide: bool) -> list[Option]:
    """The cells as [column, row, value], with the name that the tooltip tells."""
    on_grid = bool(one.x and one.y)
    texts = written(one, wide)
    data = [
        _cell(one, row, column, value, None if on_grid else (across, up), texts)
        for row, values in enumerate(one.values)
        for column, value in enumerate(values)
        if value is not None and isfinite(value)
    ]
    cells: Option = {
        "type": "heatmap",
        "id": ID,
        "name": one.name,
        "data": data,
        "label": look.CENTRE
        | {"show": texts, "fontSize": look.SMALL, "lineHeight": 16, "textBorderColor": "transparent"},
        "itemStyle": {"borderRadius": 0 if on_grid else 3, "borderWidth": 0},
        "emphasis": {"disabled": True},
        "z": 1,
    }
    if on_grid:
        cells |= {
            "xAxisIndex": 1,
            "yAxisIndex": 1,
            "progressive": 0,
            "tooltip": {"formatter": f"{one.name} {{@[2]}}"},
        }
    return [cells]


def written(one: Heat, wide: bool) -> bool:
    """Whether the cells carry their texts."""
    columns = max((len(row) for row in one.text), default=0)
    return 0 < columns <= TEXT_COLUMNS[wide]


def _cell(
    one: Heat,
    row: int,
    column: int,
    value: float,
    named: tuple[Direction, Direction] | None,
    texts: bool,
) -> Any:
    place = [column, row, short(value, 4)]
    if named is None:
        return place
    across, up = named
    said = one.text[row][column] if _has(one.text, row, column) else number(value)
    cell: Option = {"value": place, "name": f"{up.said(row)}, {across.said(column)}: {said}"}
    if texts and _has(one.text, row, column):
        cell["label"] = {"formatter": one.text[row][column]}
    return cell


def _has(text: list[list[str]], row: int, column: int) -> bool:
    return row < len(text) and column < len(text[row])


def scale(heats: Sequence[Heat], series: Sequence[Option], wide: bool) -> Option:
    """The colours of the cells; as a strip beside the figure unless the cells say their values."""
    one = heats[0]
    values = [v for heat in heats for row in heat.values for v in row if v is not None and isfinite(v)]
    low = one.low if one.low is not None else min(values, default=0.0)
    high = one.high if one.high is not None else max(values, default=1.0)
    if one.both_sides:
        far = max(abs(low), abs(high)) or 1.0
        low, high = -far, far
    if low == high:
        high = low + 1
    texts = written(one, wide)
    both, single = (look.BOTH_SIDES, look.SHADES) if texts else (BOTH_STRONG, STRONG)
    return {
        "show": not texts,
        "type": "continuous",
        "min": low,
        "max": high,
        "dimension": 2,
        "seriesIndex": [n for n, drawn in enumerate(series) if drawn["type"] == "heatmap"],
        "inRange": {"color": list(both if one.both_sides else single)},
        "orient": "vertical",
        "right": 2,
        "top": "middle",
        "itemWidth": 10,
        "itemHeight": 120,
        "text": [number(high), number(low)],
        "textStyle": {"fontSize": look.SMALL},
        "hoverLink": False,
    }


def behind(one: Heat) -> tuple[Option, Option, Option, Option]:
    """The ends of the visible axes, and the hidden axes of the cells: x, y, hidden x, hidden y.

    Cells stand on names in ECharts; a second pair of axes with numbers over the same rectangle lets curves
    and points lie among them. The visible ends are the outer edges of the outer cells.
    """
    hidden: Option = {"type": "category", "show": False}
    return (
        _ends(one.x),
        _ends(one.y),
        hidden | {"data": [str(n) for n in range(len(one.x))]},
        hidden | {"data": [str(n) for n in range(len(one.y))]},
    )


def _ends(middles: Sequence[float]) -> Option:
    half = (middles[-1] - middles[0]) / (len(middles) - 1) / 2 if len(middles) > 1 else 0.5
    return {"min": middles[0] - half, "max": middles[-1] + half, "splitLine": {"show": False}}
