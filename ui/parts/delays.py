"""Scores by how late the label came, and per class at the served threshold."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.api.live import LiveAnswer
from core.declaration import Application, Classification
from core.metrics import Metric, metrics
from core.records import ClassScores, DelayScores, Standing
from ui import formats
from ui.parts import trouble

LEADING = 3
"""Scores of a bucket that the table shows."""


def draw(application: Application, live: LiveAnswer) -> None:
    """The champion's tables; nothing to say of a task without labels."""
    champion = next((one for one in live.models or [] if one.champion), None)
    if champion is None or not champion.by_delay:
        trouble.waiting(None)
        return
    _by_delay(application, champion)
    if isinstance(application.task, Classification) and champion.report:
        _by_class(formats.positive_word(application.task.label), champion.report)


def _by_delay(application: Application, champion: Standing) -> None:
    shown = [one for one in metrics(application.task) if one.id in champion.by_delay[0].scores][:LEADING]
    st.dataframe(
        [_bucket(one, shown) for one in champion.by_delay],
        hide_index=True,
        key=f"{application.name}:by-delay",
        alt="Scores by the delay of the label",
    )
    st.caption("Each answer is graded when its label is known; what came late counts like the rest.")


def _bucket(one: DelayScores, shown: list[Metric]) -> dict[str, Any]:
    until = "or later" if one.high_s is None else f"to {formats.span(one.high_s)}"
    scores = {metric.title: formats.score(metric, one.scores.get(metric.id)) for metric in shown}
    return {"Label after": f"{formats.span(one.low_s)} {until}", "Answers": formats.count(one.count)} | scores


def _by_class(word: str, report: list[ClassScores]) -> None:
    st.dataframe(
        [
            {
                "Class": word if one.value else f"Not {word.lower()}",
                "Precision": formats.share(one.precision),
                "Recall": formats.share(one.recall),
                "F1": formats.share(one.f1),
                "Truths": formats.count(one.n),
            }
            for one in report
        ],
        hide_index=True,
        alt="Precision, recall and F1 per class",
    )
