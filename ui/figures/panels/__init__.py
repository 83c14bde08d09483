"""Draws any panel of a diagnostic's result: one function from plain data to an ECharts option.

    Panel -> axes (scales, shares, names) -> series (curves, bars, cells) -> legend, tooltip, marks -> option

A panel says what it shows, never how; colours, gaps and number formats are decided here once.
"""

from __future__ import annotations

from itertools import chain
from typing import Any, Final

from core.diagnostics.shapes import Bars, Heat, Lines, Panel, Parallel, Points
from ui.figures import look
from ui.figures.look import Option
from ui.figures.panels import bars, curves, heat, marks, parallel
from ui.figures.panels.axes import Direction, directions

LEGEND: Final = 28
"""Pixels that a legend takes above the plot."""

SIDE: Final = 430
"""Pixels of a square panel, with its texts."""

FLAT: Final = 330
ROW: Final = 26
TALL_ROW: Final = 76
"""Of cells that hold more than one line."""

TALLEST: Final = 1_100

PHONE: Final = 400
"""Pixels of a figure on a phone, at most."""

PHONE_COLUMNS: Final = 5
"""As many columns of cells keep their texts there."""

SHARP_MOST: Final = 8_000
"""Marks that a browser still draws as shapes (SVG) at ease; more of them go to a canvas."""


def option(panel: Panel) -> Option:
    """The figure of a panel. Values that are None, not finite, or not above 0 on a log axis leave a gap."""
    found = [one for one in panel.series if isinstance(one, Parallel)]
    if found:
        return parallel.option(panel, found)
    across, up = directions(panel)
    heats = [one for one in panel.series if isinstance(one, Heat)]
    grids = [one for one in heats if one.x and one.y]
    series = list(chain.from_iterable(_series(one, panel, across, up) for one in panel.series))
    series += marks.series(panel, across, up)
    cells = heat.scale(heats, series, panel.wide) if heats else {}
    legend = _legend(series, _grey(panel) if curves.told_at_end(panel) else frozenset())
    top = (LEGEND if legend["show"] else 4) + (18 if marks.above(panel) else 2)
    right = max(
        76 if cells.get("show") else 20,
        marks.room(panel),
        70 if curves.told_at_end(panel) else 0,
        # A value beside a bar that fills the plot.
        40 if up.category and any(one["type"] == "bar" and "label" in one for one in series) else 0,
    )
    x_axes, y_axes = [across.option(upright=False)], [up.option(upright=True)]
    if marks.above(panel):
        # The name of the upright axis stands over the texts of the marks.
        y_axes[0]["nameGap"] = 28
    if grids:
        behind = heat.behind(grids[0])
        x_axes, y_axes = [x_axes[0] | behind[0], behind[2]], [y_axes[0] | behind[1], behind[3]]
    return look.base(
        grid=look.grid(left=10, right=right, top=top, bottom=10, labels=False)
        | {"outerBoundsMode": "same", "outerBoundsContain": "all"},
        legend=legend,
        tooltip=_tooltip(panel, across, up),
        xAxis=x_axes,
        yAxis=y_axes,
        series=series,
        **({"visualMap": cells} if cells else {}),
        **_phone(panel, up),
    )


def height(panel: Panel) -> int:
    """How tall the figure wants to be, in pixels."""
    if panel.square:
        return SIDE
    across, up = directions(panel)
    extra = LEGEND if len(_names(panel)) > 1 else 0
    if any(isinstance(one, Parallel) for one in panel.series):
        return FLAT + 40
    if up.category:
        abreast = len({one.stack or one.name for one in panel.series if isinstance(one, Bars)}) or 1
        row = ROW if abreast == 1 else 10 + 13 * abreast
        if any(isinstance(one, Heat) and _lines(one) > 1 for one in panel.series):
            row = TALL_ROW
        return min(TALLEST, max(180, 86 + extra + row * len(up.categories)))
    return FLAT + extra + (50 if across.category and across.crowded else 0)


def sharp(panel: Panel) -> bool:
    """Whether the figure is light enough to be drawn as shapes, which can be saved as SVG."""
    return sum(_size(one) for one in panel.series) <= SHARP_MOST


def _series(one: Any, panel: Panel, across: Direction, up: Direction) -> list[Option]:
    match one:
        case Lines():
            return curves.lines(one, panel, across, up)
        case Points():
            return curves.points(one, panel, across, up)
        case Bars():
            return bars.series(one, panel, across, up)
        case Heat():
            return heat.series(one, across, up, panel.wide)
    return []


def _size(one: Any) -> int:
    match one:
        case Heat():
            return sum(len(row) for row in one.values) * (2 if one.text else 1)
        case Parallel():
            return len(one.rows) * 2
        case Bars():
            return len(one.values) * 2
        case Points():
            return len(one.x)
    return len(one.x) // 20


def _lines(one: Heat) -> int:
    return max((text.count("\n") + 1 for row in one.text for text in row), default=1)


def _names(panel: Panel) -> list[str]:
    return list(dict.fromkeys(one.name for one in panel.series if not isinstance(one, Heat) and one.name))


def _grey(panel: Panel) -> frozenset[str]:
    return frozenset(one.name for one in panel.series if isinstance(one, Lines) and one.reference)


def _legend(series: list[Option], without: frozenset[str]) -> Option:
    """Shown where there is more than one thing to tell apart."""
    shown = (one["name"] for one in series if one.get("name") and one["type"] != "heatmap")
    named = [name for name in dict.fromkeys(shown) if name not in without]
    return {
        "show": len(named) > 1,
        "type": "scroll",
        "data": named,
        "left": 4,
        "right": 4,
        "top": 0,
        "icon": "roundRect",
        "itemWidth": 12,
        "itemHeight": 8,
        "itemGap": 14,
        "padding": [3, 0],
        "textStyle": {"fontSize": look.SMALL, "width": 190, "overflow": "truncate"},
    }


def _phone(panel: Panel, up: Direction) -> Option:
    """What a narrow figure does without: long names, and texts in cells that no longer hold them."""
    small: Option = {}
    if up.category:
        small["yAxis"] = [{"axisLabel": {"width": 84}}]
    if any(len(row) > PHONE_COLUMNS for one in panel.series if isinstance(one, Heat) for row in one.text):
        small["series"] = [{"id": heat.ID, "label": {"show": False}}]
    return {"media": [{"query": {"maxWidth": PHONE}, "option": small}]} if small else {}


def _tooltip(panel: Panel, across: Direction, up: Direction) -> Option:
    """Along the axis where every x has its values; by item where things lie anywhere."""
    common: Option = {"confine": True, "textStyle": {"fontSize": look.SMALL}}
    together = all(isinstance(one, Lines | Bars) for one in panel.series)
    if together and not up.category:
        return common | {"trigger": "axis", "valueFormatter": up.printf()}
    if together:
        return common | {
            "trigger": "axis",
            "axisPointer": {"type": "shadow"},
            "valueFormatter": across.printf(),
        }
    return common | {"trigger": "item", "formatter": "{b}"}


__all__ = ["height", "option", "sharp"]
