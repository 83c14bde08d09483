"""The prediction form of an application, drawn from its declaration.

    core.forms.inputs -> widgets (declared ranges only) -> values by dotted path -> core.forms.complete

Values live in the session under `<application>:form:<path>` and survive a change of page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import forms
from core.api.errors import FieldError
from core.declaration import (
    Application,
    Category,
    Entity,
    EventTime,
    Flag,
    Identifier,
    Leaf,
    Number,
    Place,
    Text,
)
from ui import formats

Cells = dict[str, DeltaGenerator]
"""Dotted path -> where the field stands, so that a message can be put under it."""


def key(application: Application, path: str) -> str:
    """The session's name of a field."""
    return f"{application.name}:form:{path}"


def fill(application: Application, values: Mapping[str, Any]) -> None:
    """Puts values by dotted path into the form; call it before the form is drawn, or in a callback."""
    for one in forms.inputs(application):
        if one.path in values:
            name = key(application, one.path)
            st.session_state[name] = held = _held(one.field, values[one.path])
            if isinstance(one.field, Number):
                st.session_state[f"{name}:range"] = around(one.field, held)


def around(number: Number, held: Any) -> tuple[float, float]:
    """The range that the form offers, as far as a value from a real event needs beyond the usual one."""
    low, high = number.form_range
    return (low, high) if held is None else (min(low, held), max(high, held))


def randomize(application: Application) -> None:
    """Fills the form with values from the declared ranges, and the present moment."""
    fill(application, forms.randomize(application))


def randomize_places(application: Application) -> None:
    """Draws new places and leaves everything else as it is."""
    drawn = forms.randomize(application)
    names = {field.name for field in application.fields if isinstance(field, Place)}
    fill(application, {path: value for path, value in drawn.items() if path.partition(".")[0] in names})


def draw(application: Application) -> tuple[dict[str, Any], Cells]:
    """The widgets; returns the values by dotted path and the cells to write messages into."""
    asked = forms.inputs(application)
    if any(key(application, one.path) not in st.session_state for one in asked):
        randomize(application)
    values: dict[str, Any] = {}
    cells: Cells = {}
    grid = st.grid(2, min_column_width=150, gap="small")
    for one in asked:
        if not isinstance(one.field, Flag | Text):
            _place(application, one, grid.cell(), values, cells)
    flags = [one for one in asked if isinstance(one.field, Flag)]
    if flags:
        row = st.container(horizontal=True, gap="large")
        for one in flags:
            _place(application, one, row.container(width="content", gap="xxsmall"), values, cells)
    texts = [one for one in asked if isinstance(one.field, Text)]
    if texts:
        more = st.expander("Free text", icon=":material/notes:")
        for one in texts:
            _place(application, one, more.container(gap="xxsmall"), values, cells)
    return values, cells


def complain(errors: Sequence[FieldError], cells: Cells) -> list[FieldError]:
    """Writes each message under its field; returns those that no field of the form could take."""
    homeless = []
    for error in errors:
        path = next((path for path in cells if error.field == path or error.field.endswith(f".{path}")), None)
        if path is None:
            homeless.append(error)
        else:
            cells[path].markdown(f":red[:material/error: {error.message}]")
    return homeless


def derived(application: Application, event: Mapping[str, Any]) -> dict[str, str]:
    """What the form computes instead of asking, ready to show: title -> value with unit."""
    return {
        formats.words(field.name): formats.value(field, event.get(field.name))
        + (f" :gray[({field.help})]" if field.help else "")
        for field in application.fields
        if field.derive
    }


def _place(
    application: Application, one: forms.Input, cell: DeltaGenerator, values: dict[str, Any], cells: Cells
) -> None:
    with cell:
        value = _sent(one.field, _widget(one, key(application, one.path)))
    # A cleared moment is left out: the API takes the present one.
    if not (isinstance(one.field, EventTime) and value is None):
        values[one.path] = value
    cells[one.path] = cell


def _widget(one: forms.Input, name: str) -> Any:
    """The control for a field; its value is already in the session."""
    label = f"{one.label} ({unit})" if (unit := getattr(one.field, "unit", "")) else one.label
    common: dict[str, Any] = {"key": name, "help": one.field.help or None, "persist_state": "session"}
    match one.field:
        case Number() as number:
            return _number(label, number, common)
        case Category(values=options, open=open_, nullable=nullable):
            return _choice(label, options, open_, nullable, common)
        case Entity(examples=options) if options:
            return _choice(label, options, True, one.field.nullable, common)
        case Flag():
            return st.toggle(label, **common)
        case EventTime():
            return st.datetime_input(f"{label} (UTC)", step=60, format="YYYY-MM-DD", **common)
        case Text(longest=longest):
            return st.text_input(label, max_chars=longest, **common)
        case Entity() | Identifier():
            return st.text_input(label, **common)


def _number(label: str, number: Number, common: Mapping[str, Any]) -> Any:
    low, high = st.session_state.get(f"{common['key']}:range", number.form_range)
    empty: dict[str, Any] = {"value": None} if number.nullable else {}
    if number.integer:
        return st.number_input(label, min_value=int(low), max_value=int(high), step=1, **empty, **common)
    step = number.step or 0.01
    shown = f"%.{max(1, len(f'{step:.9f}'.rstrip('0').partition('.')[2]))}f"
    # The arrows of a coordinate move by a hundred metres or so, not by ten centimetres.
    stride = max(step, 10.0 ** (_magnitude(high - low) - 2))
    return st.number_input(
        label, min_value=float(low), max_value=float(high), step=stride, format=shown, **empty, **common
    )


def _magnitude(width: float) -> int:
    """The power of ten of a number: 0.6 -> -1, 250 -> 2."""
    return int(f"{width or 1:e}".partition("e")[2])


def _choice(
    label: str, options: Sequence[str], open_: bool, nullable: bool, common: Mapping[str, Any]
) -> str | None:
    index: dict[str, Any] = {"index": None} if nullable else {}
    return st.selectbox(label, options, accept_new_options=open_, placeholder="none", **index, **common)


def _held(field: Leaf, value: Any) -> Any:
    """A value as its widget holds it: moments without a zone, in UTC, to the minute."""
    match field, value:
        case EventTime(), str():
            moment = datetime.fromisoformat(value).astimezone(UTC)
            return moment.replace(tzinfo=None, second=0, microsecond=0)
        case Number(integer=False), int() | float():
            return float(value)
        case _:
            return value


def _sent(field: Leaf, value: Any) -> Any:
    """A widget's value as the API takes it: moments with a zone, empty text as null where allowed."""
    match field, value:
        case EventTime(), datetime():
            return value.replace(tzinfo=UTC).isoformat()
        case Text(nullable=True), "" | None:
            return None
        case Text(), None:
            return ""
        case _:
            return value


def spots(application: Application, event: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """The event's places as (title, lat, lon), in declared order."""
    return [
        (formats.words(field.name), event[field.name]["lat"], event[field.name]["lon"])
        for field in application.fields
        if isinstance(field, Place) and event.get(field.name)
    ]
