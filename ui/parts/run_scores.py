"""Every score of a run on its own test rows, in groups, beside the answer that costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

import streamlit as st

from core.declaration import Application
from core.metrics import Metric, batch_metrics
from core.runs import RunSummary
from ui import formats
from ui.parts import kpis

ABREAST: Final = 6
"""Cards side by side."""


def draw(application: Application, run: RunSummary) -> None:
    """A line of cards per group, small groups side by side; red only where the naive answer is better."""
    for line in lines([(title, len(members)) for title, members in grouped(application)]):
        found = dict(grouped(application))
        for cell, (title, size) in zip(st.columns([size for _, size in line]), line, strict=True):
            with cell:
                st.caption(title or "Scores")
                with st.grid(min(size, ABREAST), min_column_width=120, gap="small"):
                    for metric in found[title]:
                        _card(metric, run.scores.get(metric.id), run.naive.get(metric.id))


def lines(groups: Sequence[tuple[str, int]]) -> list[list[tuple[str, int]]]:
    """Groups in their order, as many to a line as it has places."""
    found: list[list[tuple[str, int]]] = []
    for group in groups:
        if found and sum(size for _, size in found[-1]) + group[1] <= ABREAST:
            found[-1].append(group)
        else:
            found.append([group])
    return found


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
