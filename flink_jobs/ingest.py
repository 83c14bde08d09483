"""The job `ingest`: every raw message is checked once, and goes one of two ways.

    <app>.events -> check (vectorised) -> <app>.valid   accepted: canonical JSON with its source
                                     `--> <app>.dlq     refused: raw bytes, the reason in the headers

One job for all applications. Both sinks take part in Flink's checkpoints, so a message ends in exactly one
of them, exactly once.
"""

from __future__ import annotations

from typing import Any

from core.applications import APPLICATIONS
from core.declaration import Application
from core.names import Job, RejectHeader, Stream, topic
from core.schemas import raw_sink_ddl, raw_source_ddl
from core.settings import Settings
from flink_jobs import streams
from flink_jobs.check import COLUMNS, KEY, PAYLOAD, WHY, CheckMap

JOB = Job.INGEST

BUNDLE_MS = 50
"""How long rows wait for a fuller batch at low rates."""


def options(settings: Settings) -> dict[str, str]:
    """How rows travel to the Python workers: batches of `batch_rows`, four of them on the way."""
    return {
        "python.fn-execution.arrow.batch.size": str(settings.flink.batch_rows),
        "python.fn-execution.bundle.size": str(settings.flink.batch_rows * 4),
        "python.fn-execution.bundle.time": str(BUNDLE_MS),
    }


def build(environment: Any, settings: Settings) -> Any:
    """The job as a StatementSet on a TableEnvironment, two inserts per application."""
    statements = environment.create_statement_set()
    for application in APPLICATIONS.values():
        _add(environment, statements, application, settings.broker.url)
    return statements


def _add(environment: Any, statements: Any, application: Application, url: str) -> None:
    from pyflink.table import DataTypes
    from pyflink.table.udf import udf

    name = application.name
    events, valid, dlq = (topic(name, stream) for stream in (Stream.EVENTS, Stream.VALID, Stream.DLQ))
    environment.execute_sql(raw_source_ddl(events, events, streams.source(url, JOB, name), headers=True))
    environment.execute_sql(raw_sink_ddl(valid, valid, streams.sink(url, JOB, valid)))
    environment.execute_sql(raw_sink_ddl(dlq, dlq, streams.sink(url, JOB, dlq), headers=True))
    row = DataTypes.ROW([DataTypes.FIELD(str(column), DataTypes.BYTES()) for column in COLUMNS])
    check = udf(CheckMap(name), result_type=row, func_type="pandas", name=f"check {name}")
    checked = f"{name}.checked"
    messages = environment.sql_query(
        "SELECT `message_key`, `payload`, `source_partition`, `source_offset`, "  # noqa: S608
        f"EXTRACT(EPOCH FROM `sent_at`) AS `second` FROM `{events}`"
    )
    environment.create_temporary_view(f"`{checked}`", messages.map(check))
    statements.add_insert_sql(
        f"INSERT INTO `{valid}` SELECT `{KEY}`, `{PAYLOAD}` FROM `{checked}` WHERE `{WHY}` IS NULL"  # noqa: S608
    )
    headers = ", ".join(f"'{header}', {_header(header)}" for header in RejectHeader)
    statements.add_insert_sql(
        f"INSERT INTO `{dlq}` SELECT `{KEY}`, `{PAYLOAD}`, MAP[{headers}] "  # noqa: S608
        f"FROM `{checked}` WHERE `{WHY}` IS NOT NULL"
    )


def _header(header: RejectHeader) -> str:
    return f"CAST(JSON_VALUE(CAST(`{WHY}` AS STRING), '$.{header}') AS BYTES)"


def rewind(settings: Settings) -> None:
    """Before a start without a checkpoint: read all that the topics hold."""
    for name in APPLICATIONS:
        streams.rewind(settings.broker.url, JOB, name, topic(name, Stream.EVENTS))
