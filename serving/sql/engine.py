"""One query in a DuckDB of its own: in memory, locked, with nothing in reach but the listed files.

    Job -> connect -> a view per table -> lock -> read the text with DuckDB's parser -> run -> rows

Runs inside a worker process (`workers`): the memory of long lists and texts escapes DuckDB's own limit.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from serving.sql import files, plan
from serving.sql.functions import TABLE_FUNCTIONS, refused_function
from serving.sql.job import Failure, Job, Mode, Outcome, Source, Turn, Why, Work
from serving.sql.rows import QueryFailure, answered, turned, without_paths

INTERRUPT_EVERY_S = 0.05
"""An interrupt that arrives between two steps of the engine is lost, so it is repeated."""


def _nowhere(data: bytes) -> None:
    """Where bytes go that nobody asked for."""


class Engine:
    """Keeps the database of the last query: the next one over the same files finds it warm.

    Nothing of a query stays in it: its settings are locked, it can't be written to, and every query has
    a connection of its own.
    """

    def __init__(self) -> None:
        self._key: bytes = b""
        self._database: duckdb.DuckDBPyConnection | None = None

    def run(self, work: Work, send: Callable[[bytes], None] = _nowhere) -> Outcome:
        """What became of a query; the bytes of a file go to `send`. Never raises on what the query does."""
        try:
            if isinstance(work, Turn):
                return turned(work)
            return self._run(work, send)
        except QueryFailure as failure:
            return failure.failure
        except (duckdb.OutOfMemoryException, MemoryError):
            self._forget()
            return Failure(
                why=Why.MEMORY, detail=f"the query needs more than {work.memory_mib} MiB of memory"
            )
        except duckdb.InterruptException:
            return Failure(why=Why.TIME, detail=f"the query was stopped after {work.seconds:g} s")
        except (duckdb.Error, pa.ArrowException, RecursionError, ValueError, OverflowError) as error:
            self._forget()  # an error inside the engine may leave a database that answers nothing more
            tables = work.tables if isinstance(work, Job) else {}
            return Failure(why=Why.ERROR, detail=without_paths(str(error), tables))

    def _run(self, job: Job, send: Callable[[bytes], None]) -> Outcome:
        with self._warm(job).cursor() as connection:
            _read_again(connection, job)
            with _time_limit(connection, job.seconds):
                match job.mode:
                    case Mode.ROWS:
                        return answered(connection, job)
                    case Mode.PLAN | Mode.ANALYZE:
                        return plan.explained(connection, job)
                    case _:
                        return files.written(connection, job, send)

    def _warm(self, job: Job) -> duckdb.DuckDBPyConnection:
        key = msgspec.msgpack.encode([job.tables, job.threads, job.memory_mib])
        if self._database is None or key != self._key:
            self._forget()
            database = duckdb.connect(":memory:", config={"threads": job.threads})
            try:
                _prepare(database, job)
            except BaseException:
                database.close()
                raise
            self._database, self._key = database, key
        return self._database

    def _forget(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database = None


def _prepare(connection: duckdb.DuckDBPyConnection, job: Job) -> None:
    """Makes the tables, then shuts every door: files, extensions, settings, Python variables, spilling."""
    connection.execute("SET GLOBAL timezone = 'UTC'")
    connection.execute("SET parquet_metadata_cache = true")  # a file of a Delta table never changes
    for name, source in job.tables.items():
        if "." in name:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name.partition('.')[0]}")
        connection.execute(_table_sql(name, source))
    paths = sorted({file for source in job.tables.values() for file in source.files})
    for name, value in {
        "allowed_paths": f"[{', '.join(map(_text, paths))}]",
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
    names = {tuple(name.split(".")) for name in job.tables} | {
        (entry["key"].lower(),) for node in nodes for entry in node.get("cte_map", {}).get("map", ())
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


def _check_node(node: dict[str, Any], names: set[tuple[str, ...]]) -> None:
    kind = node.get("type")
    if kind == "BASE_TABLE":
        parts = (node.get("catalog_name"), node.get("schema_name"), node["table_name"])
        name = tuple(part.lower() for part in parts if part)
        if name not in names:
            known = ", ".join(sorted(".".join(one) for one in names))
            raise QueryFailure(
                Why.REFUSED, f"there is no table {node['table_name']!r}; there are {known or 'none'}"
            )
        if node.get("at_clause"):
            raise QueryFailure(Why.REFUSED, "AT is allowed behind the name of a table only")
    elif kind == "TABLE_FUNCTION":
        name = node["function"].get("function_name", "")
        if name.lower() not in TABLE_FUNCTIONS:
            raise QueryFailure(Why.REFUSED, f"the table function {name} is not allowed")
    elif kind == "SHOW_REF":
        raise QueryFailure(Why.REFUSED, "SHOW, DESCRIBE and SUMMARIZE are not allowed")
    elif node.get("class") == "FUNCTION" and refused_function(node.get("function_name", "")):
        raise QueryFailure(Why.REFUSED, f"the function {node['function_name']} is not allowed")


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
