"""What goes to a worker and what comes back, as msgpack."""

from __future__ import annotations

from enum import StrEnum

import msgspec

TABLE = "data"
"""The name under which queries find an application's events."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One query with all that it may touch and use."""

    sql: str
    files: list[str]
    """The Parquet files of the table: the only files that the query can read."""
    columns: dict[str, str]
    """Column -> DuckDB type, in the table's order."""
    rows: int
    """Most rows of the answer."""
    answer_bytes: int
    """Most bytes of the answer."""
    unread: str = ""
    """Why the guard could not read the text: the engine says what its own parser thinks, and runs nothing."""
    seconds: float
    memory_mib: int
    threads: int


class Rows(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a query returned; `rows` is JSON already, an array of arrays."""

    names: list[str]
    types: list[str]
    rows: bytes
    row_count: int
    truncated: bool
    elapsed_ms: float


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


Outcome = Rows | Failure
