"""A threshold to try: answers are read anew with it, and what it would mean is told from judged answers.

slider -> threshold -> reread(answer) and meaning(confusion or calibration bins); nothing is asked again
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
from msgspec.structs import replace

from core.api.live import LiveAnswer
from core.api.predict import PredictAnswer
from core.declaration import Application, Classification
from ui import formats

Bin = tuple[float, float, int]
"""Mean probability, share of positives, count."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a threshold makes of judged answers; counts may be fractions where they are estimated."""

    answers: float
    alarms: float
    right: float
    positives: float


def reread(reply: PredictAnswer, threshold: float | None) -> PredictAnswer:
    """The same answer decided at another threshold in 0..1; None: as it was served."""
    probability = reply.answer.probability
    if threshold is None or probability is None:
        return reply
    return replace(
        reply, threshold=threshold, answer=replace(reply.answer, value=bool(probability >= threshold))
    )


def counted(confusion: dict[str, int]) -> Outcome | None:
    """What came of the thresholds that were served; None before the first judged answer."""
    tp, fp, tn, fn = (confusion.get(name, 0) for name in ("tp", "fp", "tn", "fn"))
    total = tp + fp + tn + fn
    return Outcome(total, tp + fp, tp, tp + fn) if total else None


def estimated(bins: Sequence[Bin], threshold: float) -> Outcome | None:
    """What a threshold would have made of the answers in the bins; a bin counts whole, by its mean."""
    total = sum(count for _, _, count in bins)
    if not total:
        return None
    above = [(share, count) for mean, share, count in bins if mean >= threshold]
    return Outcome(
        answers=total,
        alarms=sum(count for _, count in above),
        right=sum(share * count for share, count in above),
        positives=sum(share * count for _, share, count in bins),
    )


def meaning(outcome: Outcome, word: str, about: bool) -> str:
    """An outcome in words: how many alarms, how many of them right, how much is found."""
    roughly = "about " if about else ""
    said = [
        f"{roughly}{formats.count(outcome.alarms)} alarms in {formats.count(outcome.answers)} judged answers"
    ]
    if outcome.alarms:
        said.append(f"{formats.share(outcome.right / outcome.alarms, 0)} of them right")
    if outcome.positives:
        said.append(f"{formats.share(outcome.right / outcome.positives, 0)} of all {word.lower()} found")
    return ", ".join(said)


def draw(
    application: Application, task: Classification, served: float | None, live: LiveAnswer | None
) -> None:
    """The slider and what its threshold means; `served` is where it stands until it is moved."""
    name = _key(application)
    if not st.session_state.get(f"{name}:moved") and served is not None:
        st.session_state[name] = _percent(served)
    with st.container(border=True, gap="xsmall"):
        st.slider(
            "Threshold (%)",
            0.0,
            100.0,
            step=0.1,
            format="%.1f %%",
            key=name,
            persist_state="session",
            on_change=_move,
            args=(name,),
            help=f"{formats.positive_word(task.label)} is said from this probability on. "
            "Moving it reads the answers anew; nothing is asked again.",
        )
        threshold = tried(application)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(told(task, live, threshold), width="stretch")
            if threshold is not None:
                st.button(
                    "Served thresholds",
                    key=f"{name}:back",
                    icon=":material/undo:",
                    type="tertiary",
                    on_click=_back,
                    args=(name,),
                )


def told(task: Classification, live: LiveAnswer | None, threshold: float | None) -> str:
    """What the threshold in force means, by the live model's judged answers."""
    word = formats.positive_word(task.label)
    if threshold is None:
        outcome = counted((live.confusion if live else None) or {})
        lead, about = "Each model decides at the threshold that it is served with", False
    else:
        outcome = estimated((live.calibration if live else None) or [], threshold)
        lead, about = f"At {formats.share(threshold)}, for all models", True
    if outcome is None:
        return f"{lead}. What it means is known once answers have met their labels."
    return f"{lead}. The live model so far: {meaning(outcome, word, about)}."


def tried(application: Application) -> float | None:
    """The threshold that a person chose, in 0..1; None while the served ones hold."""
    name = _key(application)
    if not st.session_state.get(f"{name}:moved"):
        return None
    return float(st.session_state[name]) / 100


def _key(application: Application) -> str:
    return f"{application.name}:threshold"


def _percent(threshold: float) -> float:
    return min(100.0, max(0.0, round(threshold * 100, 1)))


def _move(name: str) -> None:
    st.session_state[f"{name}:moved"] = True


def _back(name: str) -> None:
    st.session_state[f"{name}:moved"] = False
