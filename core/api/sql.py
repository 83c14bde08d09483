"""Tables and what queries return."""

from __future__ import annotations

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
    elapsed_ms: float
    table_version: int
    """Of the events' table."""
    table_rows: int


class TableAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A table that queries may name."""

    name: str
    rows: int
    version: int
    columns: list[ColumnAnswer]


class SchemaAnswer(msgspec.Struct, frozen=True):
    """The tables of an application."""

    tables: list[TableAnswer]
