"""The shapes derived from a declaration: Arrow (for Delta and for reading JSON) and Flink DDL.

pyarrow is imported inside the functions: `core` stays light for those who only need names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core import names
from core.declaration import Application, EventTime, Field, Flag, Group, Number, Place

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


# Flink. Payloads stay bytes in SQL: they are parsed once, in the vectorised map.


def raw_source_ddl(table: str, topic: str, options: dict[str, str]) -> str:
    """A Kafka source of raw keys and values, with where each message lay."""
    return f"""
        CREATE TABLE `{table}` (
            `message_key` BYTES,
            `payload` BYTES,
            `source_partition` INT METADATA FROM 'partition' VIRTUAL,
            `source_offset` BIGINT METADATA FROM 'offset' VIRTUAL
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
