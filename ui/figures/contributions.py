"""What moved an answer: one bar per input, to the right what raised it, to the left what lowered it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from core.records import Contribution
from ui import formats
from ui.figures import look
from ui.figures.look import Option

MOST: Final = 8

_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")

ROW: Final = 30
"""Height of a bar with its space in pixels."""

ROOM: Final = 1.45
"""How far the axis goes beyond the longest bar: the effect's text stands there."""


def named(one: Contribution) -> str:
    """An input with its value: "Amount 812.4"; inputs that act together have none of their own."""
    names = " x ".join(formats.words(name) for name in one.name.split(" x "))
    bare = one.value is None or isinstance(one.value, list | tuple) or str(one.value).strip() == ""
    return names if bare else f"{names} {_value(one.value)}"


def bars(told: Sequence[Contribution], scale: float = 1.0, digits: int = 2, unit: str = "") -> Option:
    """The largest effects first, divided by `scale` and shown with `digits` and `unit`."""
    shown = list(told[:MOST])
    effects = [one.effect / scale for one in shown]
    far = max((abs(effect) for effect in effects), default=0.0) or 1.0
    data = [
        {
            "value": effect,
            "itemStyle": {"color": look.BLUE if effect >= 0 else look.AMBER},
            "label": {
                "formatter": f"{effect:+,.{digits}f} {unit}".strip(),
                "position": "right" if effect >= 0 else "left",
            },
        }
        for effect in effects
    ]
    return look.base(
        grid=look.grid(top=4, bottom=4, left=4, right=4),
        xAxis=look.hidden(min=-far * ROOM, max=far * ROOM),
        yAxis=look.axis(
            "category",
            data=[named(one) for one in shown],
            inverse=True,
            axisLabel={"fontSize": look.SMALL, "width": 150, "overflow": "truncate"},
        ),
        series=[
            {
                "type": "bar",
                "data": data,
                "barWidth": 14,
                "silent": True,
                "itemStyle": {"borderRadius": 3},
                "label": {"show": True, "fontSize": look.SMALL},
                "markLine": {
                    "silent": True,
                    "symbol": "none",
                    "label": {"show": False},
                    "lineStyle": {"color": look.LINE, "type": "solid"},
                    "data": [{"xAxis": 0}],
                },
            }
        ],
    )


def height(told: Sequence[Contribution]) -> int:
    """Of the figure in pixels."""
    return 12 + ROW * max(1, min(MOST, len(told)))


def _value(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
    text = str(value)
    if _MOMENT.match(text):
        return text[:16].replace("T", " ")
    return text if len(text) <= 24 else f"{text[:23]}\N{HORIZONTAL ELLIPSIS}"
