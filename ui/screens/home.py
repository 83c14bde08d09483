"""The first screen: what runs, how far the events have come, what each application has learned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from core.api.live import LiveAnswer
from core.api.status import ApplicationStatus, PartStatus, StatusAnswer
from core.applications import APPLICATIONS
from core.declaration import Application
from core.metrics import metrics
from core.settings import settings
from ui import formats, reads
from ui.figures import flow, scores
from ui.parts import chart, guide, trouble
from ui.parts.chips import chip
from ui.parts.health import health, healthy


def show(pages: Mapping[str, st.Page]) -> None:
    """Draws the screen; `pages` are the applications' own, by name."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.title("Overview", anchor=False, width="content")
        _links()
    _pulse()
    with st.grid(len(APPLICATIONS), min_column_width=300, gap="medium"):
        for name, page in pages.items():
            _card(APPLICATIONS[name], page)
    _parts()


def _links() -> None:
    chosen = settings()
    with st.container(horizontal=True, width="content", gap="small"):
        st.link_button(
            "Flink",
            f"http://{chosen.flink.host}:{chosen.flink.port}",
            icon=":material/conversion_path:",
            type="tertiary",
        )
        st.link_button("MLflow", chosen.mlflow.url, icon=":material/experiment:", type="tertiary")
        st.link_button("API docs", f"{chosen.api_url}/docs", icon=":material/api:", type="tertiary")


@st.fragment(run_every=2)
def _pulse() -> None:
    reading = reads.status()
    trouble.notice(reading)
    if reading.value is None:
        return
    status = reading.value
    judged = health(status, APPLICATIONS)
    icon = ":red[:material/warning:]" if judged.troubles else ":material/monitor_heart:"
    st.markdown(f"{icon} {judged.line}")
    for said in judged.troubles:
        st.markdown(f":red[{said}]")
    flows = [status.applications.get(name, ApplicationStatus()) for name in APPLICATIONS]
    if guide.arriving(flows):
        guide.draw(flows)


@st.fragment(run_every=2)
def _card(application: Application, page: st.Page) -> None:
    with st.container(border=True, height="stretch", gap="small"):
        status, live = reads.status().value, reads.live(application.name).value
        st.subheader(application.title, anchor=False)
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(chip(live.state if live else None), width="content")
            st.caption((live.champion if live else None) or formats.UNKNOWN, width="content")
        st.caption(application.summary)
        _standing(application, live)
        _stations(application, status)
        st.space("stretch")
        st.page_link(page, label="Open", icon=":material/arrow_forward:", icon_position="right")


def _standing(application: Application, live: LiveAnswer | None) -> None:
    leading = metrics(application.task)[0]
    value = (live.scores or {}).get(leading.id) if live else None
    naive = (live.naive or {}).get(leading.id) if live else None
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.metric(leading.title, formats.score(leading, value), width="content", help=leading.explanation)
        st.caption(
            _facts(leading_naive=formats.score(leading, naive), live=live),
            width="content",
            text_alignment="right",
        )
    history = reads.history(application.name, reads.SPARK_POINTS)
    points = history.value or []
    if any(point.scores.get(leading.id) is not None for point in points):
        chart.draw(
            scores.spark(points, leading),
            key=f"{application.name}:spark",
            alt=f"{leading.title} over time beside the naive answer",
            height=84,
        )
    elif history.problem:
        trouble.waiting(history.problem)
    else:
        st.caption(":material/hourglass_empty: The score appears with the first lessons.")


def _facts(leading_naive: str, live: LiveAnswer | None) -> str:
    taught = formats.count(live.taught if live else None)
    return f"naive {leading_naive}  \n{taught} taught"


def _stations(application: Application, status: StatusAnswer | None) -> None:
    came = status.applications.get(application.name, ApplicationStatus()) if status else ApplicationStatus()
    chart.draw(
        flow.pipeline(came),
        key=f"{application.name}:flow",
        alt=f"How far the {application.noun} have come: produced, valid, in Delta, asked, taught",
        height=flow.HEIGHT,
    )


@st.fragment(run_every=5)
def _parts() -> None:
    status = reads.status().value
    if status is None or not status.parts:
        return
    frame = parts_frame(status)
    memory = sum(part.rss_mb or 0 for part in status.parts.values())
    with st.container(border=True):
        st.subheader("Parts", anchor=False)
        st.caption(f"{len(frame)} processes, {memory / 1024:.1f} GiB in memory")
        style: Any = frame.style
        st.dataframe(
            style.map(_tint, subset=["State"]),
            hide_index=True,
            height="content",
            placeholder=formats.UNKNOWN,
            column_config={
                "Memory": st.column_config.NumberColumn("Memory (MiB)", format="%.0f"),
                "PID": st.column_config.NumberColumn(format="%d"),
                "Error": st.column_config.TextColumn(width="large"),
            },
            key="parts",
            alt="Parts of the stack with state, process and memory",
        )


def parts_frame(status: StatusAnswer) -> pd.DataFrame:
    """One row per part, those in trouble first."""
    now = status.time or datetime.now(UTC)
    ordered = sorted(status.parts.items(), key=lambda item: (healthy(item[1]), item[0]))
    rows: list[dict[str, Any]] = [
        {
            "Part": name,
            "State": part.state or "unknown",
            "PID": part.pid,
            "Memory": part.rss_mb,
            "Up for": formats.since(part.since, now),
            "Error": part.error or None,
        }
        for name, part in ordered
    ]
    return pd.DataFrame(rows).astype({"PID": "Int64", "Memory": "Float64"})


def _tint(state: Any) -> str:
    return "" if healthy(PartStatus(state=str(state))) else "color: #d64545"
