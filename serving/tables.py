"""The Delta tables of the lake as the API sees them: version, files, rows, columns.

lake -> DeltaTable (opened once, brought up to date) -> TableState -> status, sql
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from core import names
from core.declaration import Application, Field, Group, Number, Place
from core.features import AGE, KEY, LATE, Feature, features
from core.schemas import TableSpec, table_spec
from serving.sql.job import TABLES
from serving.versions import TableState, Versions, state_of

__all__ = ["Column", "LakeTable", "NoTable", "TableState", "columns", "duckdb_type"]

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa
    from deltalake import DeltaTable


class NoTable(Exception):
    """The lakehouse job has not made the table yet."""


class LakeTable:
    """A table of one application; safe to share between threads."""

    def __init__(self, application: Application, lake_uri: str, table: names.Table) -> None:
        self.spec = table_spec(table)
        self._uri = f"{lake_uri}/{names.table_path(application.name, table)}"
        self._name = application.name
        self.schema = self.spec.schema(application)
        self._lock = threading.Lock()
        self._table: DeltaTable | None = None
        self._state: TableState | None = None
        self._versions = Versions(self._uri, _asked_as(table))

    def current(self) -> TableState:
        """The newest version; raises NoTable. Reads only what was committed since the last call."""
        with self._lock:
            table = self._newest()
            if self._state is None or self._state.version != table.version():
                self._state = state_of(table)
            return self._state

    def at(self, version: int) -> TableState:
        """A version; raises NoTable, or NoVersion with what there is."""
        return self._versions.at(version, self.current())

    def as_of(self, time: datetime) -> TableState:
        """The newest version at a time; raises NoTable, or NoVersion with what there is."""
        return self._versions.as_of(time, self.current())

    def newest_first(self, column: str) -> list[tuple[str, int, datetime | None]]:
        """The files of the newest version: address, rows, and the latest time in `column`, latest first.

        Raises NoTable. A file that does not tell its latest time comes first: it may hold anything.
        """
        with self._lock:
            actions = self._newest().get_add_actions(flatten=True)
            paths, rows = (actions[name].to_pylist() for name in ("path", "num_records"))
            told = f"max.{column}"
            known = told in actions.schema.names
            latest = actions[told].to_pylist() if known else [None] * len(paths)
        found = [
            (f"{self._uri}/{path}", int(n or 0), at) for path, n, at in zip(paths, rows, latest, strict=True)
        ]
        return sorted(found, key=lambda one: (one[2] is None, one[2] or 0), reverse=True)

    def _newest(self) -> DeltaTable:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError, TableNotFoundError

        try:
            if self._table is None:
                self._table = DeltaTable(self._uri)
            else:
                self._table.update_incremental()
        except TableNotFoundError:
            self._table = self._state = None
            raise NoTable(
                f"there is no table of {self._name}'s {self.spec.table} yet: the lakehouse job fills it"
            ) from None
        except DeltaError:
            # The log is no longer the one that was read before: start over next time.
            self._table = self._state = None
            raise
        return self._table


def _asked_as(table: names.Table) -> str:
    return next(name for name, known in TABLES.items() if known is table)


@dataclass(frozen=True, slots=True)
class Column:
    """A column with its DuckDB type and what the declaration says of it."""

    name: str
    type: str
    help: str


def columns(application: Application, spec: TableSpec) -> list[Column]:
    """The columns of a table, in order."""
    about = {field.name: "; ".join(_about(field)) for field in application.fields}
    about |= {one.name: _measured(one) for one in features(application)}
    about |= _ABOUT | {
        names.EVENT_DATE: f"UTC day of {spec.time(application)}; the table is partitioned by it"
    }
    return [
        Column(one.name, duckdb_type(one.type), about.get(one.name, "")) for one in spec.schema(application)
    ]


_ABOUT = {
    names.SOURCE_PARTITION: "Partition of the events topic that the event came from",
    names.SOURCE_OFFSET: "Its offset there: with the partition, the identity of the row",
    names.RejectHeader.REASON: "Why the message was refused",
    names.RejectHeader.FIELD: "Dotted path of the field; empty where the whole message is meant",
    names.RejectHeader.DETAIL: "What is wrong, in words",
    "rejected_at": "When it was refused",
    "message_key": "Its key, as it came",
    "payload": "Its bytes, as they came",
    "event_id": "Identifier of the event",
    "entity": "Whom it is about",
    "event_time": "When it happened",
    "model": "Which model answered",
    "version": "The snapshot that was newest then",
    "value": "The answer",
    "probability": "Of the positive class",
    "threshold": "From which on the answer was positive",
    "asked_at": "When the model was asked",
    KEY: "The entity",
    LATE: "It came behind the watermark: it is in no window, and its features are null",
    AGE: "How old the event was when its features were computed, in s",
}


def _measured(feature: Feature) -> str:
    return f"{feature.help}; {feature.unit}" if feature.unit else feature.help


def _about(field: Field) -> Iterator[str]:
    if field.help:
        yield field.help
    match field:
        case Number(low=low, high=high, unit=unit):
            yield f"{low:g} to {high:g} {unit}".rstrip()
        case Place():
            yield "Latitude and longitude in degrees"
        case Group(fields=fields):
            yield ", ".join(inner.name for inner in fields)


def duckdb_type(kind: pa.DataType) -> str:
    """The DuckDB name of an Arrow type that a table may have; raises ValueError for others."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        inner = ", ".join(f'"{child.name}" {duckdb_type(child.type)}' for child in kind)
        return f"STRUCT({inner})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP WITH TIME ZONE" if kind.tz else "TIMESTAMP"
    try:
        return _PLAIN[str(kind)]
    except KeyError:
        raise ValueError(
            f"no DuckDB type for {kind}; there are {', '.join(_PLAIN)}, timestamp, struct"
        ) from None


_PLAIN = {
    "string": "VARCHAR",
    "binary": "BLOB",
    "double": "DOUBLE",
    "int64": "BIGINT",
    "int32": "INTEGER",
    "bool": "BOOLEAN",
    "date32[day]": "DATE",
}
