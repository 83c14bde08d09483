"""Query the application's events in the lakehouse; they are the table `data`.

template or address -> editor -> query beside the screen (can be stopped) -> table or chart
"""

from __future__ import annotations

from typing import Final, NamedTuple

import pandas as pd
import streamlit as st

from core.api.client.base import ApiError
from core.api.sql import QueryAnswer
from core.declaration import Application
from core.settings import settings
from ui import formats, reads
from ui.parts import queries, quick_chart, result_table, results, trouble
from ui.parts.stoppable import Running
from ui.reads import client

CLEARED: Final = "SELECT * FROM data LIMIT 100"

ADDRESS: Final = "sql"
"""The query's name in the address."""

LONGEST: Final = 1_500
"""Letters of a query that an address still holds."""

AT_ONCE: Final = 0.4
"""Seconds within which an answer is shown without a progress in between."""

TABLE, CHART = "Table", "Chart"


class Shown(NamedTuple):
    """What a query came to."""

    sql: str
    said: QueryAnswer | ApiError | None
    """None: it was stopped."""
    frame: pd.DataFrame | None = None


def show(application: Application) -> None:
    """Editor and result to the left, the tables' columns to the right."""
    left, right = st.columns([3, 1], gap="medium")
    with left:
        _editor(application)
        _result(application)
    with right:
        _schema(application)


def _editor(application: Application) -> None:
    text, template = _text(application), f"{application.name}:sql:template"
    _begin(application, text)
    if application.queries:
        st.pills(
            "Templates",
            [query.title for query in application.queries],
            key=template,
            on_change=_use_template,
            args=(application, text, template),
            label_visibility="collapsed",
        )
    with st.form(f"{application.name}:sql", border=False):
        st.text_area(
            "SQL",
            key=text,
            height=150,
            label_visibility="collapsed",
            persist_state="session",
            placeholder=CLEARED,
        )
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            run = st.form_submit_button(
                "Run", type="primary", icon=":material/play_arrow:", help="Ctrl+Enter"
            )
            st.form_submit_button(
                "Clear", icon=":material/backspace:", on_click=_clear, args=(text, template)
            )
            st.markdown(":gray-badge[:material/database: DuckDB, read only]", width="content")
    queries.draw(application, text)
    if run:
        _run(application, st.session_state[text])


def _begin(application: Application, text: str) -> None:
    """What the editor holds first: the address's query, else the first template. A link runs nothing."""
    shared = st.query_params.get(ADDRESS, "")
    first = application.queries[0].sql if application.queries else CLEARED
    st.session_state.setdefault(text, shared or first)


def _result(application: Application) -> None:
    running: Running | None = st.session_state.get(_running(application))
    # One fragment at one place, with or without a clock: its timer never asks for one that is gone.
    st.fragment(_working, run_every=0.5 if running else None)(application)
    if running is not None:
        return
    match st.session_state.get(_outcome(application)):
        case Shown(sql=sql, said=QueryAnswer() as result, frame=frame) if frame is not None:
            _table(application, result, frame, sql)
        case Shown(said=ApiError() as problem):
            trouble.refused(problem, "The query did not run")
        case Shown(said=None):
            st.caption(":material/stop_circle: The query was stopped; nothing goes on in the background.")
        case _:
            st.caption("Run a query to see its result here. Nothing but reading is allowed.")


def _working(application: Application) -> None:
    """The time so far and the way to stop; once the query has ended, the screen is drawn anew."""
    running: Running | None = st.session_state.get(_running(application))
    if running is None:
        return
    if running.ended:
        _finish(application, running)
        st.rerun()
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f":material/progress_activity: Running for {running.seconds:.0f} s", width="stretch")
        st.button(
            "Stop",
            icon=":material/stop_circle:",
            key=f"{application.name}:sql:stop",
            on_click=_stop,
            args=(application,),
        )


def _run(application: Application, sql: str) -> None:
    """Starts it; one that is still running gives way."""
    _stop(application)
    _share(sql)
    running = Running(client(), application.name, sql, settings().serving.sql_rows)
    st.session_state[_running(application)] = running
    st.session_state[f"{application.name}:sql:page"] = 1
    with st.spinner("Running"):
        if running.wait(AT_ONCE):
            _finish(application, running)


def _finish(application: Application, running: Running) -> None:
    said = running.outcome
    frame = results.frame(said) if isinstance(said, QueryAnswer) else None
    st.session_state[_outcome(application)] = Shown(running.sql, said, frame)
    st.session_state.pop(_running(application), None)


def _stop(application: Application) -> None:
    running: Running | None = st.session_state.pop(_running(application), None)
    if running is not None:
        running.stop()
        st.session_state[_outcome(application)] = Shown(running.sql, None)


def _share(sql: str) -> None:
    """Puts the query into the address, where it fits."""
    if len(sql) <= LONGEST:
        st.query_params[ADDRESS] = sql
    elif ADDRESS in st.query_params:
        del st.query_params[ADDRESS]


def _text(application: Application) -> str:
    return f"{application.name}:sql:text"


def _running(application: Application) -> str:
    return f"{application.name}:sql:running"


def _outcome(application: Application) -> str:
    return f"{application.name}:sql:outcome"


def _use_template(application: Application, text: str, template: str) -> None:
    chosen = st.session_state[template]
    for query in application.queries:
        if query.title == chosen:
            st.session_state[text] = query.sql


def _clear(text: str, template: str) -> None:
    st.session_state[text] = CLEARED
    st.session_state[template] = None


def badges(result: QueryAnswer) -> str:
    """How many rows, how fast, of how many, as Markdown."""
    rows = f"{formats.count(result.row_count)} {'row' if result.row_count == 1 else 'rows'}"
    said = [f":gray-badge[:material/table_rows: {rows}]"]
    if result.elapsed_ms is not None:
        said.append(f":gray-badge[:material/timer: {result.elapsed_ms:,.1f} ms]")
    if result.table_rows is not None:
        version = "" if result.table_version is None else f", version {result.table_version}"
        said.append(f":gray-badge[:material/database: of {formats.count(result.table_rows)} rows{version}]")
    if result.truncated:
        said.append(":orange-badge[:material/content_cut: cut off at the limit]")
    return " ".join(said)


@st.fragment
def _table(application: Application, result: QueryAnswer, frame: pd.DataFrame, sql: str) -> None:
    name = f"{application.name}:sql"
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(badges(result), width="content")
        with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
            _files(application, result, sql)
            view = st.segmented_control(
                "Show as",
                [TABLE, CHART],
                default=TABLE,
                required=True,
                key=f"{name}:view",
                label_visibility="collapsed",
            )
    if frame.empty:
        st.caption("The query ran and found no rows.")
        return
    if view == CHART:
        quick_chart.draw(name, frame)
        return
    result_table.draw(name, frame)


def _files(application: Application, result: QueryAnswer, sql: str) -> None:
    """What is shown as CSV; where that is not all, every row by the API. Parquet is the API's in any case."""

    def whole(kind: str) -> bytes:
        return client().export(application.name, sql, kind)

    def shown() -> bytes | str:
        return whole("csv") if result.truncated else results.csv(result)

    kinds = (("CSV", shown, "text/csv"), ("Parquet", lambda: whole("parquet"), "application/octet-stream"))
    for title, made, mime in kinds:
        st.download_button(
            title,
            made,
            file_name=f"{application.name}.{title.lower()}",
            mime=mime,
            icon=":material/download:",
            on_click="ignore",
            type="tertiary",
            help="Every row of the query" if title == "Parquet" or result.truncated else None,
        )


@st.fragment
def _schema(application: Application) -> None:
    reading = reads.schema(application.name)
    with st.container(border=True):
        st.subheader("Columns", anchor=False)
        if not reading.value:
            trouble.waiting(reading.problem)
            return
        for table in reading.value:
            version = "" if table.version is None else f", version {table.version}"
            st.caption(f"`{table.name}`: {formats.count(table.rows)} rows{version}")
            lines = [f"`{column.name}` :small[{column.type}]" for column in table.columns]
            with st.container(height=430, border=False, gap="xxsmall"):
                for line, column in zip(lines, table.columns, strict=True):
                    st.markdown(line, help=column.help or None)
