"""What a screen says when the API does not: calm, in words, with what happens next."""

from __future__ import annotations

import streamlit as st

from core.api.client.base import ApiAway, ApiError, ApiProblem
from ui.reads import Reading

UNKNOWN = 401
NOT_ALLOWED = 403
UNTRAINED = 503


def notice(reading: Reading[object]) -> None:
    """The one notice of a screen, drawn at its top; nothing where the answer is fresh."""
    match reading.problem:
        case None:
            return
        case ApiAway() as away:
            rest = (
                "Showing what it said last."
                if reading.value is not None
                else "The screen fills as soon as it answers."
            )
            st.warning(
                f"{away}. Trying again every two seconds. {rest}",
                title="The API is away",
                icon=":material/cloud_off:",
            )
        case ApiProblem(status=status) as problem if status in (UNKNOWN, NOT_ALLOWED):
            _locked(problem)
        case problem:
            st.warning(f"{problem}", title="The API is in trouble", icon=":material/report:")


def _locked(problem: ApiProblem) -> None:
    """The API wants a token, or one that allows more."""
    if problem.status == UNKNOWN:
        title = "The API does not know this dashboard"
        rest = "Set MILLRACE_UI__TOKEN to one of its tokens and start the dashboard again."
    else:
        title = "The dashboard's token does not allow this"
        rest = "Another role is given with another MILLRACE_UI__TOKEN."
    st.warning(f"{problem}. {rest}", title=title, icon=":material/lock:")


def waiting(problem: ApiError | None) -> None:
    """In place of a panel without data; the screen's notice says why."""
    st.caption(
        ":material/hourglass_empty: Waiting for the API"
        if problem
        else ":material/hourglass_empty: No data yet"
    )


def refused(problem: ApiError, title: str) -> None:
    """Why a request got no answer, in place of the answer; `title` says what did not happen."""
    match problem:
        case ApiAway():
            st.warning(
                f"{problem}. Try again in a moment.", title="The API is away", icon=":material/cloud_off:"
            )
        case ApiProblem(status=status) if status == UNTRAINED:
            st.info(f"{problem}", title="No answer yet", icon=":material/model_training:")
        case ApiProblem(status=status) if status in (UNKNOWN, NOT_ALLOWED):
            _locked(problem)
        case _:
            st.error(f"{problem}", title=title, icon=":material/error:")
