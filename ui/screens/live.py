"""What an application's model learns, as it learns it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from core.api.live import LiveAnswer
from core.declaration import Application, Classification, Clustering, Regression
from core.metrics import metrics
from core.records import Segment
from ui import formats, reads
from ui.figures import calibration, matrix, residuals, scores, segments
from ui.parts import answers, chart, delays, kpis, leaderboard, outlook, scorecard, training, trouble

PAIRS_LIMIT = 200


def show(application: Application) -> None:
    """The panels, each on its own clock."""
    _training(application)
    _numbers(application)
    _scores(application)
    _panel(application, "Leaderboard", leaderboard.draw)
    _panel(application, "Before labels come", outlook.draw)
    _details(application)
    if application.label:
        _panel(application, "When labels come", delays.draw)
    _answers(application)
    _panel(application, "All scores", scorecard.draw)


@st.fragment(run_every=2)
def _training(application: Application) -> None:
    report = reads.live(application.name).value
    if report is not None and report.training is not None:
        training.draw(application, report)


@st.fragment(run_every=2)
def _numbers(application: Application) -> None:
    reading = reads.live(application.name)
    if reading.value is None:
        trouble.waiting(reading.problem)
        return
    points = reads.history(application.name, reads.SPARK_POINTS).value or []
    kpis.draw(kpis.four(application, reading.value, points))


@st.fragment(run_every=2)
def _scores(application: Application) -> None:
    known = {metric.id: metric for metric in metrics(application.task)}
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            chosen = st.pills(
                "Score",
                list(known),
                default=next(iter(known)),
                required=True,
                format_func=lambda name: known[name].title,
                key=f"{application.name}:metric",
                persist_state="session",
                label_visibility="collapsed",
            )
            axis = st.segmented_control(
                "Against",
                list(scores.AXES),
                default="taught",
                required=True,
                format_func=lambda name: scores.AXES[name],
                key="axis",
                persist_state="session",
                label_visibility="collapsed",
            )
        reading = reads.history(application.name)
        metric = known[chosen or next(iter(known))]
        if not any(point.scores.get(metric.id) is not None for point in reading.value or []):
            trouble.waiting(reading.problem)
            return
        chart.draw(
            scores.over_time(reading.value or [], metric, axis or "taught"),
            key=f"{application.name}:scores",
            alt=f"{metric.title} of the model and of the naive answer",
            height=300,
        )
        way = "upper" if metric.better == "higher" else "lower"
        st.caption(f"{metric.explanation} The {way} line is the better one.")


@st.fragment(run_every=2)
def _details(application: Application) -> None:
    report = reads.live(application.name).value
    if report is None:
        return
    match application.task:
        case Classification() as task:
            _classification(task, report)
        case Regression() as task:
            _regression(application, task)
        case Clustering():
            _clustering(application, report)


def _classification(task: Classification, report: LiveAnswer) -> None:
    word = formats.positive_word(task.label)
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        st.subheader("Answers against the truth", anchor=False)
        if report.confusion and sum(report.confusion.values()):
            chart.draw(
                matrix.confusion(report.confusion, word),
                key="confusion",
                alt="Confusion matrix",
            )
            st.caption(f"At the served threshold, now {formats.share(report.threshold)}.")
        else:
            trouble.waiting(None)
    with right.container(border=True, height="stretch"):
        st.subheader("Do probabilities mean what they say?", anchor=False)
        bins = report.calibration or []
        error = calibration.expected_error(bins)
        if error is None:
            trouble.waiting(None)
        else:
            chart.draw(
                calibration.reliability(bins),
                key="calibration",
                alt="Reliability of the probabilities",
            )
            st.caption(
                f"Up: how often it happened; across: what was said. Mean distance {formats.share(error)}."
            )


def _regression(application: Application, task: Regression) -> None:
    with st.container(border=True):
        st.subheader("Answers against the truth", anchor=False)
        pairs = answers.pairs(reads.predictions(application.name, PAIRS_LIMIT, judged=True).value or [])
        if not pairs:
            st.caption(
                f":material/hourglass_empty: No label has become known yet of the {application.noun} "
                "that the model was asked about."
            )
            return
        chart.draw(
            residuals.predicted_over_true(pairs, task.unit),
            key="residuals",
            alt="Answers over true values of the newest events",
            height=320,
        )
        st.caption(f"Up: the answer; across: the truth, where it is known ({len(pairs)} {application.noun}).")


def _clustering(application: Application, report: LiveAnswer) -> None:
    found: Sequence[Segment] = [one for one in report.segments or [] if one.size > 0]
    left, right = st.columns([2, 3])
    with left.container(border=True, height="stretch"):
        st.subheader("Segments", anchor=False)
        if not found:
            trouble.waiting(None)
            return
        chart.draw(
            segments.sizes(found),
            key="sizes",
            alt="Members per segment",
            height=8 + segments.ROW * len(found),
        )
        st.caption(f"Members of each segment, from the newest {application.noun}.")
    with right.container(border=True, height="stretch"):
        st.subheader("Profiles", anchor=False)
        chart.draw(
            segments.profiles(found),
            key="profiles",
            alt="Means per segment",
            height=28 + segments.ROW * len(segments.names(found)),
        )
        st.caption("Mean of each input; blue lies above the mean of all, amber below.")


def _panel(application: Application, title: str, draw: Callable[[Application, LiveAnswer], None]) -> None:
    """A frame with a title, and what a part draws of the learner's report."""
    with st.container(border=True):
        st.subheader(title, anchor=False)
        _reported(application, draw)


@st.fragment(run_every=2)
def _reported(application: Application, draw: Callable[[Application, LiveAnswer], None]) -> None:
    reading = reads.live(application.name)
    if reading.value is None:
        trouble.waiting(reading.problem)
        return
    draw(application, reading.value)


@st.fragment(run_every=2)
def _answers(application: Application) -> None:
    with st.container(border=True):
        judged = answers.choose(application)
        reading = reads.predictions(application.name, answers.ROWS, judged)
        if reading.value is None:
            trouble.waiting(reading.problem)
            return
        answers.draw(application, reading.value)
