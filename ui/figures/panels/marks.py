"""Lines across a panel that say something: a threshold, a budget, a change of the stream."""

from __future__ import annotations

from typing import Any, Final

from core.diagnostics.shapes import Mark, Panel
from ui.figures import look
from ui.figures.look import Option
from ui.figures.panels.axes import Direction

FEW: Final = 3
"""As many upright marks have their texts above them; more have them along their lines."""

MANY: Final = 8
"""More marks than this are a grid, not news: they stay grey."""

LETTER: Final = 6.6
WIDEST: Final = 150


def room(panel: Panel) -> int:
    """Pixels that the texts of level marks need to the right of the plot."""
    longest = max(
        (len(mark.text) for mark in panel.marks if mark.x is None and mark.y is not None), default=0
    )
    return int(min(WIDEST, longest * LETTER)) + 10 if longest else 0


def above(panel: Panel) -> bool:
    """Whether texts stand above the plot."""
    upright = sum(mark.x is not None and mark.y is None for mark in panel.marks)
    return 0 < upright <= FEW


def series(panel: Panel, across: Direction, up: Direction) -> list[Option]:
    """An empty series that carries the marks, so that hiding a curve in the legend leaves them."""
    if not panel.marks:
        return []
    # The upper end of an upright line is its start where the upright axis runs downwards.
    end = "start" if up.category else "end"
    where = end if above(panel) else f"inside{end.capitalize()}Top"
    color = look.AMBER if len(panel.marks) <= MANY else look.ROAD
    lines = [_line(mark, across, up, where) for mark in panel.marks if (mark.x is None) != (mark.y is None)]
    dots = [_dot(mark, across, up) for mark in panel.marks if mark.x is not None and mark.y is not None]
    return [
        {
            "type": "scatter",
            "data": [],
            "silent": True,
            "tooltip": {"show": False},
            "markLine": {
                "silent": True,
                "symbol": "none",
                "animation": False,
                "precision": 6,
                "lineStyle": {"color": color, "type": "solid", "width": 1.2},
                "data": lines,
            },
            "markPoint": {"silent": True, "symbol": "circle", "symbolSize": 10, "data": dots},
            "z": 6,
        }
    ]


def _line(mark: Mark, across: Direction, up: Direction, where: str) -> Option:
    label: Option = {
        "show": bool(mark.text),
        "formatter": plain(mark.text),
        "fontSize": look.SMALL,
        "position": where if mark.x is not None else "end",
        "textBorderWidth": 0,
        "width": WIDEST,
        "overflow": "truncate",
    }
    place: dict[str, Any] = (
        {"xAxis": across.place(mark.x)} if mark.x is not None else {"yAxis": up.place(mark.y)}
    )
    return place | {"label": label}


def _dot(mark: Mark, across: Direction, up: Direction) -> Option:
    return {
        "coord": [across.place(mark.x), up.place(mark.y)],
        "itemStyle": {"color": look.AMBER},
        "label": {
            "show": bool(mark.text),
            "formatter": plain(mark.text),
            "position": "right",
            "fontSize": look.SMALL,
            "textBorderWidth": 0,
        },
    }


def plain(text: str) -> str:
    """A text that ECharts does not take for a template."""
    return text.replace("{", "(").replace("}", ")")
