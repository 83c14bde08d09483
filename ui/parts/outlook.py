"""What is known before labels come: expected scores beside the realised ones, and changes of the stream."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import streamlit as st

from core.api.live import LiveAnswer
from core.declaration import Application
from core.metrics import metrics
from core.records import DriftEvent
from ui import formats

EVENTS = 8
"""As many of the latest changes are shown."""


def draw(application: Application, live: LiveAnswer) -> None:
    """Two tables, each with its empty state."""
    _estimates(application, live)
    _changes(application, live.drift or [])


def _estimates(application: Application, live: LiveAnswer) -> None:
    known = {metric.id: metric for metric in metrics(application.task)}
    found = [(known[name], one) for name, one in (live.estimated or {}).items() if one.value is not None]
    if not found:
        if application.label:
            st.caption(":material/hourglass_empty: Scores are estimated once answers wait for their labels.")
        return
    st.dataframe(
        [
            {
                "Score": metric.title,
                "Expected": formats.score(metric, one.value),
                "Realised": formats.score(metric, one.realised),
                "Off by": formats.score(metric, one.error),
            }
            for metric, one in found
        ],
        hide_index=True,
        column_config={
            "Expected": st.column_config.TextColumn(help="Of the answers whose labels are not known yet"),
            "Realised": st.column_config.TextColumn(help="Of the latest answers whose labels are known"),
            "Off by": st.column_config.TextColumn(help="Mean distance of past estimates from what came"),
        },
        key=f"{application.name}:estimated",
        alt="Expected and realised scores",
    )


def _changes(application: Application, events: list[DriftEvent]) -> None:
    if not events:
        st.caption(":material/check: No drift was found so far, of inputs or of the error.")
        return
    st.dataframe(
        [_row(one) for one in reversed(events[-EVENTS:])],
        hide_index=True,
        column_config={
            "Time (UTC)": st.column_config.DatetimeColumn(format="MMM DD, HH:mm:ss"),
            "Size": st.column_config.NumberColumn(format="%+.2f", help="In standard deviations"),
        },
        key=f"{application.name}:drift",
        alt="The latest changes of the stream",
    )


def _row(one: DriftEvent) -> dict[str, Any]:
    what = f"Error of {formats.words(one.model).lower()}" if one.model else formats.words(one.feature)
    return {
        "Time (UTC)": one.time.astimezone(UTC).replace(tzinfo=None),
        "What changed": what,
        "Before": round(one.before, 4),
        "After": round(one.after, 4),
        "Size": one.magnitude,
    }
