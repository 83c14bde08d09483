"""Whether a stated probability happens that often."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from ui import formats
from ui.figures import look
from ui.figures.look import Option

Bin = tuple[float, float, int]
"""Mean stated probability, share of positives, count."""


def reliability(bins: Sequence[Bin]) -> Option:
    """Share of positives over stated probability; a dot's area is its count, the diagonal is perfect."""
    filled = [one for one in bins if one[2] > 0]
    most = max((n for _, _, n in filled), default=1)
    data = [
        {
            "value": [mean * 100, happened * 100],
            "symbolSize": 7 + 17 * sqrt(n / most),
            "name": _said(mean, happened, n),
        }
        for mean, happened, n in filled
    ]
    label = {"fontSize": look.SMALL, "formatter": "{value} %"}
    axis = look.axis(min=0, max=100, interval=25, axisLabel=label)
    return look.base(
        grid=look.grid(right=18, top=14),
        tooltip={"trigger": "item", "formatter": "{b}", "confine": True},
        xAxis=axis | {"splitLine": {"show": False}},
        yAxis=axis,
        series=[
            {"type": "line", "data": data, "symbol": "circle", "lineStyle": {"width": 1.5}, "clip": False},
            look.diagonal(0, 100),
        ],
    )


def _said(mean: float, happened: float, n: int) -> str:
    return f"said {formats.share(mean)}, happened {formats.share(happened)}, {formats.count(n)} events"


def expected_error(bins: Sequence[Bin]) -> float | None:
    """Mean distance between stated and happened, weighted by count; None without labels.

    Source: Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
    binning" (2015).
    """
    total = sum(n for _, _, n in bins)
    if not total:
        return None
    return sum(abs(mean - happened) * n for mean, happened, n in bins) / total
