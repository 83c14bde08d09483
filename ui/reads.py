"""What the screens ask of the API, cached for about a second and shared by all sessions.

    panel -> Reading(value, problem) <- cache (1 s) <- client

A panel gets the last good answer for a few seconds more when the API falls silent, so that one lost
call does not blank the page; `problem` says so.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import streamlit as st

from core.api.client.base import ApiError, Client
from core.api.client.whole import ApiClient
from core.api.live import LiveAnswer, RecentAnswer, ScorePoint, VersionAnswer
from core.api.sql import TableAnswer
from core.api.status import StatusAnswer
from core.settings import settings

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

FRESH_SECONDS: Final = 1.0
KEEP_SECONDS: Final = 10.0
HISTORY_POINTS: Final = 400
SPARK_POINTS: Final = 60


@dataclass(frozen=True, slots=True)
class Reading(Generic[T_co]):
    """An answer, or the last good one and why there is no newer, or only the reason."""

    value: T_co | None
    problem: ApiError | None = None


class Memory:
    """The last good answers, newest last; bounded by `most` questions and by age."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._answers: OrderedDict[tuple[Any, ...], tuple[float, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, question: tuple[Any, ...], answer: Any) -> None:
        """Remembers an answer."""
        with self._lock:
            self._answers[question] = (time.monotonic(), answer)
            self._answers.move_to_end(question)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)

    def recall(self, question: tuple[Any, ...], seconds: float) -> Any:
        """The answer if it is at most `seconds` old, else None."""
        with self._lock:
            at, answer = self._answers.get(question, (0.0, None))
        return answer if answer is not None and time.monotonic() - at <= seconds else None


@st.cache_resource(on_release=Client.close, show_spinner=False)
def client() -> ApiClient:
    """The one client of this process."""
    chosen = settings()
    timeout = chosen.ui.api_timeout_seconds
    return ApiClient(chosen.api_url, timeout, timeout + chosen.serving.sql_seconds, token=chosen.api_token)


@st.cache_resource(show_spinner=False)
def _memory() -> Memory:
    return Memory()


@st.cache_data(ttl=FRESH_SECONDS, max_entries=1, show_spinner=False)
def _status() -> StatusAnswer:
    return client().status()


@st.cache_data(ttl=FRESH_SECONDS, max_entries=16, show_spinner=False)
def _live(application: str) -> LiveAnswer:
    return client().live(application)


@st.cache_data(ttl=FRESH_SECONDS, max_entries=32, show_spinner=False)
def _history(application: str, points: int) -> list[ScorePoint]:
    return client().history(application, points)


@st.cache_data(ttl=FRESH_SECONDS, max_entries=32, show_spinner=False)
def _predictions(application: str, limit: int, judged: bool) -> list[RecentAnswer]:
    return client().predictions(application, limit, judged)


@st.cache_data(ttl=10, max_entries=16, show_spinner=False)
def _schema(application: str) -> list[TableAnswer]:
    return client().schema(application)


@st.cache_data(ttl=5, max_entries=16, show_spinner=False)
def _versions(application: str) -> list[VersionAnswer]:
    return client().versions(application)


def forget() -> None:
    """What was asked of a learner a moment ago shows at once: its latest answers are asked for anew."""
    _live.clear()
    _versions.clear()


def status() -> Reading[StatusAnswer]:
    """The state of every application and part."""
    return read(_status)


def live(application: str) -> Reading[LiveAnswer]:
    """The latest report of an application's learner."""
    return read(_live, application)


def history(application: str, points: int = HISTORY_POINTS) -> Reading[list[ScorePoint]]:
    """Score points, oldest first."""
    return read(_history, application, points)


def predictions(application: str, limit: int, judged: bool = False) -> Reading[list[RecentAnswer]]:
    """The newest answers, newest first; with `judged`, the newest whose label has become known."""
    return read(_predictions, application, limit, judged)


def versions(application: str) -> Reading[list[VersionAnswer]]:
    """What the learner can go back to, newest first."""
    return read(_versions, application)


def schema(application: str) -> Reading[list[TableAnswer]]:
    """The tables that an application's queries may name."""
    return read(_schema, application)


def read(ask: Callable[..., T], *about: Any) -> Reading[T]:
    """Asks, and remembers the answer; a failure brings the last good answer of the last seconds with it."""
    question = (ask.__name__, *about)
    try:
        answer = ask(*about)
    except ApiError as problem:
        return Reading(_memory().recall(question, KEEP_SECONDS), problem)
    _memory().keep(question, answer)
    return Reading(answer)
