"""What goes to a worker and what comes back, as msgpack."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from core.names import Table
from core.schemas import TABLES as SPECS

TABLE = "data"
"""The name under which queries find an application's events."""

TABLES: dict[str, Table] = {
    TABLE if spec.table is Table.EVENTS else str(spec.table): spec.table for spec in SPECS
}
"""Every name that queries may use for a table of an application."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A table as a query reads it."""

    files: list[str]
    """Its Parquet files; all sources' together are the only files that the query can read."""
    columns: dict[str, str]
    """Column -> DuckDB type, in the table's order."""


class Mode(StrEnum):
    """What is made of a query."""

    ROWS = "rows"
    PLAN = "plan"
    ANALYZE = "analyze"
    """The plan with what each step took: the query is run, its rows are dropped."""
    CSV = "csv"
    PARQUET = "parquet"


class Job(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One query with all that it may touch and use."""

    sql: str
    mode: Mode = Mode.ROWS
    tables: dict[str, Source]
    """Name, or schema.name -> table; the query sees these and no other."""
    rows: int
    """Most rows of the answer, or of the file."""
    keep: int = 0
    """Most rows that are kept for further pages, those of the answer among them; 0: no pages."""
    answer_bytes: int
    """Most bytes of the answer."""
    unread: str = ""
    """Why the guard could not read the text: the engine says what its own parser thinks, and runs nothing."""
    seconds: float
    memory_mib: int
    threads: int


class Turn(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A further page of rows that were computed before."""

    kept: bytes
    """`Rows.kept` of the first answer."""
    types: list[str]
    offset: int
    rows: int
    answer_bytes: int
    seconds: float
    memory_mib: int


Work = Job | Turn


class Rows(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a query returned; `rows` is JSON already, an array of arrays."""

    names: list[str]
    types: list[str]
    rows: bytes
    row_count: int
    truncated: bool
    """Whether there are more rows than these."""
    kept: bytes = b""
    """Arrow IPC of these rows and those of further pages; empty where these are all, or no pages are kept."""
    kept_rows: int = 0
    whole: bool = True
    """Whether nothing lies beyond what is kept."""
    elapsed_ms: float


class Plan(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How the engine runs a query, as text."""

    text: str
    elapsed_ms: float


class Piece(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Some bytes of a file; more follow."""

    data: bytes


class Written(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The file is complete."""

    rows: int


class Why(StrEnum):
    """Why a query has no answer."""

    REFUSED = "refused"
    """It is not a query over the tables that there are."""
    ERROR = "error"
    """The engine could not run it."""
    TIME = "time"
    MEMORY = "memory"
    SIZE = "size"


class Failure(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Why a query has no answer, in words that may be shown to whoever sent it."""

    why: Why
    detail: str


Outcome = Rows | Plan | Written | Failure
Reply = Outcome | Piece
