"""Ask the live model about one event; every change of the form is answered at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core import forms
from core.api.client import ApiError, ApiProblem
from core.api.predict import PredictAnswer
from core.declaration import Application, Clustering, Place
from ui import reads
from ui.figures import places
from ui.parts import chart, form, trouble, verdict


def show(application: Application) -> None:
    """The screen: form to the left, answer to the right."""
    _ask(application)


@st.fragment
def _ask(application: Application) -> None:
    left, right = st.columns([3, 2], gap="medium")
    with left.container(border=True):
        _buttons(application)
        values, cells = form.draw(application)
        event = forms.complete(application, values)
        computed = form.derived(application, event)
        if computed:
            st.caption("Computed from the fields above")
            st.table(computed, border="horizontal")
    with right:
        answer = _answer(application, event)
        with st.container(border=True):
            _told(application, answer, event, cells)
        _map(application, event)


def _buttons(application: Application) -> None:
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Predict", type="primary", icon=":material/online_prediction:", key=f"{application.name}:predict"
        )
        st.button(
            "Randomize",
            icon=":material/casino:",
            key=f"{application.name}:randomize",
            on_click=form.randomize,
            args=(application,),
        )
        if any(isinstance(field, Place) for field in application.fields):
            st.button(
                "Random places",
                icon=":material/location_on:",
                key=f"{application.name}:places",
                on_click=form.randomize_places,
                args=(application,),
            )


def _answer(application: Application, event: Mapping[str, Any]) -> PredictAnswer | ApiError:
    try:
        return reads.client().predict(application.name, event)
    except ApiError as problem:
        return problem


def _told(
    application: Application, answer: PredictAnswer | ApiError, event: Mapping[str, Any], cells: form.Cells
) -> None:
    if isinstance(answer, PredictAnswer):
        live = reads.live(application.name).value if isinstance(application.task, Clustering) else None
        verdict.draw(application, answer, event, (live.segments or []) if live else [])
        return
    if isinstance(answer, ApiProblem) and answer.errors:
        homeless = form.complain(answer.errors, cells)
        said = "; ".join(f"{error.field}: {error.message}" for error in homeless)
        st.error(said or "See the marked fields.", title="The event is not valid", icon=":material/error:")
        return
    trouble.refused(answer, "No answer")


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
