"""How far a job is: stage, share, its live log as a curve and as lines, and the way to stop it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import streamlit as st

from core.api.client.base import ApiError
from core.api.jobs import JobLogAnswer
from core.batch import JobLine, JobReport, JobState, Stage
from core.diagnostics.shapes import Axis, Lines, Panel
from ui import formats
from ui.figures import panels
from ui.parts import chart
from ui.reads import client

LINES: Final = 5
"""As many of the last lines are shown."""

KEPT: Final = 3_000

OPEN: Final = (JobState.QUEUED, JobState.RUNNING)

_STAGES: Final = {
    Stage.QUEUED: "Waiting for a worker",
    Stage.LOADING: "Loading rows",
    Stage.TUNING: "Looking for better hyperparameters",
    Stage.SEARCHING: "Searching for the number of segments",
    Stage.FITTING: "Fitting",
    Stage.EVALUATING: "Evaluating on the test rows",
    Stage.COMPUTING: "Computing",
    Stage.LOGGING: "Writing to MLflow",
    Stage.DONE: "Done",
}

_STEPS: Final = ("iteration", "k", "trial")
"""Numbers of a line that count; the others are drawn over them."""

_ABOUT: Final = frozenset({"total", "remaining_s", "seconds"})
"""Numbers of a line that tell of the work, not of the model."""


def progress(job: JobReport) -> None:
    """The bar with the stage in words."""
    share = min(100.0, max(0.0, job.percent))
    again = f", taken up again (attempt {job.attempt})" if job.attempt > 1 else ""
    st.progress(int(share), text=f"{_STAGES[job.stage]}{again} · {share:.0f} %")


def log(job: JobReport) -> list[JobLine]:
    """The lines of a job; only what is new is asked for. Without an answer, those known so far."""
    name = f"log:{job.id}"
    known: JobLogAnswer = st.session_state.get(name, JobLogAnswer(lines=[], last=""))
    try:
        new = client().log(job.id, known.last)
    except ApiError:
        return known.lines
    lines = [*known.lines, *new.lines][-KEPT:]
    st.session_state[name] = JobLogAnswer(lines=lines, last=new.last or known.last)
    return lines


def follow(lines: Sequence[JobLine], key: str) -> None:
    """The curve where lines have numbers, and the last lines."""
    panel = curve(lines)
    if panel is not None:
        chart.draw(panels.option(panel), key=f"{key}-curve", alt=panel.title, height=190)
        st.caption(remaining(lines))
    if lines:
        st.code("\n".join(line.text for line in lines[-LINES:]), language=None)


def curve(lines: Sequence[JobLine]) -> Panel | None:
    """The numbers of the log over what counts its lines; None before there are two."""
    step = next((name for name in _STEPS if any(name in line.values for line in lines)), None)
    counted = [line for line in lines if step and step in line.values]
    if step is None or len(counted) < 2:
        return None
    names = dict.fromkeys(name for line in counted for name in line.values if name != step)
    shown = [name for name in names if name not in _ABOUT and (name != "best" or len(names) < 3)]
    x = [line.values[step] for line in counted]
    series = [
        Lines(name=formats.words(name), x=list(x), y=[line.values.get(name) for line in counted])
        for name in shown or ["best"]
    ]
    high = counted[-1].values.get("total")
    return Panel(
        title="Progress of the fit",
        x=Axis(title=formats.words(step), high=high, low=0 if high else None),
        y=Axis(title=""),
        series=list(series),
    )


def remaining(lines: Sequence[JobLine]) -> str:
    """Where the fit is: iteration 120 of 400, best 0.0712, 5 s to go."""
    last = next((line.values for line in reversed(lines) if any(one in line.values for one in _STEPS)), {})
    step = next((one for one in _STEPS if one in last), "")
    if not step:
        return ""
    of = f" of {formats.count(last['total'])}" if "total" in last else ""
    said = [f"{formats.words(step)} {formats.count(last[step])}{of}"]
    if "best" in last:
        said.append(f"best {last['best']:.4g}")
    if "remaining_s" in last:
        said.append(f"about {formats.span(last['remaining_s'])} to go")
    return ", ".join(said)


def ended(job: JobReport, what: str) -> None:
    """How a job came out, in plain words; `what` it was: "The training"."""
    ago = formats.since(job.ended, datetime.now(UTC))
    match job.state:
        case JobState.FINISHED:
            version = job.result.get("version")
            named = f" It is version {version}." if version is not None else ""
            st.caption(f":green[:material/check_circle:] {what} finished {ago} ago{_took(job)}.{named}")
        case JobState.FAILED:
            st.error(job.error or "No reason was given.", title=f"{what} failed", icon=":material/error:")
        case JobState.STOPPED:
            at = f"{what} was stopped {ago} ago, at {job.percent:.0f} %"
            st.caption(f":material/stop_circle: {at}. Nothing was kept.")
        case _:
            return


def stop(key: str, on_click: Callable[..., None], *args: object) -> None:
    """The button that ends a job."""
    st.button("Stop", key=key, icon=":material/stop_circle:", on_click=on_click, args=args)


def _took(job: JobReport) -> str:
    if job.started is None or job.ended is None:
        return ""
    return f", after {(job.ended - job.started).total_seconds():.1f} s"
