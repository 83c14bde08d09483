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
    application: Application,
    who: str,
    reply: PredictAnswer,
    event: Mapping[str, Any],
    segments: Sequence[Segment],
) -> None:
    """What the model says, then which model says it; `who` it is tells the figures of two apart."""
    match application.task:
        case Classification() as task:
            _classification(task, who, reply)
        case Regression() as task:
            _regression(task, reply, event)
        case Clustering():
            _clustering(who, reply, segments)
    st.caption(source(application, reply))


def decision(task: Classification, reply: PredictAnswer) -> str:
    """The class in words: "Fraud", or "Not fraud"."""
    word = formats.positive_word(task.label)
    return word if reply.answer.value else f"Not {word.lower()}"


def travel(seconds: float) -> tuple[str, str]:
    """A time as seconds and as minutes: 1084.4 -> ("1,084 s", "18.1 min")."""
    return f"{seconds:,.0f} s", formats.minutes(seconds)


def _classification(task: Classification, who: str, reply: PredictAnswer) -> None:
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
        key=f"verdict:gauge:{who}",
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


def _clustering(who: str, reply: PredictAnswer, segments: Sequence[Segment]) -> None:
    number = int(reply.answer.value)
    own = reply.segment or next((one for one in segments if one.number == number), None)
    total = sum(one.size for one in segments)
    st.markdown(f"#### Segment {number}")
    if own is None:
        st.caption("The profile of this segment is not known yet.")
        return
    part = f", {formats.share(own.size / total, 0)} of all" if total else ""
    members = f"{formats.count(own.size)} members{part}."
    if not segment_figures.names(segments):
        st.caption(f"{members} Their means:")
        st.table(
            {formats.words(name): f"{mean:,.3g}" for name, mean in own.profile.items()}, border="horizontal"
        )
    else:
        st.caption(f"{members} What sets them apart, beside the mean of all:")
        chart.draw(
            segment_figures.profile_of(own, segments),
            key=f"verdict:profile:{who}",
            alt=f"Profile of segment {number} beside all others",
            height=12 + segment_figures.ROW * len(segment_figures.telling(own, segments)),
        )


def source(application: Application, reply: PredictAnswer) -> str:
    """Which model answered, how good it is, how old, how quick; as Markdown."""
    leading = metrics(application.task)[0]
    value, naive = reply.scores.get(leading.id), (reply.naive or {}).get(leading.id)
    said = [f":material/model_training: {formats.words(reply.model)} version {reply.version}"]
    if value is not None:
        beside = f" (naive {formats.score(leading, naive)})" if naive is not None else ""
        said.append(f"{leading.title} {formats.score(leading, value)}{beside}")
    made = "snapshot" if reply.source == "live" else "trained"
    said.append(f"{made} {formats.span(reply.snapshot_age_s)} {'old' if made == 'snapshot' else 'ago'}")
    said.append(f"answered in {reply.latency_ms:.1f} ms")
    return " · ".join(said)
