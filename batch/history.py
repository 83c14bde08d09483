"""The tables of an application at pinned versions, and the files in them that can hold what is asked.

Delta log -> version, files with the range of their event times -> DuckDB reads the columns that are needed
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb

from core.declaration import Application
from core.names import Table, table_path
from core.schemas import TableSpec, table_spec
from core.settings import Settings

if TYPE_CHECKING:
    from deltalake import DeltaTable

MILLISECOND = 1000
"""The log cuts times to milliseconds, downwards; times here are microseconds since 1970, UTC."""


class BadData(ValueError):
    """The table does not hold what was asked: says what there is, and what is needed."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of a table, and between which event times its rows lie where the log knows."""

    uri: str
    rows: int
    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Pinned:
    """A table at one version."""

    application: Application
    spec: TableSpec
    uri: str
    delta: DeltaTable
    files: tuple[File, ...]

    @property
    def name(self) -> str:
        """Which table."""
        return str(self.spec.table)

    @property
    def version(self) -> int:
        """That is read, whatever is committed meanwhile."""
        return self.delta.version()

    @property
    def time(self) -> str:
        """The column of its event times."""
        return self.spec.time(self.application)

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return sum(file.rows for file in self.files)

    def since(self, start: int | None) -> list[File]:
        """The files that may hold rows from `start` on."""
        return [f for f in self.files if start is None or f.last is None or f.last + MILLISECOND > start]


def pinned(settings: Settings, application: Application, table: Table) -> Pinned:
    """The newest version of a table; raises BadData when there is none, or it lacks what is declared."""
    import pyarrow as pa
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    uri = f"{settings.lake_uri}/{table_path(application.name, table)}"
    try:
        delta = DeltaTable(uri)
    except TableNotFoundError:
        raise BadData(
            f"there is no table of {application.name}'s {table} yet: the lakehouse job fills it"
        ) from None
    spec = table_spec(table)
    declared, there = spec.schema(application).names, {field.name for field in delta.schema().fields}
    if lacking := [name for name in declared if name not in there]:
        raise BadData(
            f"the table of {application.name}'s {table} lacks {', '.join(lacking)}: it was made from another "
            f"declaration"
        )
    actions = pa.table(delta.get_add_actions(flatten=True))
    files = tuple(_files(delta.file_uris(), actions, spec.time(application)))
    return Pinned(application, spec, uri, delta, files)


def _files(uris: Iterable[str], actions: Any, time: str) -> Iterator[File]:
    """The log's figures of every file, by the end of its URI."""
    ends = {uri.rpartition("/")[2]: uri for uri in uris}
    for action in actions.to_pylist():
        first, last = action.get(f"min.{time}"), action.get(f"max.{time}")
        yield File(
            uri=ends[action["path"].rpartition("/")[2]],
            rows=int(action["num_records"] or 0),
            first=None if first is None else microseconds(first),
            last=None if last is None else microseconds(last),
        )


def microseconds(time: datetime) -> int:
    """Since 1970, UTC."""
    return round((time - _EPOCH).total_seconds() * 1e6)


def moment(us: int) -> datetime:
    """The time so many microseconds after 1970, UTC."""
    return datetime.fromtimestamp(us / 1e6, UTC)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@contextmanager
def engine(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory, within the limits of a job."""
    limit = settings.batch.job_memory_mib // 2
    config: dict[str, Any] = {"threads": settings.batch.threads, "memory_limit": f"{limit}MiB"}
    with duckdb.connect(":memory:", config=config) as connection:
        connection.execute("SET timezone = 'UTC'")
        connection.execute("SET temp_directory = ''")
        for macro in _MACROS:
            connection.execute(macro)
        yield connection


def view(connection: duckdb.DuckDBPyConnection, name: str, table: Pinned, files: Iterable[File]) -> None:
    """Makes the view `name` of some files of a table; of all, where none is given.

    On disk DuckDB reads them itself. Of an object store, delta-rs fetches the columns and row groups that
    DuckDB asks for, of all files that its log does not rule out.
    """
    if "://" in table.uri:
        connection.register(name, table.delta.to_pyarrow_dataset())
        return
    listed = [file.uri for file in files] or [file.uri for file in table.files]
    if not listed:
        nothing = table.spec.schema(table.application).empty_table()
        connection.register(name, nothing)
        return
    uris = ", ".join(quoted(uri) for uri in listed)
    rows = f"read_parquet([{uris}], union_by_name = true, hive_partitioning = false)"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {rows}")  # noqa: S608 - files of the log


def quoted(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"


def named(path: str) -> str:
    """A dotted path in SQL."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in path.split("."))


_MACROS = (
    # The finalizer of MurmurHash3 (A. Appleby, 2011): every bit of the input moves every bit of 32.
    "CREATE TEMP MACRO shaken(x, bits, factor) AS ((xor(x, x >> bits) * factor) & 4294967295::UBIGINT)",
    "CREATE TEMP MACRO mixed(x) AS "
    "shaken(shaken(shaken(x, 16, 2246822507::UBIGINT), 13, 3266489909::UBIGINT), 16, 1::UBIGINT)",
    "CREATE TEMP MACRO drawn(seed, part, place) AS mixed(xor("
    "mixed((place::UBIGINT + seed::UBIGINT) & 4294967295), "
    "mixed((part::UBIGINT * 7919 + seed::UBIGINT + (place::UBIGINT >> 32) + 1) & 4294967295)))",
)
"""drawn(seed, source partition, source offset): a number below 2^32, the same in every version of DuckDB."""
