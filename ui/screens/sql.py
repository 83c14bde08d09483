"""Query the application's events in the lakehouse; they are the table `data`."""

from __future__ import annotations

import streamlit as st

from core.api.client import ApiError
from core.api.sql import QueryAnswer
from core.declaration import Application
from ui import formats, reads
from ui.parts import results, trouble

CLEARED = "SELECT * FROM data LIMIT 100"


def show(application: Application) -> None:
    """Editor and result to the left, the tables' columns to the right."""
    left, right = st.columns([3, 1], gap="medium")
    with left:
        _editor(application)
    with right:
        _schema(application)


@st.fragment
def _editor(application: Application) -> None:
    text, template = f"{application.name}:sql:text", f"{application.name}:sql:template"
    st.session_state.setdefault(text, application.queries[0].sql if application.queries else CLEARED)
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
    if run:
        with st.spinner("Running"):
            st.session_state[_outcome(application)] = _run(application, st.session_state[text])
    match st.session_state.get(_outcome(application)):
        case QueryAnswer() as result:
            _table(application, result)
        case ApiError() as problem:
            trouble.refused(problem, "The query did not run")
        case _:
            st.caption("Run a query to see its result here. Nothing but reading is allowed.")


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


def _run(application: Application, sql: str) -> QueryAnswer | ApiError:
    try:
        return reads.client().query(application.name, sql)
    except ApiError as problem:
        return problem


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


def _table(application: Application, result: QueryAnswer) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(badges(result), width="content")
        st.download_button(
            "CSV",
            lambda: results.csv(result),
            file_name=f"{application.name}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            type="tertiary",
        )
    frame = results.frame(result)
    if frame.empty:
        st.caption("The query ran and found no rows.")
        return
    st.dataframe(
        frame,
        hide_index=True,
        height=min(460, 38 + 35 * len(frame)),
        placeholder=formats.UNKNOWN,
        key=f"{application.name}:sql:table",
        alt="Result of the query",
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
