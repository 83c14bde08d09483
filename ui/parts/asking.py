"""A question to a run, from asking to its answer; the job in between is found again after a reload.

remembered result, else running job, else computed before, else POST (quick) or a button (refit)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import streamlit as st

from core.api.client.base import ApiError
from core.api.client.batch import Value
from core.batch import JobReport, JobState
from core.diagnostics.shapes import Result
from ui import reads_batch
from ui.reads import client

OPEN = (JobState.QUEUED, JobState.RUNNING)


class Question(NamedTuple):
    """A diagnostic of a run with its parameters; `run_id` is empty where it is of the live models."""

    application: str
    diagnostic: str
    run_id: str
    parameters: tuple[tuple[str, Value], ...]

    @property
    def chosen(self) -> dict[str, Value]:
        """The parameters by name."""
        return dict(self.parameters)


State = Result | JobReport | ApiError | None
"""The answer, the job that computes it (or could not), what went wrong, or nothing yet."""


def state(question: Question, at_once: bool) -> State:
    """Where a question stands; with `at_once`, one that nobody asked is asked now."""
    known = reads_batch.recall(question)
    if known is not None:
        return known
    try:
        job = _job(question)
        if job is not None and job.state != JobState.FINISHED:
            return job
        return _answer(question, at_once and job is None, job)
    except ApiError as problem:
        return problem


def ask(question: Question) -> None:
    """Computes it, whatever came of it before; what the API refuses is told at the next drawing."""
    try:
        _post(question)
    except ApiError as problem:
        st.session_state[_name(question)] = problem


def stop(question: Question, job: str) -> None:
    """Stops the job of a question."""
    try:
        client().stop(job)
    except ApiError as problem:
        st.session_state[_name(question)] = problem
    reads_batch.forget()


def _answer(question: Question, post: bool, job: JobReport | None) -> State:
    if post:
        return _post(question)
    found = client().diagnosed(*question[:3], question.chosen)
    if found is None:
        return job
    _keep(question, found)
    return found


def _post(question: Question) -> Result | JobReport:
    answer = client().diagnose(*question[:3], question.chosen)
    if isinstance(answer, Result):
        _keep(question, answer)
    else:
        st.session_state[_name(question)] = answer.id
        reads_batch.forget()
    return answer


def _keep(question: Question, result: Result) -> None:
    reads_batch.keep(question, result)
    st.session_state.pop(_name(question), None)


def _job(question: Question) -> JobReport | None:
    """The job that was asked for here, or one that runs for the same question from elsewhere."""
    asked: Any = st.session_state.get(_name(question))
    if isinstance(asked, ApiError):
        del st.session_state[_name(question)]
        raise asked
    if asked is not None:
        return client().job(asked)
    for job in reads_batch.jobs(question.application).value or []:
        if job.state in OPEN and same(question, job):
            st.session_state[_name(question)] = job.id
            return job
    return None


def same(question: Question, job: JobReport) -> bool:
    """Whether a job computes this very question."""
    request = job.request
    given = request.get("parameters") or {}
    return (
        job.kind == "diagnose"
        and request.get("diagnostic") == question.diagnostic
        and request.get("run_id") == question.run_id
        and all(str(value) == str(given.get(name, value)) for name, value in question.parameters)
    )


def _name(question: Question) -> str:
    return "asked:" + ":".join(map(str, question))
