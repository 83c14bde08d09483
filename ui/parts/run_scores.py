"""Every score of a run on its own test rows, in groups, beside the answer that costs nothing."""

from __future__ import annotations

from itertools import groupby

import streamlit as st

from core.declaration import Application
from core.metrics import Metric, batch_metrics
from ui import formats
from ui.client_batch import Run
from ui.parts import kpis


def draw(application: Application, run: Run) -> None:
    """A row of cards per group; red only where the naive answer is better."""
    for title, members in grouped(application):
        st.caption(title or "Scores")
        with st.grid(6, min_column_width=140, gap="small"):
            for metric in members:
                _card(metric, run.scores.get(metric.id), run.naive.get(metric.id))


def grouped(application: Application) -> list[tuple[str, list[Metric]]]:
    """The metrics of a task by group, both in the order in which they are declared."""
    order = {metric.group: None for metric in batch_metrics(application.task)}
    ranked = sorted(batch_metrics(application.task), key=lambda metric: list(order).index(metric.group))
    return [(title, list(members)) for title, members in groupby(ranked, key=lambda metric: metric.group)]


def _card(metric: Metric, value: float | None, naive: float | None) -> None:
    better = kpis.better_than_naive(metric, value, naive)
    st.metric(
        metric.title,
        formats.score(metric, value),
        "no naive answer" if naive is None else f"naive {formats.score(metric, naive)}",
        delta_color="red" if better is False and value != naive else "off",
        delta_arrow="off",
        help=kpis.explained(metric),
        border=True,
        height="stretch",
    )
