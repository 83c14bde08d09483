"""Have the newest rows become others than those that were learned from? Nothing is compared until asked.

button -> job (kind drift) -> report -> verdict, one line per input, figures
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
import streamlit as st

from core.api.client.base import ApiError
from core.batch import DriftReport, JobReport, JobState
from core.declaration import Application
from core.drift import DriftFound, InputDrift, Side, Verdict
from ui import formats, reads_batch
from ui.parts import found, jobs, trouble
from ui.reads import client

KIND: Final = "drift"

ASK: Final = "Compare newest rows with the training rows"

_WORDS: Final = {
    Verdict.STABLE: ("green", "check_circle", "as learned"),
    Verdict.MODERATE: ("orange", "visibility", "some inputs moved: worth a look"),
    Verdict.STRONG: ("red", "warning", "very different from the training: train anew, or find what broke"),
}

_SHORT: Final = {Verdict.STABLE: "as learned", Verdict.MODERATE: "moved", Verdict.STRONG: "very different"}


def draw(application: Application) -> None:
    """The heading, the way to ask, the job while it runs, the latest report."""
    with st.container(border=True):
        st.subheader("Drift of the inputs", anchor=False)
        newest = newest_job(reads_batch.jobs(application.name).value or [])
        running = newest is not None and newest.state in jobs.OPEN
        reading = reads_batch.drift(application.name)
        _asking(application, running, reading.value)
        # One fragment at one place, with or without a clock: its timer never asks for one that is gone.
        st.fragment(_working, run_every=1.0 if running else None)(application, running)
        if newest is not None and newest.state in (JobState.FAILED, JobState.STOPPED):
            jobs.ended(newest, "The comparison")
        if reading.problem is not None and reading.value is None:
            trouble.waiting(reading.problem)
        elif reading.value is not None:
            _report(application, reading.value)


def newest_job(known: Sequence[JobReport]) -> JobReport | None:
    """The newest comparison, whoever asked for it."""
    return next((job for job in known if job.kind == KIND), None)


def lines(inputs: Sequence[InputDrift]) -> pd.DataFrame:
    """One row per input, the most drifted first; what a kind of input can't have stays empty."""
    ordered = sorted(inputs, key=lambda one: -one.psi)
    return pd.DataFrame([_line(one) for one in ordered])


def verdict(report: DriftFound) -> str:
    """The worst of the inputs' verdicts as Markdown, and how many there are of each."""
    color, icon, words = _WORDS[report.verdict]
    counts = {one: sum(each.verdict is one for each in report.inputs) for one in Verdict}
    said = ", ".join(f"{count} {_SHORT[one]}" for one, count in counts.items() if count)
    return f":{color}-badge[:material/{icon}: {words}] {said}"


def compared(report: DriftFound) -> str:
    """Which rows stood against which, in words."""
    newest = f"{formats.count(report.rows)} newest rows ({_span(report.start, report.end)})"
    old = f"{formats.count(report.reference_rows)}"
    of = "rows of the training" if report.run_id else "rows of the older half: no model was trained yet"
    return f"{newest} against {old} {of} ({_span(report.reference_start, report.reference_end)})."


def _asking(application: Application, running: bool, report: DriftFound | None) -> None:
    known = reads_batch.training(application.name).value
    champion = known.champion if known else None
    against = f"version {champion.version} was trained on" if champion else "came before them: the older half"
    rows = formats.count(DriftReport(application=application.name).rows.amount)
    if report is None:
        st.markdown(
            f"Compares the newest {rows} rows of `data` with the rows that {against}, input by input: "
            "values, missing ones, values never seen before. A model answers worse on rows unlike those that "
            "it learned from."
        )
    st.button(
        ASK if report is None else f"{ASK} again",
        type="secondary" if report else "primary",
        icon=":material/compare_arrows:",
        key=f"{application.name}:drift:ask",
        disabled=running or known is None,
        on_click=_start,
        args=(application,),
    )
    problem: ApiError | None = st.session_state.pop(_problem(application), None)
    if problem is not None:
        trouble.refused(problem, "Not compared")


def _working(application: Application, running: bool) -> None:
    """The bar while the job runs; once it has ended, the whole screen is drawn anew."""
    if not running:
        return
    job = newest_job(reads_batch.jobs(application.name).value or [])
    if job is None or job.state not in jobs.OPEN:
        reads_batch.forget()
        st.rerun()
    jobs.progress(job)
    told = jobs.log(job)
    if told:
        st.caption(told[-1].text)
    jobs.stop(f"{application.name}:drift:stop", _stop, application, job.id)


def _report(application: Application, report: DriftFound) -> None:
    st.markdown(verdict(report))
    st.caption(compared(report))
    st.dataframe(
        lines(report.inputs),
        hide_index=True,
        placeholder=formats.UNKNOWN,
        height=min(390, 38 + 35 * max(1, len(report.inputs))),
        column_config=_columns(),
        key=f"{application.name}:drift:inputs",
        alt="How far each input has moved, the farthest first",
    )
    with st.expander("Figures", icon=":material/bar_chart:", key="drift-figures", on_change="rerun") as box:
        if box.open:
            found.draw(report.result)
        else:
            st.caption("Drawn when opened.")


def _line(one: InputDrift) -> dict[str, Any]:
    new = ", ".join(f"{name} ({formats.share(share)})" for name, share in list(one.unseen.items())[:3])
    return {
        "Input": formats.words(one.name),
        "Verdict": _SHORT[one.verdict],
        "PSI": round(one.psi, 4),
        "By chance": round(one.by_chance, 4),
        "Before": _middle(one.reference),
        "Now": _middle(one.newest),
        "Missing before": one.reference.nulls,
        "Missing now": one.newest.nulls,
        "Beyond range": one.outside,
        "New values": new or None,
    }


def _middle(side: Side) -> float | None:
    return None if side.mean is None else float(f"{side.mean:.4g}")


def _columns() -> dict[str, Any]:
    column = st.column_config
    return {
        "PSI": column.ProgressColumn(
            help="Population stability index: below 0.1 stable, above 0.25 strong.",
            min_value=0,
            max_value=0.5,
            format="%.3f",
        ),
        "By chance": column.NumberColumn(
            help="What the index stays below in 99 of 100 comparisons of as many rows without any drift.",
            format="%.3f",
        ),
        "Before": column.NumberColumn(help="Mean of the rows that were learned from; of numbers."),
        "Now": column.NumberColumn(help="Mean of the newest rows; of numbers."),
        "Missing before": column.NumberColumn(format="percent"),
        "Missing now": column.NumberColumn(format="percent"),
        "Beyond range": column.NumberColumn(
            help="Newest values below the lowest or above the highest that was learned from.",
            format="percent",
        ),
        "New values": column.TextColumn(help="Values never seen in training, with their share of the rows."),
    }


def _span(start: Any, end: Any) -> str:
    return f"{start:%b %d, %H:%M} to {end:%b %d, %H:%M} UTC"


def _start(application: Application) -> None:
    _ask(application, lambda: client().start(DriftReport(application=application.name)))


def _stop(application: Application, job: str) -> None:
    _ask(application, lambda: client().stop(job))


def _ask(application: Application, question: Any) -> None:
    try:
        question()
    except ApiError as problem:
        st.session_state[_problem(application)] = problem
    reads_batch.forget()


def _problem(application: Application) -> str:
    return f"{application.name}:drift:problem"
