"""What the batch and diagnostics screens ask of the API, cached like the rest and shared by all sessions."""

from __future__ import annotations

from typing import Final

import streamlit as st

from core.api.batch import BatchAnswer, RunsAnswer
from core.api.diagnostics import DiagnosticTab
from core.batch import JobReport
from core.diagnostics.shapes import Result
from core.drift import DriftFound
from ui.reads import FRESH_SECONDS, Memory, Reading, client, read

RUNS: Final = 30
JOBS: Final = 20

RESULT_SECONDS: Final = 60.0
"""A result is asked for anew after this time: those of live models change."""


@st.cache_data(ttl=FRESH_SECONDS, max_entries=16, show_spinner=False)
def _jobs(application: str) -> list[JobReport]:
    return client().jobs(application, JOBS)


@st.cache_data(ttl=5, max_entries=16, show_spinner=False)
def _training(application: str) -> BatchAnswer:
    return client().training(application)


@st.cache_data(ttl=5, max_entries=16, show_spinner=False)
def _runs(application: str) -> RunsAnswer:
    return client().runs(application, RUNS)


@st.cache_data(ttl=60, max_entries=16, show_spinner=False)
def _menu(application: str) -> list[DiagnosticTab]:
    return client().menu(application)


@st.cache_data(ttl=5, max_entries=16, show_spinner=False)
def _drift(application: str) -> DriftFound | None:
    return client().drift(application)


@st.cache_resource(show_spinner=False)
def _results() -> Memory:
    return Memory(most=24)


def jobs(application: str) -> Reading[list[JobReport]]:
    """The newest jobs of an application, newest first."""
    return read(_jobs, application)


def training(application: str) -> Reading[BatchAnswer]:
    """Recipes, rows at hand, champion and challenger."""
    return read(_training, application)


def runs(application: str) -> Reading[RunsAnswer]:
    """The newest trained models, newest first."""
    return read(_runs, application)


def menu(application: str) -> Reading[list[DiagnosticTab]]:
    """The diagnostics that apply to an application."""
    return read(_menu, application)


def drift(application: str) -> Reading[DriftFound | None]:
    """The latest drift report; its value is None before the first as well."""
    return read(_drift, application)


def keep(question: tuple[object, ...], result: Result) -> None:
    """Remembers a computed diagnostic: figures of the same question are drawn at once."""
    _results().keep(question, result)


def recall(question: tuple[object, ...]) -> Result | None:
    """A diagnostic that was computed a moment ago."""
    found: Result | None = _results().recall(question, RESULT_SECONDS)
    return found


def forget() -> None:
    """What was asked for a moment ago shows at once: jobs and runs are asked for anew."""
    _jobs.clear()
    _training.clear()
    _runs.clear()
    _drift.clear()
