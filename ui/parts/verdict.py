"""The answer to one prediction, by kind of task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.api.predict import PredictAnswer
from core.declaration import Application, Classification, Clustering, Regression
from core.metrics import metrics
from core.records import Segment
from ui import formats
from ui.figures import gauge
from ui.figures import segments as segment_figures
from ui.figures.residuals import SECONDS
from ui.parts import chart


def draw(
    application: Application, reply: PredictAnswer, event: Mapping[str, Any], segments: Sequence[Segment]
) -> None:
    """What the model says, then who says it."""
    match application.task:
        case Classification() as task:
            _classification(task, reply)
        case Regression() as task:
            _regression(task, reply, event)
        case Clustering():
            _clustering(reply, segments)
    _source(application, reply)


def decision(task: Classification, reply: PredictAnswer) -> str:
    """The class in words: "Fraud", or "Not fraud"."""
    word = formats.positive_word(task.label)
    return word if reply.answer.value else f"Not {word.lower()}"


def travel(seconds: float) -> tuple[str, str]:
    """A time as seconds and as minutes: 1084.4 -> ("1,084 s", "18.1 min")."""
    return f"{seconds:,.0f} s", formats.minutes(seconds)


def _classification(task: Classification, reply: PredictAnswer) -> None:
    probability = reply.answer.probability
    word = formats.positive_word(task.label)
    if probability is None:
        st.metric("Answer", decision(task, reply))
        return
    level, _ = gauge.level(probability, reply.threshold)
    color = {"Low": "green", "Medium": "orange", "High": "red"}[level]
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"#### {decision(task, reply)}", width="content")
        st.markdown(f":{color}-badge[{level} risk]", width="content")
    chart.draw(
        gauge.probability(probability, reply.threshold),
        key="verdict:gauge",
        alt=f"{word}: {formats.share(probability)}, {level.lower()} risk",
        height=170,
    )
    side = "at or above" if reply.answer.value else "below"
    if reply.threshold is not None:
        line = formats.share(reply.threshold)
        st.caption(f"{word} {formats.share(probability)}, {side} the threshold of {line} (the line).")


def _regression(task: Regression, reply: PredictAnswer, event: Mapping[str, Any]) -> None:
    value = float(reply.answer.value)
    naive = event.get(task.naive)
    if task.unit == SECONDS:
        first, second = travel(value)
        with st.grid(2, min_column_width=120, gap="small"):
            st.metric("Answer", second, border=True)
            st.metric("In seconds", first, border=True)
    else:
        st.metric("Answer", f"{value:,.2f} {task.unit}".strip(), border=True)
    said = []
    if isinstance(naive, int | float) and naive:
        shown = formats.minutes(naive) if task.unit == SECONDS else f"{naive:,.2f} {task.unit}"
        than = "more" if value >= naive else "less"
        said.append(f"{abs(value / naive - 1) * 100:.0f} % {than} than planned ({shown}).")
    if reply.answer.interval:
        low, high = reply.answer.interval
        low_text, high_text = (
            (formats.minutes(low), formats.minutes(high))
            if task.unit == SECONDS
            else (f"{low:,.2f}", f"{high:,.2f}")
        )
        said.append(f"With 80 % between {low_text} and {high_text}.")
    if said:
        st.caption(" ".join(said))


def _clustering(reply: PredictAnswer, segments: Sequence[Segment]) -> None:
    number = int(reply.answer.value)
    own = reply.segment or next((one for one in segments if one.number == number), None)
    total = sum(one.size for one in segments)
    st.markdown(f"#### Segment {number}")
    if own is None:
        st.caption("The profile of this segment is not known yet.")
        return
    part = f", {formats.share(own.size / total, 0)} of all" if total else ""
    st.caption(f"{formats.count(own.size)} members{part}. What sets them apart, beside the mean of all:")
    if segment_figures.names(segments):
        chart.draw(
            segment_figures.profile_of(own, segments),
            key="verdict:profile",
            alt=f"Profile of segment {number} beside all others",
            height=12 + segment_figures.ROW * len(segment_figures.telling(own, segments)),
        )


def _source(application: Application, reply: PredictAnswer) -> None:
    leading = metrics(application.task)[0]
    value, naive = (reply.scores or {}).get(leading.id), (reply.naive or {}).get(leading.id)
    version = f" version {reply.version}" if reply.version is not None else ""
    said = [f":material/model_training: {reply.model or 'model'}{version}"]
    if value is not None:
        beside = f" (naive {formats.score(leading, naive)})" if naive is not None else ""
        said.append(f"{leading.title} {formats.score(leading, value)}{beside}")
    if reply.snapshot_age_s is not None:
        said.append(f"snapshot {formats.span(reply.snapshot_age_s)} old")
    if reply.latency_ms is not None:
        said.append(f"answered in {reply.latency_ms:.1f} ms")
    st.caption(" · ".join(said))
