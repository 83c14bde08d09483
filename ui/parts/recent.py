"""A real event of late into the form: what was asked about it, and how it ended where that is known."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import streamlit as st

from core import forms
from core.api.live import RecentAnswer
from core.declaration import Application, Classification, Regression
from ui import formats, reads
from ui.figures.residuals import SECONDS
from ui.parts import form

AMONG = 50
"""One of as many newest events is taken."""


def take(application: Application) -> None:
    """Fills the form from one of the newest events; for a button's callback."""
    reading = reads.predictions(application.name, AMONG)
    before = st.session_state.get(_key(application))
    others = [one for one in reading.value or [] if one.event and one != before]
    if not others:
        st.session_state[_key(application)] = None
        why = "the API does not answer" if reading.problem else "there are no events yet"
        st.toast(f"No recent event to take: {why}.", icon=":material/hourglass_empty:")
        return
    chosen = random.choice(others)  # noqa: S311 (an example, not a secret)
    st.session_state[_key(application)] = chosen
    form.fill(application, flat(application, chosen.event))


def flat(application: Application, event: Mapping[str, Any]) -> dict[str, Any]:
    """What the form asks of an event, by dotted path; what the event lacks is left out."""
    found: dict[str, Any] = {}
    for one in forms.inputs(application):
        outer, _, inner = one.path.partition(".")
        held: Any = event.get(outer)
        if inner:
            held = held.get(inner) if isinstance(held, Mapping) else None
        if held is not None or one.field.nullable:
            found[one.path] = held
    return found


def forget(application: Application) -> None:
    """The form holds something else now."""
    st.session_state.pop(_key(application), None)


def draw(application: Application) -> None:
    """One line about the event that was taken; nothing where none was."""
    taken: RecentAnswer | None = st.session_state.get(_key(application))
    if taken is not None:
        st.caption(f":material/history: {told(application, taken)}")


def told(application: Application, taken: RecentAnswer) -> str:
    """Where the form's values are from, and how it ended."""
    when = formats.utc(taken.event_time)
    began = f"From the event of {when} UTC. The live model said {_said(application, taken.value)} then"
    if application.label is None:
        return f"{began}."
    if taken.truth is None:
        return f"{began}; the truth is not known yet."
    return f"{began}; the truth: {_said(application, taken.truth)}."


def _said(application: Application, value: float) -> str:
    match application.task:
        case Classification(label=label):
            word = formats.positive_word(label).lower()
            return word if value else f"not {word}"
        case Regression(unit=unit):
            return formats.minutes(value) if unit == SECONDS else f"{value:,.2f} {unit}".strip()
        case _:
            return f"segment {value:.0f}"


def _key(application: Application) -> str:
    return f"{application.name}:taken"
