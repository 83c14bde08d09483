"""What all figures share: colours by job and a calm base.

The first colour of a figure comes from the theme's palette. The others are mid tones and translucent
fills that stand on a light page as well as on a dark one. Texts are another matter: no tone is readable on
both, so they take the theme's colour, and `inked` gives axes theirs once the page is known.
"""

from __future__ import annotations

from typing import Any, Final

Option = dict[str, Any]
"""An ECharts option: https://echarts.apache.org/en/option.html"""

NAIVE: Final = "#8792a6"
MUTED: Final = "#7a8599"
GREEN: Final = "#2f9e62"
AMBER: Final = "#c98424"
RED: Final = "#d64f4f"
BLUE: Final = "#4a86dc"

FILL: Final = "rgba(128, 142, 166, 0.13)"
LINE: Final = "rgba(128, 142, 166, 0.25)"
ROAD: Final = "rgba(128, 142, 166, 0.55)"

SHADES: Final = ("rgba(74, 134, 220, 0.05)", "rgba(74, 134, 220, 0.55)")
"""From nothing to all; body text stays readable on either."""

BOTH_SIDES: Final = ("rgba(201, 132, 36, 0.60)", "rgba(128, 142, 166, 0.06)", "rgba(74, 134, 220, 0.60)")
"""From far below over the middle to far above."""

INK: Final = {"light": "#4c5870", "dark": "#aab4c6"}
"""Texts of axes by theme: quieter than the page's text, and as readable as it has to be."""

SMALL: Final = 12

CENTRE: Final[Option] = {
    "position": ["50%", "50%"],
    "align": "center",
    "verticalAlign": "middle",
    "textBorderWidth": 0,
}
"""Places a label in the middle of its shape without ECharts' own colours for labels inside of shapes,
which suit opaque fills only: the label keeps the theme's text colour."""


def base(**more: Any) -> Option:
    """A still figure without legend: numbers change in place, nothing is drawn twice for show."""
    return {"animation": False, "useUTC": True, "legend": {"show": False}} | more


def grid(left: int = 8, right: int = 12, top: int = 12, bottom: int = 8, labels: bool = True) -> Option:
    """The plot's frame in pixels; with `labels`, the axes' texts are inside it."""
    return {"left": left, "right": right, "top": top, "bottom": bottom, "containLabel": labels}


def axis(kind: str = "value", **more: Any) -> Option:
    """An axis of thin lines and small text."""
    return {
        "type": kind,
        "axisLabel": {"fontSize": SMALL},
        "nameTextStyle": {"fontSize": SMALL},
        "splitLine": {"lineStyle": {"color": LINE}},
        "axisLine": {"show": False},
        "axisTick": {"show": False},
    } | more


def hidden(**more: Any) -> Option:
    """An axis that only places things."""
    return {"type": "value", "show": False} | more


def inked(option: Option, theme: str | None) -> Option:
    """The same figure with the texts of its axes in the ink of the page's theme, light where unknown."""
    ink = INK.get(theme or "light", INK["light"])
    axes = [name for name in ("xAxis", "yAxis", "parallelAxis") if name in option]
    return option | {name: _inked(option[name], ink) for name in axes}


def _inked(axis: Any, ink: str) -> Any:
    if isinstance(axis, list):
        return [_inked(one, ink) for one in axis]
    return axis | {name: {"color": ink} | axis.get(name, {}) for name in ("axisLabel", "nameTextStyle")}


def diagonal(low: float, high: float) -> Option:
    """The dotted line on which both axes agree."""
    return {
        "type": "line",
        "data": [[low, low], [high, high]],
        "symbol": "none",
        "silent": True,
        "tooltip": {"show": False},
        "lineStyle": {"color": NAIVE, "type": "dotted", "width": 1.5},
    }
