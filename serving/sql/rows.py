"""The rows of a query as pages.

relation -> first rows -> JSON; all that are kept -> Arrow IPC -> one page of it -> JSON
"""

from __future__ import annotations

import time
import warnings
from itertools import chain

import duckdb
import msgspec
import pyarrow as pa

from serving.sql import cells
from serving.sql.job import Failure, Job, Rows, Source, Turn, Why

BATCH_ROWS = 1000
"""Rows taken from the engine at a time: what is beyond the limit is never computed."""

REST_S = 0.5
"""How long rows of further pages are computed once those of the first are there."""

_AS_TEXT = ("HUGEINT", "UHUGEINT", "BIGNUM", "BIT", "TIME WITH TIME ZONE", "INTERVAL", "UNION", "VARIANT")
"""Types that Arrow can't hold exactly: the engine writes them as text."""


class QueryFailure(Exception):
    """Carries a Failure out of the depths."""

    def __init__(self, why: Why, detail: str) -> None:
        super().__init__(detail)
        self.failure = Failure(why=why, detail=detail)


def without_paths(message: str, tables: dict[str, Source]) -> str:
    """The engine's message without the names of files of this machine."""
    for name, source in tables.items():
        for file in source.files:
            message = message.replace(file, name)
            folder = file.rpartition("/")[0]
            if folder:
                message = message.replace(folder, name)
    return message


def related(connection: duckdb.DuckDBPyConnection, job: Job) -> duckdb.DuckDBPyRelation:
    """The query, bound and not yet run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # doubled column names are the query's own affair
        relation = connection.sql(job.sql)
    if relation is None:
        raise QueryFailure(Why.REFUSED, "the statement returns no rows")
    return relation


def answered(connection: duckdb.DuckDBPyConnection, job: Job) -> Rows:
    """The first page, and what further pages need."""
    started = time.perf_counter()
    relation = related(connection, job)
    names, types = list(relation.columns), [str(kind) for kind in relation.types]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table, whole = _taken(exact(relation, types), job)
    elapsed_ms = (time.perf_counter() - started) * 1000
    page = table.slice(0, job.rows)
    more = table.num_rows > job.rows
    return Rows(
        names=names,
        types=types,
        rows=_json(page, types, job.answer_bytes),
        row_count=page.num_rows,
        truncated=more or not whole,
        kept=_packed(table) if more and job.keep else b"",
        kept_rows=table.num_rows if job.keep else 0,
        whole=whole,
        elapsed_ms=round(elapsed_ms, 3),
    )


def turned(turn: Turn) -> Rows:
    """A further page."""
    started = time.perf_counter()
    with pa.ipc.open_stream(turn.kept) as reader:
        table = reader.read_all()
    page = table.slice(turn.offset, turn.rows)
    return Rows(
        names=[],
        types=[],
        rows=_json(page, turn.types, turn.answer_bytes),
        row_count=page.num_rows,
        truncated=turn.offset + page.num_rows < table.num_rows,
        elapsed_ms=round((time.perf_counter() - started) * 1000, 3),
    )


def exact(relation: duckdb.DuckDBPyRelation, types: list[str]) -> duckdb.DuckDBPyRelation:
    """The same rows, with the types that Arrow can't hold written as text."""
    if not any(kind.startswith(_AS_TEXT) for kind in types):
        return relation
    parts = (
        f"CAST(#{n} AS VARCHAR) AS c{n}" if kind.startswith(_AS_TEXT) else f"#{n} AS c{n}"
        for n, kind in enumerate(types, 1)
    )
    return relation.project(", ".join(parts))


def _taken(relation: duckdb.DuckDBPyRelation, job: Job) -> tuple[pa.Table, bool]:
    """The rows of the page and those kept for further ones, and whether these are all.

    Where no pages are kept, one row more than the page is taken if there is one.
    """
    reader = relation.to_arrow_reader(BATCH_ROWS)
    most = max(job.rows, job.keep)
    batches: list[pa.RecordBatch] = []
    rows = taken_bytes = 0
    enough = 0.0
    for batch in reader:
        taken_bytes += batch.nbytes
        if taken_bytes > job.answer_bytes:
            if rows <= job.rows:
                raise _too_large(job.answer_bytes)
            return _table(batches, reader.schema, most), False
        batches.append(batch)
        rows += batch.num_rows
        if rows > most:
            return _table(batches, reader.schema, most if job.keep else most + 1), False
        if rows > job.rows:
            enough = enough or time.perf_counter()
            if time.perf_counter() - enough > REST_S:
                return _table(batches, reader.schema, most), False
    return _table(batches, reader.schema, most), True


def _table(batches: list[pa.RecordBatch], schema: pa.Schema, most: int) -> pa.Table:
    return pa.Table.from_batches(batches, schema=schema).slice(0, most)


def _packed(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def _json(table: pa.Table, types: list[str], most: int) -> bytes:
    columns = [
        [cells.integer(text) for text in whole.to_pylist()]
        if kind in ("HUGEINT", "UHUGEINT", "BIGNUM")
        else list(chain.from_iterable(cells.column(chunk) for chunk in whole.chunks))
        for whole, kind in zip(table.columns, types, strict=True)
    ]
    text = msgspec.json.encode(list(zip(*columns, strict=True)))
    if len(text) > most:
        raise _too_large(most)
    return text


def _too_large(most: int) -> QueryFailure:
    return QueryFailure(
        Why.SIZE, f"the answer is larger than {most // 2**20} MiB: ask for fewer rows or columns"
    )
