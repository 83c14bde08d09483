"""The screen of one application, built from its declaration: live, predict, batch, diagnostics, SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

from core.declaration import Application
from core.records import LearnerState
from ui import formats, reads
from ui.parts import trouble
from ui.parts.chips import chip
from ui.screens import batch, diagnostics, live, predict, sql

VIEWS: Final[dict[str, Callable[[Application], None]]] = {
    "Live": live.show,
    "Predict": predict.show,
    "Batch": batch.show,
    "Diagnostics": diagnostics.show,
    "SQL": sql.show,
}


def show(application: Application) -> None:
    """Draws the screen; only the chosen view computes anything."""
    st.title(application.title, anchor=False)
    _head(application)
    chosen = st.segmented_control(
        "View",
        list(VIEWS),
        default=next(iter(VIEWS)),
        required=True,
        key="view",
        bind="query-params",
        label_visibility="collapsed",
    )
    VIEWS[chosen or next(iter(VIEWS))](application)


@st.fragment(run_every=2)
def _head(application: Application) -> None:
    """State, model and run in one line; the only notice when the API is away."""
    reading = reads.live(application.name)
    trouble.notice(reading)
    report = reading.value
    if report is None:
        st.caption(application.summary)
        return
    said = [chip(report.state)]
    if report.champion:
        version = f" version {formats.count(report.version)}" if report.version is not None else ""
        said.append(f"**{report.champion}**{version}")
    if report.clock:
        said.append(f":gray[has learned up to {formats.utc(report.clock)} UTC]")
    if report.run_url:
        said.append(f"[:material/experiment: MLflow run]({report.run_url})")
    st.markdown("&ensp;".join(said))
    if report.error and report.state == LearnerState.FAILED:
        st.error(report.error, title="The learner stopped", icon=":material/error:")
    elif report.error:
        st.caption(f":material/hourglass_empty: {report.error}")
