"""Tables and what queries return."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class ColumnAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A column of a table, with what its declaration says of it, or of a result."""

    name: str
    type: str
    help: str = ""


class QueryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a query returned."""

    columns: list[ColumnAnswer]
    rows: list[list[Any]]
    row_count: int
    truncated: bool = False
    """Whether the query has more rows than these."""
    cursor: str | None = None
    """Gives the next page, of the same versions; None where there is none."""
    elapsed_ms: float
    table_version: int
    """Newest version of the events' table when the query began."""
    table_rows: int
    """Rows of that version."""
    versions: dict[str, int] = {}
    """Table as the query names it -> version that was read."""


class TableAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A table that queries may name."""

    name: str
    rows: int
    version: int
    columns: list[ColumnAnswer]


class SchemaAnswer(msgspec.Struct, frozen=True):
    """The tables of an application."""

    tables: list[TableAnswer]


class PlanAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How the engine runs a query."""

    plan: str
    """A step per line, fed by the steps below it that stand further in; lines with "-" describe a step."""
    analyzed: bool
    """Whether the query was run and each step tells its rows and time."""
    elapsed_ms: float


class CancelledAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A query that was told to stop."""

    query_id: str


class TemplateAnswer(msgspec.Struct, frozen=True):
    """A query that the application's declaration suggests."""

    title: str
    sql: str


class TemplatesAnswer(msgspec.Struct, frozen=True):
    """The queries that the declaration suggests, in its order."""

    templates: list[TemplateAnswer]


class TableRows(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows a table has, by its log; None where the table is not there yet."""

    name: str
    rows: int | None
    version: int | None


class TableRowsAnswer(msgspec.Struct, frozen=True):
    """The tables of an application with their rows."""

    tables: list[TableRows]


class RanQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A query that a caller ran."""

    at: datetime
    kind: str
    """rows, plan, analyze, csv or parquet."""
    sql: str
    rows: int | None = None
    ms: float | None = None
    """From the request to the answer, in milliseconds."""
    error: str | None = None


class SqlHistoryAnswer(msgspec.Struct, frozen=True):
    """The caller's queries, newest first."""

    queries: list[RanQuery]


class SavedQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A query that somebody gave a name."""

    name: str
    title: str
    sql: str
    by: str
    at: datetime


class SavedAnswer(msgspec.Struct, frozen=True):
    """The saved queries, by name."""

    queries: list[SavedQuery]
