"""A query's rows on the page: filtered, sorted as a whole, fifty at a time.

frame -> rows that hold the words -> sorted by any column -> one page
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
import streamlit as st

from ui import formats

PAGE: Final = 50
AS_RETURNED: Final = "As returned"


def draw(name: str, frame: pd.DataFrame) -> None:
    """Filter and order, the page, and the way to others; `name` begins the keys of the session."""
    words, column, falling = _controls(name, frame)
    found = ordered(matching(frame, words), column, falling)
    pages = max(1, -(-len(found) // PAGE))
    number = min(pages, int(st.session_state.get(f"{name}:page", 1)))
    shown = found.iloc[(number - 1) * PAGE : number * PAGE]
    if shown.empty:
        st.caption(f":material/filter_alt: None of the {formats.count(len(frame))} rows holds “{words}”.")
        return
    st.dataframe(
        shown,
        hide_index=True,
        height=min(460, 38 + 35 * len(shown)),
        placeholder=formats.UNKNOWN,
        key=f"{name}:table",
        alt="Result of the query",
    )
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        first = (number - 1) * PAGE + 1
        st.caption(told(first, first + len(shown) - 1, len(found), len(frame)), width="content")
        if pages > 1:
            st.pagination(pages, key=f"{name}:page", width=320)


def matching(frame: pd.DataFrame, words: str) -> pd.DataFrame:
    """The rows in which some column holds the words, whatever their case; all of them for no words."""
    wanted = words.strip().casefold()
    if not wanted:
        return frame
    held = pd.Series(False, index=frame.index)
    for name in frame.columns:
        text = frame[name].astype("string").str.casefold()
        held |= text.str.contains(wanted, regex=False).fillna(False).astype(bool)
    return frame[held]


def ordered(frame: pd.DataFrame, column: str | None, falling: bool) -> pd.DataFrame:
    """All rows by a column, numbers as numbers, nulls last; as they came for none."""
    if column is None or column not in frame.columns:
        return frame
    return frame.sort_values(column, ascending=not falling, na_position="last", kind="stable")


def told(first: int, last: int, found: int, returned: int) -> str:
    """Which rows are shown, of how many that were found, of how many that came back."""
    rows = f"Rows {formats.count(first)} to {formats.count(last)} of {formats.count(found)}"
    return rows if found == returned else f"{rows} found in {formats.count(returned)}"


def _controls(name: str, frame: pd.DataFrame) -> tuple[str, str | None, bool]:
    first: dict[str, Any] = {"on_change": _first_page, "args": (name,)}
    left, middle, right = st.columns([3, 2, 1], vertical_alignment="bottom", gap="small")
    words = left.text_input(
        "Filter",
        key=f"{name}:filter",
        placeholder="Filter rows",
        icon=":material/filter_alt:",
        label_visibility="collapsed",
        **first,
    )
    column = middle.selectbox(
        "Sort by",
        [AS_RETURNED, *map(str, frame.columns)],
        key=f"{name}:sort:{hash(tuple(frame.columns))}",
        label_visibility="collapsed",
        help="Orders all rows; a click on a header orders those of the page.",
        **first,
    )
    falling = right.segmented_control(
        "Order",
        ["Up", "Down"],
        default="Up",
        required=True,
        key=f"{name}:order",
        label_visibility="collapsed",
        disabled=column == AS_RETURNED,
        width="stretch",
        **first,
    )
    return words or "", None if column == AS_RETURNED else column, falling == "Down"


def _first_page(name: str) -> None:
    st.session_state[f"{name}:page"] = 1
