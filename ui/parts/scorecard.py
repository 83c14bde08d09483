"""Every score of a task with what it means."""

from __future__ import annotations

import streamlit as st

from core.api.live import LiveAnswer
from core.declaration import Application
from core.metrics import metrics
from ui import formats
from ui.parts import kpis


def draw(application: Application, live: LiveAnswer) -> None:
    """One small card per score; its help holds explanation, formula and range."""
    with st.grid(4, min_column_width=150, gap="small"):
        for metric in metrics(application.task):
            value, naive = (live.scores or {}).get(metric.id), (live.naive or {}).get(metric.id)
            st.metric(
                metric.title,
                formats.score(metric, value),
                "no naive answer" if naive is None else f"naive {formats.score(metric, naive)}",
                delta_color="off",
                delta_arrow="off",
                help=kpis.explained(metric),
                border=True,
                height="stretch",
            )
    with st.expander("What these scores mean", icon=":material/menu_book:"):
        st.table(
            [
                {
                    "Score": f"**{metric.title}**",
                    "What it tells": metric.explanation,
                    "Formula": f"`{metric.formula}`",
                    "Range": f"{metric.low:g} to {'∞' if metric.high is None else f'{metric.high:g}'}",
                    "Better": metric.better,
                }
                for metric in metrics(application.task)
            ],
            border="horizontal",
            hide_index=True,
        )
