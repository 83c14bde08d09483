"""One bar per category, upright or lying, stacked or abreast, with the error of each."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any, Final

from core.diagnostics.shapes import Bars, Cell, Panel
from ui.figures import look
from ui.figures.look import Option
from ui.figures.panels.axes import Direction

LABELLED_LYING: Final = 40
LABELLED_UPRIGHT: Final = 12
"""As many bars have their value beside them."""


def series(one: Bars, panel: Panel, across: Direction, up: Direction) -> list[Option]:
    """The bars, then their errors as whiskers."""
    lying = up.category
    along = across if lying else up
    alone = sum(isinstance(other, Bars) for other in panel.series) == 1
    most = LABELLED_LYING if lying else LABELLED_UPRIGHT
    anyone = any(isinstance(other, Bars) and other.low and other.high for other in panel.series)
    errors = _whiskers(one, along) if anyone else []
    labelled = alone and not errors and len(one.values) <= most
    bar: Option = {
        "type": "bar",
        "name": one.name,
        "data": [_bar(cell, along, labelled, lying) for cell in one.values],
        "itemStyle": {"borderRadius": 0 if one.stack else 3},
        "barCategoryGap": "28%" if alone or one.stack else "20%",
        "z": 2,
    }
    if alone or one.stack:
        bar["barMaxWidth"] = 34
    if labelled:
        bar["label"] = {
            "show": True,
            "position": "right" if lying else "top",
            "fontSize": look.SMALL,
        }
    if one.stack:
        bar["stack"] = one.stack
    return [bar, *errors]


def _bar(cell: Cell, along: Direction, labelled: bool, lying: bool) -> Any:
    value = along.place(cell)
    if not labelled or value is None:
        return value
    label: Option = {"formatter": along.said(cell)}
    if isinstance(value, int | float) and value < 0:
        label["position"] = "left" if lying else "bottom"
    return {"value": value, "label": label}


def _whiskers(one: Bars, along: Direction) -> list[Option]:
    """Box plots without a box: ECharts draws whiskers there.

    Bars without errors have empty ones: boxes stand abreast like their bars only when there are as many.
    """
    data = []
    for value, low, high in zip_longest(one.values, one.low[: len(one.values)], one.high[: len(one.values)]):
        middle, bottom, top = along.place(value), along.place(low), along.place(high)
        known = None not in (middle, bottom, top)
        data.append([bottom, middle, middle, middle, top] if known else [None] * 5)
    return [
        {
            "type": "boxplot",
            "name": one.name,
            "data": data,
            "silent": True,
            "tooltip": {"show": False},
            "boxWidth": [6, 14],
            "itemStyle": {"borderColor": look.MUTED, "borderWidth": 1.3, "color": "transparent"},
            "z": 5,
        }
    ]
