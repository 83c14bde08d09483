"""A figure of a query's result: which column across, which up, and how.

frame + x, y, kind -> Panel -> ECharts option
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
import streamlit as st

from core.diagnostics.shapes import Axis, Bars, Cell, Lines, Panel, Points
from ui import formats
from ui.figures import panels
from ui.parts import chart

BARS, LINE, POINTS = "Bars", "Line", "Points"
KINDS: Final = (BARS, LINE, POINTS)

MOST_BARS: Final = 40
MOST_POINTS: Final = 2_000


def draw(name: str, frame: pd.DataFrame) -> None:
    """The choices and the figure; `name` begins the keys of the session."""
    numbers = numeric(frame)
    if not numbers:
        st.caption("A chart needs a column of numbers; this result has none.")
        return
    columns = [str(column) for column in frame.columns]
    shape = hash(tuple(columns))
    left, middle, right = st.columns(3, gap="small")
    x = left.selectbox("Across", columns, key=f"{name}:x:{shape}")
    up = [column for column in numbers if column != x] or numbers
    y = middle.selectbox("Up", up, key=f"{name}:y:{shape}")
    kind = right.segmented_control(
        "As", KINDS, default=suited(frame, x), required=True, key=f"{name}:kind:{shape}"
    )
    made = panel(frame, x, y, kind or BARS)
    chart.draw(
        panels.option(made),
        key=f"{name}:chart",
        alt=f"{y} over {x}",
        height=panels.height(made),
    )
    if made.note:
        st.caption(made.note)


def numeric(frame: pd.DataFrame) -> list[str]:
    """The columns that can be drawn upwards."""
    return [
        str(name)
        for name in frame.columns
        if pd.api.types.is_numeric_dtype(frame[name]) and not pd.api.types.is_bool_dtype(frame[name])
    ]


def suited(frame: pd.DataFrame, x: str) -> str:
    """The kind that fits a column across: names want bars, moments a line, numbers points."""
    if pd.api.types.is_datetime64_any_dtype(frame[x]):
        return LINE
    return POINTS if x in numeric(frame) else BARS


def panel(frame: pd.DataFrame, x: str, y: str, kind: str) -> Panel:
    """The first rows as they came (lines: in order of x), without those that lack x."""
    known = frame[frame[x].notna()]
    most = MOST_BARS if kind == BARS else MOST_POINTS
    shown = known.iloc[:most]
    if kind == LINE:
        shown = shown.sort_values(x, kind="stable")
    left_out = len(known) - len(shown)
    note = f"The first {formats.count(len(shown))} of {formats.count(len(known))} rows." if left_out else ""
    values: list[Cell] = [_number(value) for value in shown[y]]
    if kind == BARS:
        names = [str(value) for value in shown[x]]
        across = Axis(title=x, scale="category", categories=names)
        series: Any = Bars(name=y, values=values)
    else:
        across, places = _across(shown[x], x)
        series = Lines(name=y, x=places, y=values) if kind == LINE else Points(name=y, x=places, y=values)
    return Panel(title=f"{y} over {x}", x=across, y=Axis(title=y), series=[series], note=note)


def _across(values: pd.Series[Any], name: str) -> tuple[Axis, list[Cell]]:
    if pd.api.types.is_datetime64_any_dtype(values):
        return Axis(title=name, unit="UTC", scale="time"), [value.isoformat() for value in values]
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return Axis(title=name), [_number(value) for value in values]
    names = [str(value) for value in values]
    return Axis(title=name, scale="category", categories=list(dict.fromkeys(names))), list(names)


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
