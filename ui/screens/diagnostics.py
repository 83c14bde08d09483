"""Questions about a run: pick one, and its figures are computed; nothing is before it is looked at."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.api.batch import RunsAnswer
from core.api.client.base import ApiError
from core.api.diagnostics import DiagnosticAnswer, DiagnosticTab
from core.batch import JobReport
from core.declaration import Application
from core.diagnostics import Cost
from core.diagnostics.shapes import Result
from core.runs import RunSummary
from ui import reads_batch
from ui.parts import asking, choices, found, jobs, run_choice, trouble
from ui.parts.asking import Question
from ui.reads import Reading

REFIT = "Fits the model again several times: up to half a minute on 10,000 rows, more on more."


def show(application: Application) -> None:
    """The run and the menu, the question, its answer."""
    menu = reads_batch.menu(application.name)
    if not menu.value:
        trouble.waiting(menu.problem)
        return
    left, right = st.columns([5, 2], vertical_alignment="center")
    with left:
        tab = _tab(menu.value)
    trained = reads_batch.runs(application.name)
    known = trained.value.runs if trained.value else []
    run = None
    if known and not _live(menu.value, tab):
        with right:
            run = run_choice.draw(known, bare=True)
    asked = _pick(menu.value, tab)
    if run is None and not asked.live:
        _untrained(trained)
        return
    _question(asked, run)
    chosen = choices.draw(application, asked)
    about = run.run_id if run is not None and not asked.live else ""
    question = Question(application.name, asked.id, about, tuple(sorted(chosen.items())))
    _answer(question, asked)


def _tab(menu: Sequence[DiagnosticTab]) -> str:
    """The tab, in the address."""
    tabs = [group.tab for group in menu]
    chosen = st.segmented_control(
        "Tab",
        tabs,
        default=tabs[0],
        required=True,
        key="tab",
        bind="query-params",
        label_visibility="collapsed",
    )
    return chosen if chosen in tabs else tabs[0]


def _pick(menu: Sequence[DiagnosticTab], tab: str) -> DiagnosticAnswer:
    """The diagnostic, in the address."""
    within = {one.title: one for group in menu if group.tab == tab for one in group.diagnostics}
    first = next(iter(within))
    chosen = st.pills(
        "Diagnostic",
        list(within),
        default=first,
        required=True,
        key="diagnostic",
        bind="query-params",
        label_visibility="collapsed",
    )
    return within.get(chosen or "") or within[first]


def _live(menu: Sequence[DiagnosticTab], tab: str) -> bool:
    """Whether a tab is about the live models alone."""
    return all(one.live for group in menu if group.tab == tab for one in group.diagnostics)


def _untrained(trained: Reading[RunsAnswer]) -> None:
    """Why there is nothing to ask."""
    if trained.value is None:
        trouble.waiting(trained.problem)
        return
    st.info(
        "Train a model in the view Batch: it is asked here about the rows that it never saw.",
        title="No model has been trained yet",
        icon=":material/model_training:",
    )


def _question(asked: DiagnosticAnswer, run: RunSummary | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(asked.question or asked.title, anchor=False, width="content")
        if asked.reading:
            with st.popover("How to read it", icon=":material/help:", type="tertiary"):
                st.markdown(asked.reading)
                if asked.link:
                    st.markdown(f"[:material/open_in_new: Documentation]({asked.link})")
    if run is None or asked.live:
        st.markdown(":gray[About the live models; no trained run is needed.]")
    else:
        st.markdown(run_choice.badges(run))


def _answer(question: Question, asked: DiagnosticAnswer) -> None:
    state = asking.state(question, at_once=asked.cost == Cost.QUICK)
    running = isinstance(state, JobReport) and state.state in jobs.OPEN
    # One fragment at one place, with or without a clock: its timer never asks for one that is gone.
    st.fragment(_working, run_every=1.0 if running else None)(question, running)
    match state:
        case Result() as result:
            found.draw(result)
        case JobReport() as job if not running:
            jobs.ended(job, asked.title)
            _button(question, "Try again" if job.error else "Compute")
        case ApiError() as problem:
            trouble.refused(problem, "Not computed")
            _button(question, "Try again")
        case None:
            st.caption(f":material/hourglass: {REFIT}" if asked.cost == Cost.REFIT else "Not computed yet.")
            _button(question, "Compute")


def _working(question: Question, running: bool) -> None:
    """The bar while a job runs; once it has ended, the whole screen is drawn anew."""
    if not running:
        return
    state = asking.state(question, at_once=False)
    if not (isinstance(state, JobReport) and state.state in jobs.OPEN):
        st.rerun()
    with st.container(border=True):
        jobs.progress(state)
        lines = jobs.log(state)
        if lines:
            st.caption(lines[-1].text)
        jobs.stop("diagnose-stop", asking.stop, question, state.id)


def _button(question: Question, label: str) -> None:
    st.button(
        label,
        type="primary",
        icon=":material/play_arrow:",
        key="diagnose",
        on_click=asking.ask,
        args=(question,),
    )
