"""The row of four numbers that a live screen leads with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import streamlit as st

from core.api.live import LiveAnswer, ScorePoint
from core.declaration import Application, Classification, Clustering, Regression
from core.metrics import Metric, metrics
from ui import formats
from ui.figures import scores

Tone = Literal["blue", "red", "off"]

_SECOND: Final[dict[type, str]] = {Classification: "f2", Regression: "r2", Clustering: "stability"}
"""The score beside the leading one: the quality of the decisions."""

_THIRD: Final[dict[type, str]] = {Classification: "log_loss"}
"""The score that tells whether probabilities mean what they say; other tasks show lessons instead."""


@dataclass(frozen=True, slots=True)
class Kpi:
    """One number: what it is, what it is compared with, how it went."""

    label: str
    value: str
    beside: str
    trend: tuple[float, ...]
    help: str = ""
    tone: Tone = "off"


def explained(metric: Metric) -> str:
    """What a score is, its formula, its range and which way is better, as Markdown."""
    low = f"{metric.low:g}"
    top = "no upper limit" if metric.high is None else f"{metric.high:g}"
    return f"{metric.explanation}\n\n`{metric.formula}`\n\nFrom {low} to {top}; {metric.better} is better."


def better_than_naive(metric: Metric, value: float | None, naive: float | None) -> bool | None:
    """Whether a score beats the answer that costs nothing; None where either is unknown."""
    if value is None or naive is None:
        return None
    return value > naive if metric.better == "higher" else value < naive


def four(application: Application, live: LiveAnswer, points: Sequence[ScorePoint]) -> list[Kpi]:
    """Rate, leading score, quality of the decisions, and calibration or lessons."""
    known = {metric.id: metric for metric in metrics(application.task)}
    leading = metrics(application.task)[0]
    more = [kinds[kind] for kinds in (_SECOND, _THIRD) if (kind := type(application.task)) in kinds]
    chosen = [leading, *(known[name] for name in more)]
    row = [_rate(application, live, points), *(score(metric, live, points) for metric in chosen)]
    return [*row, lessons(application, live, points)][:4]


def score(metric: Metric, live: LiveAnswer, points: Sequence[ScorePoint]) -> Kpi:
    """A score with the naive answer's beside it; red only when the naive answer is better."""
    value, naive = (live.scores or {}).get(metric.id), (live.naive or {}).get(metric.id)
    better = better_than_naive(metric, value, naive)
    tone: Tone = "red" if better is False and value != naive else "blue"
    beside = "no naive answer" if naive is None else f"naive {formats.score(metric, naive)}"
    trend = tuple(scores.values(points, metric.id))
    return Kpi(metric.title, formats.score(metric, value), beside, trend, explained(metric), tone)


def lessons(application: Application, live: LiveAnswer, points: Sequence[ScorePoint]) -> Kpi:
    """How many events the model has learned from."""
    trend = tuple(float(point.taught) for point in points if point.taught is not None)
    about = f"How many {application.noun} the model has learned from. It is taught when the label is known."
    return Kpi(
        "Events taught",
        formats.count(live.taught),
        f"{formats.count(live.pending)} await label",
        trend,
        about,
    )


def _rate(application: Application, live: LiveAnswer, points: Sequence[ScorePoint]) -> Kpi:
    trend = tuple(point.rate for point in points if point.rate is not None)
    about = f"How many {application.noun} the model answers per second; behind: not yet asked about."
    return Kpi(
        "Events per second", formats.rate(live.rate), f"{formats.count(live.lag)} behind", trend, about
    )


def draw(row: Sequence[Kpi]) -> None:
    """The numbers as cards of one height, two abreast on a phone."""
    with st.grid(len(row), min_column_width=150, gap="small"):
        for kpi in row:
            st.metric(
                kpi.label,
                kpi.value,
                kpi.beside,
                delta_color=kpi.tone,
                delta_arrow="off",
                help=kpi.help or None,
                border=True,
                height="stretch",
                chart_data=kpi.trend if len(kpi.trend) > 1 else None,
                chart_type="line",
            )
