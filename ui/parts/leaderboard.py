"""The roster of an application, best first: every model on the same events, naive answers among them."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.api.live import LiveAnswer
from core.declaration import Application
from core.metrics import Metric, metrics, rolling
from core.records import Standing
from ui import formats
from ui.parts import trouble

PROMOTIONS = 3
"""As many of the latest changes of champion are told."""

LEADING = 3
"""Scores of a model that the table shows, beside the one that decides."""


def draw(application: Application, live: LiveAnswer) -> None:
    """The table, and how the champion came to be it."""
    if not live.models:
        trouble.waiting(None)
        return
    decides = rolling(application.task)
    shown = [decides, *(one for one in metrics(application.task)[:LEADING] if one.id != decides.id)]
    st.dataframe(
        [_row(one, shown) for one in ranked(live.models, decides)],
        hide_index=True,
        placeholder=formats.UNKNOWN,
        column_config={
            one.title: st.column_config.NumberColumn(one.title, help=one.explanation) for one in shown
        }
        | {
            "Events": st.column_config.TextColumn(help="Share of the events that it is asked and taught"),
            "Time": st.column_config.TextColumn(help="Of one core per event: to ask, teach and score"),
        },
        key=f"{application.name}:leaderboard",
        alt=f"Models of {application.title} by {decides.title}",
    )
    st.caption(_told(live, decides))


def ranked(models: list[Standing], decides: Metric) -> list[Standing]:
    """The best first by the score that decides; those without one last."""
    sign = -1 if decides.better == "higher" else 1

    def place(one: Standing) -> tuple[bool, float]:
        score = one.scores.get(decides.id)
        return score is None, 0.0 if score is None else sign * score

    return sorted(models, key=place)


def _row(one: Standing, shown: list[Metric]) -> dict[str, Any]:
    role = "champion" if one.champion else "costs nothing" if one.naive else "challenger"
    if not one.trained:
        role += ", learning"
    row: dict[str, Any] = {"Model": formats.words(one.name), "Role": role}
    for metric in shown:
        value = one.scores.get(metric.id)
        row[metric.title] = None if value is None else round(value, metric.digits)
    row["Events"] = formats.share(one.share, 0)
    row["Time"] = formats.UNKNOWN if one.microseconds is None else f"{one.microseconds:,.0f} µs"
    row["Size"] = formats.UNKNOWN if one.bytes is None else f"{one.bytes / 1000:,.0f} kB"
    return row


def _told(live: LiveAnswer, decides: Metric) -> str:
    way = "Chosen by hand." if live.pinned else f"Chosen by {decides.title}."
    changes = [
        f"{one.after} took over from {one.before} at {formats.utc(one.time)} UTC, {one.reason}."
        for one in reversed((live.promotions or [])[-PROMOTIONS:])
    ]
    return " ".join([way, *changes])
