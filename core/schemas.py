"""The shapes derived from a declaration: Arrow (for Delta and for reading JSON) and Flink DDL.

pyarrow is imported inside the functions: `core` stays light for those who only need names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core import features, names
from core.declaration import (
    Application,
    Classification,
    Clustering,
    EventTime,
    Field,
    Flag,
    Group,
    Number,
    Place,
)

if TYPE_CHECKING:
    import pyarrow as pa


def arrow_type(field: Field) -> pa.DataType:
    """The Arrow type of a declared field: float64, int64, bool, timestamp[us, UTC], string or struct."""
    import pyarrow as pa

    match field:
        case EventTime():
            return pa.timestamp("us", tz="UTC")
        case Number(integer=integer):
            return pa.int64() if integer else pa.float64()
        case Flag():
            return pa.bool_()
        case Place(fields=fields) | Group(fields=fields):
            return pa.struct([(inner.name, arrow_type(inner)) for inner in fields])
        case _:
            return pa.string()


def valid_schema(application: Application) -> pa.Schema:
    """A message of the `valid` topic: the declared fields, then source partition and offset."""
    import pyarrow as pa

    return pa.schema(
        [pa.field(f.name, arrow_type(f), nullable=True) for f in application.fields]
        + [pa.field(names.SOURCE_PARTITION, pa.int32()), pa.field(names.SOURCE_OFFSET, pa.int64())]
    )


def events_schema(application: Application) -> pa.Schema:
    """A row of the Delta table `events`: a valid message and the day that partitions the table."""
    import pyarrow as pa

    return valid_schema(application).append(pa.field(names.EVENT_DATE, pa.date32()))


REJECTED_AT = "rejected_at"
"""When a message was refused: the dead letter's own timestamp."""


def rejects_schema(application: Application) -> pa.Schema:
    """A row of the Delta table `rejects`: a dead letter, its key and value as they came, and its day."""
    import pyarrow as pa

    return pa.schema(
        [
            (names.RejectHeader.REASON, pa.string()),
            (names.RejectHeader.FIELD, pa.string()),
            (names.RejectHeader.DETAIL, pa.string()),
            (names.SOURCE_PARTITION, pa.int32()),
            (names.SOURCE_OFFSET, pa.int64()),
            (REJECTED_AT, pa.timestamp("us", tz="UTC")),
            ("message_key", pa.binary()),
            ("payload", pa.binary()),
            (names.EVENT_DATE, pa.date32()),
        ]
    )


def predictions_schema(application: Application) -> pa.Schema:
    """A row of the Delta table `predictions`: core.records.Prediction and its day.

    `value` has the type of the task's answer: bool, int64 (the segment) or float64.
    """
    import pyarrow as pa

    time = pa.timestamp("us", tz="UTC")
    match application.task:
        case Classification():
            value = pa.bool_()
        case Clustering():
            value = pa.int64()
        case _:
            value = pa.float64()
    return pa.schema(
        [
            ("application", pa.string()),
            ("event_id", pa.string()),
            ("entity", pa.string()),
            ("event_time", time),
            (names.SOURCE_PARTITION, pa.int32()),
            (names.SOURCE_OFFSET, pa.int64()),
            ("model", pa.string()),
            ("version", pa.int64()),
            ("value", value),
            ("probability", pa.float64()),
            ("threshold", pa.float64()),
            ("asked_at", time),
            (names.EVENT_DATE, pa.date32()),
        ]
    )


def features_schema(application: Application) -> pa.Schema:
    """A row of the Delta table `features`: a message of the topic `features` and its day.

    Counts are int64, all other features float64; every feature is null where `late` is true.
    """
    import pyarrow as pa

    return pa.schema(
        [
            (features.KEY, pa.string()),
            (names.SOURCE_PARTITION, pa.int32()),
            (names.SOURCE_OFFSET, pa.int64()),
            (features.EVENT_TIME, pa.timestamp("us", tz="UTC")),
            *(
                (one.name, pa.int64() if one.integer else pa.float64())
                for one in features.features(application)
            ),
            (features.LATE, pa.bool_()),
            (features.AGE, pa.float64()),
            (names.EVENT_DATE, pa.date32()),
        ]
    )


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One of the Delta tables that every application has, and the topic that fills it."""

    table: names.Table
    stream: names.Stream
    schema: Callable[[Application], pa.Schema]
    """The columns of a row; the last one is the day that partitions the table."""
    time: Callable[[Application], str]
    """The column whose UTC day that is."""
    headers: bool = False
    """Rows are dead letters: made of a message's headers, key and value, not of JSON in its value."""


TABLES = (
    TableSpec(names.Table.EVENTS, names.Stream.VALID, events_schema, lambda one: one.event_time.name),
    TableSpec(names.Table.REJECTS, names.Stream.DLQ, rejects_schema, lambda _: REJECTED_AT, headers=True),
    TableSpec(
        names.Table.PREDICTIONS,
        names.Stream.PREDICTIONS,
        predictions_schema,
        lambda _: "event_time",
    ),
    TableSpec(names.Table.FEATURES, names.Stream.FEATURES, features_schema, lambda _: features.EVENT_TIME),
)
"""Every table that the job `lakehouse` fills."""


def table_spec(table: names.Table) -> TableSpec:
    """The spec of a table."""
    return next(spec for spec in TABLES if spec.table == table)


# Flink. Payloads stay bytes in SQL: they are parsed once, in the vectorised map.


def raw_source_ddl(table: str, topic: str, options: dict[str, str], headers: bool = False) -> str:
    """A Kafka source of raw keys and values, with where each message lay; with `headers`, what it carried."""
    extra = """,
            `sent_at` TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
            `headers` MAP<STRING, BYTES> METADATA VIRTUAL"""
    return f"""
        CREATE TABLE `{table}` (
            `message_key` BYTES,
            `payload` BYTES,
            `source_partition` INT METADATA FROM 'partition' VIRTUAL,
            `source_offset` BIGINT METADATA FROM 'offset' VIRTUAL{extra if headers else ""}
        ) WITH ({_with({"topic": topic} | _RAW | options)})"""


def raw_sink_ddl(table: str, topic: str, options: dict[str, str], headers: bool = False) -> str:
    """A Kafka sink of raw keys and values; with `headers`, a map of text to bytes goes along."""
    extra = ",\n            `headers` MAP<STRING, BYTES> METADATA" if headers else ""
    return f"""
        CREATE TABLE `{table}` (
            `message_key` BYTES,
            `payload` BYTES{extra}
        ) WITH ({_with({"topic": topic} | _RAW | options)})"""


_RAW = {
    "connector": "kafka",
    "key.format": "raw",
    "key.fields": "message_key",
    "value.format": "raw",
    "value.fields-include": "EXCEPT_KEY",
}


def _with(options: dict[str, str]) -> str:
    return ", ".join(f"'{name}' = '{_quoted(value)}'" for name, value in options.items())


def _quoted(value: str) -> str:
    return value.replace("'", "''")
