"""How probable the positive class is, against the threshold that decides."""

from __future__ import annotations

from typing import Final

from ui import formats
from ui.figures import look
from ui.figures.look import Option

LOW: Final = 0.3
HIGH: Final = 0.7


def levels(threshold: float | None) -> tuple[tuple[float, str, str], ...]:
    """Upper bound, name and colour of each level.

    Low ends at 30 %, or at the threshold where that is lower: nothing that raises an alarm is a low risk.
    """
    low = LOW if threshold is None else min(LOW, threshold)
    return ((low, "Low", look.GREEN), (HIGH, "Medium", look.AMBER), (1.0, "High", look.RED))


def level(probability: float, threshold: float | None = None) -> tuple[str, str]:
    """Name and colour of the level in which a probability lies."""
    known = levels(threshold)
    return next(((name, color) for bound, name, color in known if probability < bound), known[-1][1:])


def probability(value: float, threshold: float | None) -> Option:
    """A half ring from 0 to 100 %: outside the levels, inside the answer, a needle at the threshold."""
    _, color = level(value, threshold)
    ring = {"type": "gauge", "startAngle": 180, "endAngle": 0, "min": 0, "max": 100, "center": ["50%", "82%"]}
    quiet = {
        "axisTick": {"show": False},
        "splitLine": {"show": False},
        "axisLabel": {"show": False},
        "pointer": {"show": False},
        "anchor": {"show": False},
        "title": {"show": False},
        "silent": True,
    }
    answer = {
        "radius": "118%",
        "axisLine": {"lineStyle": {"width": 20, "color": [[1, look.FILL]]}},
        "progress": {"show": True, "width": 20, "itemStyle": {"color": color}},
        "detail": {
            "formatter": formats.share(value),
            "fontSize": 30,
            "fontWeight": 600,
            "color": color,
            "offsetCenter": [0, "-14%"],
        },
        "data": [{"value": value * 100}],
    }
    outer = {
        "radius": "136%",
        "axisLine": {
            "lineStyle": {"width": 4, "color": [[bound, shade] for bound, _, shade in levels(threshold)]}
        },
        "detail": {"show": False},
        "data": [],
    }
    return look.base(series=[ring | quiet | outer, ring | quiet | answer, ring | quiet | _mark(threshold)])


def _mark(threshold: float | None) -> Option:
    """The threshold as a short needle across the answer's ring, with its value outside."""
    hidden = {"radius": "118%", "axisLine": {"show": False}, "detail": {"show": False}}
    if threshold is None:
        return hidden | {"data": []}
    needle = {
        "show": True,
        "icon": "rect",
        "width": 3,
        "length": "30%",
        "offsetCenter": [0, "-76%"],
        "itemStyle": {"color": look.MUTED},
    }
    return hidden | {"pointer": needle, "data": [{"value": threshold * 100}]}
