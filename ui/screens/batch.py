"""Train on the history, follow it, compare what came out, and choose what answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from core.api.batch import BatchAnswer, RunsAnswer
from core.api.client.base import ApiError
from core.batch import Evaluate, JobReport, Request, Rows, Train
from core.declaration import Application
from core.recipes import title
from core.runs import RunSummary, comparable
from ui import formats, reads_batch
from ui.parts import drift, jobs, run_choice, run_scores, runs, train_form, trouble
from ui.reads import client

WHAT = {"train": "The training", "evaluate": "The evaluation"}
"""Jobs that stand beside the form; a diagnostic or a drift report is followed where it was asked for."""

BEGIN = Rows()
"""A first training: the newest rows, as many as give a good model in seconds."""


def show(application: Application) -> None:
    """Left what is trained, right what was; below, the chosen run in full."""
    _refused(application)
    reading, trained = reads_batch.training(application.name), reads_batch.runs(application.name)
    left, right = st.columns([2, 3], gap="medium")
    with left:
        _train(application, reading.value, reading.problem)
        _job(application)
    with right:
        if trained.value is not None and trained.value.runs:
            _runs(application, trained.value)
        else:
            _first(application, reading.value, trained.problem)
    if trained.value is not None and trained.value.runs:
        _run(application, trained.value.runs)
    drift.draw(application)


def _train(application: Application, known: BatchAnswer | None, problem: ApiError | None) -> None:
    with st.container(border=True):
        st.subheader("Train", anchor=False)
        if known is None or not known.recipes:
            trouble.waiting(problem)
            return
        _form(application, known)


@st.fragment
def _form(application: Application, known: BatchAnswer) -> None:
    request = train_form.draw(application, known)
    busy = _busy(application)
    if st.button(
        "Train",
        type="primary",
        icon=":material/model_training:",
        key=f"{application.name}:train",
        disabled=busy,
        help="One training of an application at a time." if busy else None,
    ):
        _start(application, request)
        st.rerun()


def _busy(application: Application) -> bool:
    newest = _newest(reads_batch.jobs(application.name).value or [])
    return newest is not None and newest.state in jobs.OPEN and newest.kind == "train"


def _newest(known: Sequence[JobReport]) -> JobReport | None:
    return next((job for job in known if job.kind in WHAT), None)


@st.fragment(run_every=1)
def _job(application: Application) -> None:
    """The newest job, whoever started it: it is found again after a reload."""
    job = _newest(reads_batch.jobs(application.name).value or [])
    if job is None:
        return
    seen, now = f"{application.name}:job", (job.id, job.state in jobs.OPEN)
    before = st.session_state.get(seen)
    st.session_state[seen] = now
    if before is not None and before != now:
        reads_batch.forget()
        st.rerun()
    with st.container(border=True):
        what = WHAT[job.kind]
        st.markdown(f"**{_titled(job)}**")
        if job.state not in jobs.OPEN:
            jobs.ended(job, what)
            with st.expander("Log", icon=":material/notes:"):
                jobs.follow(jobs.log(job), key="job")
            return
        jobs.progress(job)
        jobs.follow(jobs.log(job), key="job")
        jobs.stop(f"{application.name}:stop", _stop, application, job.id)


def _titled(job: JobReport) -> str:
    recipe = str(job.request.get("recipe", ""))
    kind = job.kind.capitalize()
    return f"{kind}: {title(recipe)}" if recipe else kind


def _first(application: Application, known: BatchAnswer | None, problem: ApiError | None) -> None:
    """Nothing was trained yet: one clear way to begin."""
    with st.container(border=True):
        st.subheader("No model has been trained yet", anchor=False)
        if problem is not None or known is None:
            trouble.waiting(problem)
            return
        st.markdown(
            "A batch model learns from the history in seconds, is scored on rows that it never saw, and can "
            "answer beside the live model. Its diagnostics show what it does well and where it fails."
        )
        if not known.rows:
            st.caption(":material/hourglass_empty: The table holds no rows yet.")
            return
        st.button(
            f"Train on the newest {formats.count(train_form.taken(BEGIN, known.rows, known.most_rows))} rows",
            type="primary",
            icon=":material/model_training:",
            key=f"{application.name}:first",
            disabled=_busy(application),
            on_click=_start,
            args=(application, Train(application=application.name, recipe=known.recipes[0].name, rows=BEGIN)),
        )


def _runs(application: Application, trained: RunsAnswer) -> None:
    known = trained.runs
    with st.container(border=True):
        st.subheader("Runs", anchor=False)
        runs.table(application, trained)
        left, right = st.columns(2)
        with left:
            one = run_choice.draw(known)
        others = [run for run in known if run.run_id != one.run_id]
        if not others:
            st.caption("Train another one to compare the two.")
            return
        with right:
            champion = next((n for n, run in enumerate(others) if run_choice.champion(run)), 0)
            other = run_choice.draw(others, "other", "Compare with", champion)
        with st.expander(
            f"Version {one.version} against version {other.version}", icon=":material/compare_arrows:"
        ):
            runs.compare(application, one, other)
        _actions(application, known, one, other)


def _actions(
    application: Application, known: Sequence[RunSummary], one: RunSummary, other: RunSummary
) -> None:
    """Promotion wants both on the same window: without, that is what is offered first."""
    champion = next((run for run in known if run_choice.champion(run)), None)
    with st.container(horizontal=True, vertical_alignment="center"):
        ready = champion is None or comparable(one, champion)
        if not run_choice.champion(one) and ready:
            st.button(
                f"Make version {one.version} the champion",
                type="primary",
                icon=":material/trophy:",
                key=f"{application.name}:promote",
                on_click=_promote,
                args=(application, one.run_id),
            )
        asked = Evaluate(application=application.name, run_ids=_wanted(one, other, champion))
        st.button(
            "Evaluate on the latest window",
            icon=":material/fact_check:",
            key=f"{application.name}:evaluate",
            on_click=_start,
            args=(application, asked),
            help="Scores these runs and the champion on the newest rows, the same for all.",
        )
    if not run_choice.champion(one) and not ready:
        st.caption(
            "To make it the champion, evaluate it and the present one on the same latest window first."
        )


def _wanted(one: RunSummary, other: RunSummary, champion: RunSummary | None) -> list[str]:
    chosen = [one.run_id, other.run_id, *([champion.run_id] if champion else [])]
    return list(dict.fromkeys(chosen))


def _run(application: Application, known: Sequence[RunSummary]) -> None:
    names = {run_choice.name(run): run for run in known}
    chosen = st.session_state.get("run")
    run = names.get(str(chosen)) or next((one for one in known if run_choice.champion(one)), known[0])
    with st.container(border=True):
        st.subheader(run_choice.name(run), anchor=False)
        st.markdown(run_choice.badges(run))
        run_scores.draw(application, run)
        rows = formats.count(run.rows.get("test"))
        tables = ", ".join(f"`{name}` version {version}" for name, version in run.tables.items())
        st.caption(
            f"On its own {rows} test rows, the newest of {runs.span(run.window)}: it never saw them. "
            f"From {tables or 'tables unknown'}."
        )
        with st.expander("Parameters", icon=":material/tune:"):
            st.table({formats.words(k): f"`{v}`" for k, v in run.parameters.items()}, border="horizontal")


def _start(application: Application, request: Request) -> None:
    _ask(application, lambda: client().start(request))


def _stop(application: Application, job: str) -> None:
    _ask(application, lambda: client().stop(job))


def _promote(application: Application, run_id: str) -> None:
    _ask(application, lambda: client().promote(application.name, run_id))


def _ask(application: Application, question: Callable[[], object]) -> None:
    """Asks the API; what it refuses is told at the next drawing."""
    try:
        question()
    except ApiError as problem:
        st.session_state[f"{application.name}:batch:problem"] = problem
    reads_batch.forget()


def _refused(application: Application) -> None:
    problem: ApiError | None = st.session_state.pop(f"{application.name}:batch:problem", None)
    if problem is not None:
        trouble.refused(problem, "Not done")
