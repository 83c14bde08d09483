"""The parameters of a diagnostic as widgets, within the ranges that are declared."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.api.client.batch import Value
from core.api.diagnostics import DiagnosticAnswer, ParameterChoice
from core.declaration import Application
from ui import formats


def draw(application: Application, asked: DiagnosticAnswer) -> dict[str, Value]:
    """One widget per parameter; returns the values by name."""
    if not asked.parameters:
        return {}
    grid = st.grid(4, min_column_width=170, gap="small")
    values: dict[str, Value] = {}
    for one in asked.parameters:
        with grid.cell():
            values[one.name] = _widget(one, f"{application.name}:{asked.id}:{one.name}")
    return values


def _widget(one: ParameterChoice, key: str) -> Value:
    common: dict[str, Any] = {"key": key, "help": one.help or None, "persist_state": "session"}
    match one.kind:
        case "integer":
            return int(_number(one, int, common))
        case "float":
            return float(_number(one, float, common))
        case "choice":
            index = one.values.index(str(one.default)) if one.default in one.values else 0
            return str(st.selectbox(one.title, one.values, index=index, format_func=formats.words, **common))
        case _:
            options = list(dict.fromkeys([str(one.default), *one.values]))
            return str(st.selectbox(one.title, options, format_func=_named, **common))


def _number(one: ParameterChoice, kind: type[int] | type[float], common: dict[str, Any]) -> float:
    low = None if one.low is None else kind(one.low)
    high = None if one.high is None else kind(one.high)
    step = 1 if kind is int else 0.05
    value = st.number_input(
        one.title, min_value=low, max_value=high, value=kind(one.default), step=step, **common
    )
    return kind(one.default) if value is None else value


def _named(name: str) -> str:
    return formats.words(name) if name else "The most important one"
