"""The switch of a learner: rest and go on, and the way back to a version.

report (what is asked, what is done) -> switch and words
switch, button -> the API -> the learner follows within a second or two; the words say how far it is
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from core.api.client.base import ApiError
from core.api.live import LiveAnswer, VersionAnswer
from core.declaration import Application
from core.metrics import metrics
from core.records import LearnerState
from ui import formats, reads
from ui.parts import trouble

RUNNING = (LearnerState.LIVE, LearnerState.PAUSED, LearnerState.STARTING)


def draw(application: Application, report: LiveAnswer) -> None:
    """One line: the switch, what the learner does about it, and the versions."""
    name = application.name
    problem: ApiError | None = st.session_state.pop(f"{name}:training:problem", None)
    # The switch shows what the API says is asked, not what was clicked: another person may have switched.
    st.session_state[f"{name}:training"] = report.training
    with st.container(horizontal=True, vertical_alignment="center"):
        st.toggle(
            "Training",
            key=f"{name}:training",
            on_change=_switch,
            args=(name,),
            help="Off, the learner takes no events and keeps what it knows; on, it goes on where it was.",
        )
        st.caption(said(report), width="content")
        with st.popover("Go back", icon=":material/history:", type="tertiary", key=f"{name}:versions"):
            _versions(application)
    if problem is not None:
        trouble.refused(problem, "Not done")


def said(report: LiveAnswer) -> str:
    """What the learner does about what is asked of it, in a few words."""
    if report.state not in RUNNING:
        return "" if report.training else "The learner does not run. It will rest when it starts."
    if report.resetting is not None:
        return f":material/hourglass_empty: Going back to version {formats.count(report.resetting)} ..."
    if report.training and report.state == LearnerState.STARTING and report.lag:
        return f":material/hourglass_empty: Catching up: {formats.count(report.lag)} events left."
    if report.training:
        return ":material/hourglass_empty: Going on ..." if report.state == LearnerState.PAUSED else ""
    if report.state == LearnerState.PAUSED:
        return ":material/pause_circle: Takes no events, and keeps what it knows."
    return ":material/hourglass_empty: Pausing ..."


def _switch(name: str) -> None:
    _ask(name, lambda: reads.client().train(name, bool(st.session_state[f"{name}:training"])))


def _versions(application: Application) -> None:
    name, now = application.name, datetime.now(UTC)
    kept = {one.version: one for one in reads.versions(name).value or []}
    if not kept:
        st.caption("No version is kept yet: the first one comes after some minutes, or with a rest.")
        return
    chosen = st.radio(
        "Go back to",
        list(kept),
        format_func=lambda version: label(application, kept[version], now),
        key=f"{name}:version",
    )
    st.caption("What came after it is learned again. The state of now is kept as a version, too.")
    if chosen in kept:
        st.button(
            f"Reset to version {formats.count(chosen)}",
            key=f"{name}:reset",
            icon=":material/history:",
            on_click=_reset,
            args=(name, chosen),
        )


def label(application: Application, one: VersionAnswer, now: datetime) -> str:
    """A version in one line: number, age, labels, and the leading score."""
    leading = metrics(application.task)[0]
    value = formats.score(leading, one.scores.get(leading.id))
    age, labels = formats.since(one.created, now), formats.compact(one.taught)
    return f"{formats.count(one.version)}: {age} old, {labels} labels, {leading.title} {value}"


def _reset(name: str, version: int) -> None:
    _ask(name, lambda: reads.client().reset(name, version))


def _ask(name: str, question: Callable[[], None]) -> None:
    """Asks the API; what it refuses is told at the next drawing."""
    try:
        question()
    except ApiError as problem:
        st.session_state[f"{name}:training:problem"] = problem
    reads.forget()
