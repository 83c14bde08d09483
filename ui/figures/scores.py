"""A score over time beside the answer that costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from core.api.live import ScorePoint
from core.metrics import Metric
from ui import formats
from ui.figures import look
from ui.figures.look import Option

Axis = Literal["taught", "time"]

AXES: Final[dict[Axis, str]] = {"taught": "Events taught", "time": "Time (UTC)"}


_INNER: Final = {"fontSize": look.SMALL, "showMinLabel": False, "showMaxLabel": False}
"""Round numbers only: the first and the last point's own would crowd them."""


def over_time(points: Sequence[ScorePoint], metric: Metric, axis: Axis = "taught") -> Option:
    """Model and naive answer as two lines, each named at its end; gaps where a score is unknown."""
    model = [[_place(point, axis), point.scores.get(metric.id)] for point in points]
    naive = [[_place(point, axis), point.naive.get(metric.id)] for point in points]
    series = [_line("model", model, metric, {"width": 2.2})]
    if any(value is not None for _, value in naive):
        series.append(_line("naive", naive, metric, {"width": 1.5, "type": "dotted", "color": look.NAIVE}))
    kind = "value" if axis == "taught" else "time"
    return look.base(
        grid=look.grid(right=104, top=14),
        tooltip={"trigger": "axis", "valueFormatter": _printf(metric), "confine": True},
        xAxis=look.axis(kind, splitLine={"show": False}, axisLabel=_INNER, min="dataMin", max="dataMax"),
        yAxis=look.axis(scale=True, splitNumber=4),
        series=series,
    )


def spark(points: Sequence[ScorePoint], metric: Metric) -> Option:
    """The shape of a score on a card: no axes, the naive answer dotted."""
    model = [[n, point.scores.get(metric.id)] for n, point in enumerate(points)]
    naive = [[n, point.naive.get(metric.id)] for n, point in enumerate(points)]
    dot = next((pair for pair in reversed(model) if pair[1] is not None), None)
    return look.base(
        grid=look.grid(left=2, right=6, top=6, bottom=6, labels=False),
        xAxis=look.hidden(min="dataMin", max="dataMax"),
        yAxis=look.hidden(scale=True),
        series=[
            {"type": "line", "data": model, "showSymbol": False, "silent": True, "lineStyle": {"width": 2}},
            {
                "type": "line",
                "data": naive,
                "showSymbol": False,
                "silent": True,
                "lineStyle": {"width": 1.2, "type": "dotted", "color": look.NAIVE},
            },
            {
                "type": "scatter",
                "data": [dot] if dot else [],
                "symbolSize": 6,
                "silent": True,
                "color": look.BLUE,
            },
        ],
    )


def values(points: Sequence[ScorePoint], metric_id: str) -> list[float]:
    """The known values of a score, for a small trend line."""
    return [value for point in points if (value := point.scores.get(metric_id)) is not None]


def _place(point: ScorePoint, axis: Axis) -> int | str | None:
    return point.taught if axis == "taught" else point.time.isoformat()


def _line(name: str, data: list[list[Any]], metric: Metric, line: Option) -> Option:
    last = next((value for _, value in reversed(data) if value is not None), None)
    return {
        "type": "line",
        "name": name,
        "data": data,
        "showSymbol": False,
        "symbol": "circle",
        "lineStyle": line,
        "itemStyle": {"color": line["color"]} if "color" in line else {},
        "endLabel": {
            "show": last is not None,
            "formatter": f"{name} {formats.score(metric, last)}",
            "fontSize": look.SMALL,
            # A grey line's name is text all the same: it takes the theme's colour.
            **({} if "color" in line else {"color": "inherit"}),
        },
        "labelLayout": {"moveOverlap": "shiftY"},
    }


def _printf(metric: Metric) -> str:
    unit = f" {metric.unit}".replace("%", "%%") if metric.unit else ""
    return f"%,.{metric.digits}f{unit}"
