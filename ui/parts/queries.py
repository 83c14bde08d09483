"""Queries of before: one's own history, those that were saved, and how the engine runs the last one.

popover opened -> API -> list; a click puts a query into the editor and runs nothing
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

import streamlit as st
from streamlit.elements.lib.mutable_popover_container import PopoverContainer

from core.api.client.base import ApiError
from core.api.sql import RanQuery, SavedQuery
from core.declaration import Application
from ui import formats
from ui.reads import client

T = TypeVar("T")

MOST: Final = 20
"""Queries of the history that are shown."""

LETTERS: Final = 60
"""Of a query on its button."""


def draw(application: Application, text: str) -> None:
    """The popovers; `text` is the editor's place in the session."""
    with st.container(horizontal=True, gap="small"):
        _history(application, text)
        _saved(application, text)
        _plan(application, text)


def line(sql: str) -> str:
    """A query on one line, cut where it is long; what Markdown would take as its own is taken literally."""
    flat = " ".join(sql.split())
    short = flat if len(flat) <= LETTERS else f"{flat[: LETTERS - 1]}\N{HORIZONTAL ELLIPSIS}"
    return "".join(f"\\{sign}" if sign in "\\`*_[]$~:#<" else sign for sign in short)


def told(one: RanQuery, now: datetime) -> str:
    """When a query ran, how long it took, and what came of it."""
    said = [formats.since(one.at, now)]
    if one.ms is not None:
        said.append(f"{one.ms:,.1f} ms")
    said.append(one.error or (f"{formats.count(one.rows)} rows" if one.rows is not None else one.kind))
    return ", ".join(said)


def _history(application: Application, text: str) -> None:
    with _popover(application, "History", ":material/history:") as box:
        found = _asked(lambda: client().queries(application.name)) if box.open else None
        if found is None:
            return
        if not found:
            st.caption("No query yet.")
            return
        now = datetime.now(UTC)
        for n, one in enumerate(found[:MOST]):
            _offer(f"{text}:history:{n}", line(one.sql), told(one, now), text, one.sql)
        if st.button("Clear the history", icon=":material/delete:", type="tertiary", key=f"{text}:forget"):
            _asked(lambda: client().forget_queries(application.name))
            st.rerun()


def _saved(application: Application, text: str) -> None:
    with _popover(application, "Saved", ":material/bookmark:") as box:
        found = _asked(lambda: client().saved(application.name)) if box.open else None
        if found is None:
            return
        for one in found:
            _kept(application, text, one)
        if not found:
            st.caption("No saved query yet. Whoever uses this API sees those that are.")
        with st.form(f"{text}:save", border=False, clear_on_submit=True):
            name = st.text_input("Name", max_chars=60, placeholder="frauds by hour")
            if st.form_submit_button("Save the query that was run last", icon=":material/bookmark_add:"):
                sql = st.session_state[text]
                kept = _asked(lambda: client().save(application.name, name.strip() or "query", sql, ""))
                if kept is not None:
                    st.rerun()


def _kept(application: Application, text: str, one: SavedQuery) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _offer(
            f"{text}:saved:{one.name}", f"**{line(one.name)}**", f"{one.sql}\n\nby {one.by}", text, one.sql
        )
        if st.button(
            "Delete",
            icon=":material/delete:",
            type="tertiary",
            key=f"{text}:delete:{one.name}",
            help="Delete",
        ):
            _asked(lambda: client().delete_saved(application.name, one.name))
            st.rerun()


def _plan(application: Application, text: str) -> None:
    with _popover(application, "Plan", ":material/account_tree:") as box:
        if not box.open:
            return
        plan = _asked(lambda: client().plan(application.name, st.session_state[text], analyze=False))
        if plan is not None:
            st.caption("How the engine runs the query that was run last: each step is fed by those below it.")
            st.code(plan.plan, language=None)


def _popover(application: Application, title: str, icon: str) -> PopoverContainer:
    return st.popover(
        title, icon=icon, type="tertiary", key=f"{application.name}:sql:{title}", on_change="rerun"
    )


def _offer(key: str, label: str, help_: str, text: str, sql: str) -> None:
    st.button(label, key=key, help=help_, type="tertiary", on_click=_use, args=(text, sql))


def _use(text: str, sql: str) -> None:
    st.session_state[text] = sql


def _asked(question: Callable[[], T]) -> T | None:
    """The answer; None, with the reason said, where there is none."""
    try:
        return question()
    except ApiError as problem:
        st.caption(f":material/error: {problem}")
        return None
