"""What each model that can be asked says of one event.

event -> live champion, registered champion -> Opinion(who, PredictAnswer or why there is none)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import streamlit as st

from core.api.client.base import ApiError, ApiProblem
from core.api.predict import PredictAnswer
from core.declaration import Application, Classification, Clustering, Regression
from ui import formats
from ui.figures.residuals import SECONDS
from ui.reads import client

LIVE: Final = "Live model"
BATCH: Final = "Batch model"

FAR: Final = 0.2
"""Two numbers that differ by more than this part of the smaller one are no agreement."""


KEEP_SECONDS: Final = 60.0
"""Answers of the same question are shown again for this time; models go on learning."""


class Opinion(NamedTuple):
    """One model's answer, or why it gave none."""

    who: str
    said: PredictAnswer | ApiError


def held(
    application: Application, values: Mapping[str, Any], event: Mapping[str, Any], explain: bool, anew: bool
) -> list[Opinion]:
    """The answers to the form's values: those given a moment ago, unless they are asked for `anew`.

    What only looks at answers, like another threshold, asks nothing again.
    """
    name, question = f"{application.name}:opinions", (dict(values), explain)
    asked, at, given = st.session_state.get(name, (None, 0.0, []))
    if not anew and asked == question and time.monotonic() - at <= KEEP_SECONDS:
        return list(given)
    given = ask(application, event, explain)
    if all(isinstance(one.said, PredictAnswer) for one in given):
        st.session_state[name] = (question, time.monotonic(), given)
    else:
        st.session_state.pop(name, None)
    return given


def ask(application: Application, event: Mapping[str, Any], explain: bool = False) -> list[Opinion]:
    """Both champions' answers to the same event, the live one first.

    An event that is not valid is asked once: the other model would refuse it for the same reasons.
    """
    live = _said(lambda: client().predict(application.name, event, explain))
    if isinstance(live, ApiProblem) and live.errors:
        return [Opinion(LIVE, live)]
    batch = _said(lambda: client().predict_registered(application.name, event, explain=explain))
    return [Opinion(LIVE, live), Opinion(BATCH, batch)]


def answered(opinions: Sequence[Opinion]) -> list[tuple[str, PredictAnswer]]:
    """Those that gave an answer."""
    return [(one.who, one.said) for one in opinions if isinstance(one.said, PredictAnswer)]


def agreement(application: Application, replies: Sequence[tuple[str, PredictAnswer]]) -> tuple[bool, str]:
    """Whether the models agree, and the sentence that says so; empty where there is nothing to compare."""
    if len(replies) < 2:
        return True, ""
    match application.task:
        case Classification() as task:
            return _classes(formats.positive_word(task.label), replies)
        case Regression() as task:
            return _numbers(task, replies)
        case Clustering():
            return True, "Each model numbers its own segments: compare their profiles, not their numbers."


def _said(question: Callable[[], PredictAnswer]) -> PredictAnswer | ApiError:
    try:
        return question()
    except ApiError as problem:
        return problem


def _classes(word: str, replies: Sequence[tuple[str, PredictAnswer]]) -> tuple[bool, str]:
    decided = {bool(reply.answer.value) for _, reply in replies}
    if len(decided) == 1:
        return True, f"All models say {word.lower() if True in decided else f'not {word.lower()}'}."
    said = [
        f"the {who.lower()} says {'' if reply.answer.value else 'not '}{word.lower()}"
        for who, reply in replies
    ]
    return False, _sentence(said)


def _numbers(task: Regression, replies: Sequence[tuple[str, PredictAnswer]]) -> tuple[bool, str]:
    values = [float(reply.answer.value) for _, reply in replies]
    low, high = min(values), max(values)
    apart = formats.minutes(high - low) if task.unit == SECONDS else f"{high - low:,.2f} {task.unit}".strip()
    part = f" ({formats.share((high - low) / low, 0)})" if low > 0 else ""
    if high - low <= FAR * abs(low):
        return True, f"The models are {apart} apart{part}."
    most = max(replies, key=lambda reply: float(reply[1].answer.value))[0]
    return False, f"The models disagree: the {most.lower()} says {apart} more{part}."


def _sentence(said: Sequence[str]) -> str:
    return f"The models disagree: {', '.join(said[:-1])}, {said[-1]}."
