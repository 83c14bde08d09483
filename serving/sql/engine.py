"""One query in a DuckDB of its own: in memory, locked, with nothing in reach but the listed files.

    Job -> connect -> a view per table -> lock -> read the text with DuckDB's parser -> run -> rows

Runs inside a worker process (`workers`): the memory of long lists and texts escapes DuckDB's own limit.
"""

from __future__ import annotations

import json
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from serving.sql import cells
from serving.sql.functions import TABLE_FUNCTIONS, refused_function
from serving.sql.job import Failure, Job, Outcome, Rows, Source, Why

BATCH_ROWS = 1000
"""Rows taken from the engine at a time: what is beyond the limit is never computed."""

INTERRUPT_EVERY_S = 0.05
"""An interrupt that arrives between two steps of the engine is lost, so it is repeated."""

_AS_TEXT = ("HUGEINT", "UHUGEINT", "BIGNUM", "BIT", "TIME WITH TIME ZONE", "INTERVAL", "UNION", "VARIANT")
"""Types that Arrow can't hold exactly: the engine writes them as text."""


class QueryFailure(Exception):
    """Carries a Failure out of the depths."""

    def __init__(self, why: Why, detail: str) -> None:
        super().__init__(detail)
        self.failure = Failure(why=why, detail=detail)


def run(job: Job) -> Outcome:
    """The rows of a query, or why there are none. Never raises on what the query does."""
    try:
        with duckdb.connect(":memory:", config={"threads": job.threads}) as connection:
            _prepare(connection, job)
            _read_again(connection, job)
            return _answer(connection, job)
    except QueryFailure as failure:
        return failure.failure
    except (duckdb.OutOfMemoryException, MemoryError):
        return Failure(why=Why.MEMORY, detail=f"the query needs more than {job.memory_mib} MiB of memory")
    except duckdb.InterruptException:
        return Failure(why=Why.TIME, detail=f"the query was stopped after {job.seconds:g} s")
    except (duckdb.Error, pa.ArrowException, RecursionError, ValueError, OverflowError) as error:
        return Failure(why=Why.ERROR, detail=without_paths(str(error), job))


def without_paths(message: str, job: Job) -> str:
    """The engine's message without the names of files of this machine."""
    for name, source in job.tables.items():
        for file in source.files:
            message = message.replace(file, name)
            folder = file.rpartition("/")[0]
            if folder:
                message = message.replace(folder, name)
    return message


def _prepare(connection: duckdb.DuckDBPyConnection, job: Job) -> None:
    """Makes the tables, then shuts every door: files, extensions, settings, Python variables, spilling."""
    connection.execute("SET timezone = 'UTC'")
    for name, source in job.tables.items():
        connection.execute(_table_sql(name, source))
    files = [file for source in job.tables.values() for file in source.files]
    for name, value in {
        "allowed_paths": f"[{', '.join(map(_text, files))}]",
        "memory_limit": f"'{job.memory_mib}MiB'",
        "temp_directory": "''",
        "python_enable_replacements": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "allow_persistent_secrets": "false",
        "enable_external_access": "false",
        "lock_configuration": "true",
    }.items():
        connection.execute(f"SET {name} = {value}")


def _table_sql(table: str, source: Source) -> str:
    """The partition column lies in the folder's name, not in the files: DuckDB takes it from there."""
    columns = [(f'"{name}"', kind) for name, kind in source.columns.items()]
    if not source.files:
        nothing = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in columns)
        return f"CREATE VIEW {table} AS SELECT {nothing} WHERE false"
    files = ", ".join(map(_text, source.files))
    partition = "hive_types = {'event_date': DATE}"
    return (
        f"CREATE VIEW {table} AS SELECT {', '.join(name for name, _ in columns)} "  # noqa: S608 - names are declared
        f"FROM read_parquet([{files}], union_by_name = true, hive_partitioning = true, {partition})"
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _read_again(connection: duckdb.DuckDBPyConnection, job: Job) -> None:
    """The engine's own reading of the text: one SELECT, known tables, no function that looks outside."""
    statements = connection.extract_statements(job.sql)
    if job.unread:
        raise QueryFailure(Why.REFUSED, job.unread)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryFailure(Why.REFUSED, "exactly one SELECT statement is allowed")
    [(text,)] = connection.execute("SELECT json_serialize_sql($1)", [job.sql]).fetchall()
    tree: Any = json.loads(text)
    if tree.get("error"):
        raise QueryFailure(Why.REFUSED, f"the query can't be read: {tree.get('error_message')}")
    nodes = list(_nodes(tree))
    names = set(job.tables) | {
        entry["key"].lower() for node in nodes for entry in node.get("cte_map", {}).get("map", ())
    }
    for node in nodes:
        _check_node(node, names)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of the engine's syntax tree."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _check_node(node: dict[str, Any], names: set[str]) -> None:
    kind = node.get("type")
    if kind == "BASE_TABLE":
        outside = node.get("schema_name") or node.get("catalog_name")
        if outside or node["table_name"].lower() not in names:
            raise QueryFailure(
                Why.REFUSED, f"there is no table {node['table_name']!r}; there are {', '.join(sorted(names))}"
            )
    elif kind == "TABLE_FUNCTION":
        name = node["function"].get("function_name", "")
        if name.lower() not in TABLE_FUNCTIONS:
            raise QueryFailure(Why.REFUSED, f"the table function {name} is not allowed")
    elif kind == "SHOW_REF":
        raise QueryFailure(Why.REFUSED, "SHOW, DESCRIBE and SUMMARIZE are not allowed")
    elif node.get("class") == "FUNCTION" and refused_function(node.get("function_name", "")):
        raise QueryFailure(Why.REFUSED, f"the function {node['function_name']} is not allowed")


def _answer(connection: duckdb.DuckDBPyConnection, job: Job) -> Rows:
    started = time.perf_counter()
    with _time_limit(connection, job.seconds), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # doubled column names are the query's own affair
        relation = connection.sql(job.sql)
        if relation is None:
            raise QueryFailure(Why.REFUSED, "the statement returns no rows")
        names, types = list(relation.columns), [str(kind) for kind in relation.types]
        table = _taken(_exact(relation, types), job)
    elapsed_ms = (time.perf_counter() - started) * 1000
    kept = table.slice(0, job.rows)
    return Rows(
        names=names,
        types=types,
        rows=_json(kept, types, job.answer_bytes),
        row_count=kept.num_rows,
        truncated=table.num_rows > job.rows,
        elapsed_ms=round(elapsed_ms, 3),
    )


def _exact(relation: duckdb.DuckDBPyRelation, types: list[str]) -> duckdb.DuckDBPyRelation:
    """The same rows, with the types that Arrow can't hold written as text."""
    if not any(kind.startswith(_AS_TEXT) for kind in types):
        return relation
    parts = (
        f"CAST(#{n} AS VARCHAR) AS c{n}" if kind.startswith(_AS_TEXT) else f"#{n} AS c{n}"
        for n, kind in enumerate(types, 1)
    )
    return relation.project(", ".join(parts))


def _taken(relation: duckdb.DuckDBPyRelation, job: Job) -> pa.Table:
    """The first rows, one more than the limit if there are more; the engine computes no further."""
    reader = relation.to_arrow_reader(BATCH_ROWS)
    batches: list[pa.RecordBatch] = []
    rows = taken_bytes = 0
    for batch in reader:
        batches.append(batch)
        rows += batch.num_rows
        taken_bytes += batch.nbytes
        if taken_bytes > job.answer_bytes:
            raise _too_large(job.answer_bytes)
        if rows > job.rows:
            break
    return pa.Table.from_batches(batches, schema=reader.schema)


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


@contextmanager
def _time_limit(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupts the connection after so many seconds, until the block has ended."""
    done = threading.Event()

    def interrupt() -> None:
        wait = seconds
        while not done.wait(wait):
            connection.interrupt()
            wait = INTERRUPT_EVERY_S

    timer = threading.Thread(target=interrupt, name="time-limit", daemon=True)
    timer.start()
    try:
        yield
    finally:
        done.set()
        timer.join()
