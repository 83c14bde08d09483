"""Predicted against true numbers."""

from __future__ import annotations

from collections.abc import Sequence

from ui.figures import look
from ui.figures.look import Option

SECONDS = "s"


def predicted_over_true(pairs: Sequence[tuple[float, float]], unit: str) -> Option:
    """One dot per event (truth, answer); on the diagonal the answer was right. Seconds show as minutes."""
    scale, shown = (60.0, "min") if unit == SECONDS else (1.0, unit)
    dots = [
        {
            "value": [truth / scale, answer / scale],
            "name": f"took {truth / scale:.1f} {shown}, answered {answer / scale:.1f} {shown}",
        }
        for truth, answer in pairs
    ]
    top = max((max(pair) for pair in pairs), default=1.0) / scale * 1.05
    low = min((min(pair) for pair in pairs), default=0.0) / scale
    label = {
        "fontSize": look.SMALL,
        "formatter": f"{{value}} {shown}",
        "showMaxLabel": False,
    }
    axis = look.axis(min=min(0.0, low), max=top, splitNumber=5, axisLabel=label)
    return look.base(
        grid=look.grid(right=20, top=14),
        tooltip={"trigger": "item", "formatter": "{b}", "confine": True},
        xAxis=axis | {"splitLine": {"show": False}},
        yAxis=axis,
        series=[
            {"type": "scatter", "data": dots, "symbolSize": 7, "itemStyle": {"opacity": 0.55}},
            look.diagonal(min(0.0, low), top),
        ],
    )
