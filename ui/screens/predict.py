"""Ask every model about one event; every change of the form is answered at once.

form -> event -> live and registered champion -> cards side by side, what moved them, the map
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from core import forms
from core.api.client.base import ApiAway, ApiError, ApiProblem
from core.api.live import LiveAnswer
from core.api.predict import PredictAnswer
from core.declaration import Application, Classification, Clustering, Place
from ui import reads
from ui.figures import places
from ui.parts import behaviour, chart, form, opinions, recent, threshold, trouble, verdict, why
from ui.parts.opinions import Opinion

CARD: Final = 270
"""Width in pixels below which cards stand below one another; three abreast fit a wide screen."""


def show(application: Application) -> None:
    """The screen: form to the left, answers to the right."""
    _ask(application)


@st.fragment
def _ask(application: Application) -> None:
    left, right = st.columns([2, 3], gap="medium")
    with left.container(border=True):
        anew = _buttons(application)
        recent.draw(application)
        values, cells = form.draw(application)
        event = forms.complete(application, values)
        computed = form.derived(application, event)
        if computed:
            st.caption("Computed from the fields above")
            st.table(computed, border="horizontal")
    with right:
        given = opinions.held(application, values, event, why.opened(application), anew)
        _answers(application, given, event, cells)
        _map(application, event)


def _buttons(application: Application) -> bool:
    """The buttons; whether the answer is asked for anew."""
    with st.container(horizontal=True, gap="small"):
        pressed = st.button(
            "Predict", type="primary", icon=":material/online_prediction:", key=f"{application.name}:predict"
        )
        st.button(
            "Randomize",
            icon=":material/casino:",
            key=f"{application.name}:randomize",
            on_click=_randomize,
            args=(application,),
        )
        st.button(
            "Take a recent event",
            icon=":material/history:",
            key=f"{application.name}:recent",
            on_click=recent.take,
            args=(application,),
            help="Fills the form from an event that has just come in.",
        )
        if any(isinstance(field, Place) for field in application.fields):
            st.button(
                "Random places",
                icon=":material/location_on:",
                key=f"{application.name}:places",
                on_click=form.randomize_places,
                args=(application,),
            )
    return pressed


def _randomize(application: Application) -> None:
    recent.forget(application)
    form.randomize(application)


def _answers(
    application: Application, given: Sequence[Opinion], event: Mapping[str, Any], cells: form.Cells
) -> None:
    """Every model's card, whether they agree, and what is asked of the answers."""
    first = given[0].said
    if isinstance(first, ApiProblem) and first.errors:
        _complain(first, cells)
        return
    if all(isinstance(one.said, ApiAway) for one in given):
        with st.container(border=True):
            trouble.refused(first, "No answer")  # type: ignore[arg-type]
        return
    live = None
    if isinstance(application.task, Classification | Clustering):
        live = reads.live(application.name).value
    tried = threshold.tried(application)
    read = [
        Opinion(who, threshold.reread(said, tried) if isinstance(said, PredictAnswer) else said)
        for who, said in given
    ]
    _cards(application, read, event, live)
    replies = opinions.answered(read)
    if not replies:
        return
    if isinstance(application.task, Classification):
        threshold.draw(application, application.task, replies[0][1].threshold, live)
    if isinstance(application.task, Clustering):
        behaviour.draw(application, replies, (live.segments or []) if live else [])
    why.draw(application, replies)


def _cards(
    application: Application, given: Sequence[Opinion], event: Mapping[str, Any], live: LiveAnswer | None
) -> None:
    segments = (live.segments or []) if live else []
    with st.grid(len(given), min_column_width=CARD, gap="small"):
        for who, said in given:
            with st.container(border=True, height="stretch", gap="xsmall"):
                st.markdown(f":gray[**{who}**]")
                if isinstance(said, PredictAnswer):
                    verdict.draw(application, who, said, event, segments if who == opinions.LIVE else [])
                else:
                    _silent(who, said)
    agree, sentence = opinions.agreement(application, opinions.answered(given))
    if sentence:
        icon = ":gray[:material/handshake:]" if agree else ":orange[:material/alt_route:]"
        st.markdown(f"{icon} {sentence if agree else f'**{sentence}**'}")


def _silent(who: str, problem: ApiError) -> None:
    """The live model's silence is told like a refusal; that nothing was trained yet is no trouble."""
    if who == opinions.LIVE:
        trouble.refused(problem, "No answer")
        return
    st.caption(f":material/hourglass_empty: No answer: {problem}")
    st.caption("Train one in the view Batch, and it answers here beside the live one.")


def _complain(problem: ApiProblem, cells: form.Cells) -> None:
    homeless = form.complain(problem.errors, cells)
    said = "; ".join(f"{error.field}: {error.message}" for error in homeless)
    st.error(said or "See the marked fields.", title="The event is not valid", icon=":material/error:")


def _map(application: Application, event: Mapping[str, Any]) -> None:
    found = [places.Spot(*spot) for spot in form.spots(application, event)]
    if not found:
        return
    area = next(field.area for field in application.fields if isinstance(field, Place))
    with st.container(border=True, gap="xsmall"):
        chart.draw(
            places.over_roads(found, area),
            key=f"{application.name}:map",
            alt=" and ".join(spot.name for spot in found) + " on a map",
            height=places.HEIGHT,
        )
        names = (":blue[●]", ":red[●]")
        st.caption(
            "&ensp;".join(
                f"{dot} {spot.name} {spot.lat:.4f}, {spot.lon:.4f}"
                for dot, spot in zip(names, found, strict=False)
            )
        )
