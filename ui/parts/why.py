"""Why the models answered as they did: the inputs that moved each answer; asked for only when opened."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.api.predict import PredictAnswer
from core.declaration import Application, Classification, Clustering, Regression
from core.records import Contribution
from ui import formats
from ui.figures import contributions
from ui.figures.residuals import SECONDS
from ui.parts import chart

SENTENCE = 3
"""Inputs that the sentence names."""


def opened(application: Application) -> bool:
    """Whether the explanation is open, from the last time it was drawn."""
    return bool(st.session_state.get(_key(application)))


def draw(application: Application, replies: Sequence[tuple[str, PredictAnswer]]) -> None:
    """The expander; empty while it is closed."""
    with st.expander("Why?", icon=":material/help_center:", key=_key(application), on_change="rerun") as box:
        if not box.open:
            return
        with st.grid(max(1, len(replies)), min_column_width=280, gap="medium"):
            for who, reply in replies:
                with st.container(gap="xsmall"):
                    _one(application, who, reply)
        st.caption(_reading(application))


def sentence(application: Application, told: Sequence[Contribution]) -> str:
    """The largest effects in words: "Raised most by amount 812, lowered by ..."."""
    raised = [contributions.named(one) for one in told if one.effect > 0][:SENTENCE]
    lowered = [contributions.named(one) for one in told if one.effect < 0][:SENTENCE]
    said = [
        f"{way} by {', '.join(name[:1].lower() + name[1:] for name in names)}"
        for way, names in (("raised", raised), ("lowered", lowered))
        if names
    ]
    if not said:
        return "No input moved the answer from the usual one."
    joined = "; ".join(said)
    return f"{joined[:1].upper()}{joined[1:]}."


def _one(application: Application, who: str, reply: PredictAnswer) -> None:
    st.markdown(f"**{who}**")
    told = reply.explanation
    if not told:
        st.caption(f"{formats.words(reply.model)} can't tell what moved its answer.")
        return
    seconds = isinstance(application.task, Regression) and application.task.unit == SECONDS
    scale, digits, unit = (60.0, 1, "min") if seconds else (1.0, 2, _unit(application))
    chart.draw(
        contributions.bars(told, scale, digits, unit),
        key=f"{application.name}:why:{who}",
        alt=f"What moved the answer of the {who.lower()}. {sentence(application, told)}",
        height=contributions.height(told),
    )
    st.caption(sentence(application, told))


def _unit(application: Application) -> str:
    return application.task.unit if isinstance(application.task, Regression) else ""


def _reading(application: Application) -> str:
    match application.task:
        case Classification(label=label):
            word = formats.positive_word(label).lower()
            return (
                f"Right, blue: speaks for {word}. Left, amber: against. In log-odds, from the usual answer."
            )
        case Regression():
            return "Right, blue: makes it more. Left, amber: less. Counted from the model's usual answer."
        case Clustering():
            return "How much each input sets this segment apart."


def _key(application: Application) -> str:
    return f"{application.name}:why"
