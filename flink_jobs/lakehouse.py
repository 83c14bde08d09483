"""The job `lakehouse`: messages become rows of Delta tables.

    <app>.valid       (committed only) -> commit (vectorised) -> Delta table <app>/events
    <app>.dlq         (committed only) -> commit              -> Delta table <app>/rejects
    <app>.predictions                  -> commit              -> Delta table <app>/predictions
    <app>.features    (committed only) -> commit              -> Delta table <app>/features
                                                             `-> nowhere: the commit was the sink

One job for all applications and tables (`core.schemas.TABLES`). A batch is one commit; it is finished before
a checkpoint passes, so nothing waits in memory across one, and what is replayed after a fault is dropped by
its offset.
"""

from __future__ import annotations

from typing import Any

from core.applications import APPLICATIONS
from core.declaration import Application
from core.names import Job, RejectHeader, topic
from core.schemas import TABLES, TableSpec, raw_source_ddl
from core.settings import Settings
from flink_jobs import streams
from flink_jobs.commit import CommitMap
from flink_jobs.tables import table_uri

JOB = Job.LAKEHOUSE


def options(settings: Settings) -> dict[str, str]:
    """A commit per `commit_rows` under load, per `commit_seconds` at low rates, none when idle."""
    rows = str(settings.flink.commit_rows)
    return {
        "python.fn-execution.arrow.batch.size": rows,
        "python.fn-execution.bundle.size": rows,
        "python.fn-execution.bundle.time": str(round(settings.flink.commit_seconds * 1000)),
        "table.local-time-zone": "UTC",  # times reach the maps as text
    }


def build(environment: Any, settings: Settings) -> Any:
    """The job as a StatementSet on a TableEnvironment, one insert per table of an application."""
    statements = environment.create_statement_set()
    for application in APPLICATIONS.values():
        for spec in TABLES:
            _add(environment, statements, application, spec, settings)
    return statements


def _add(
    environment: Any, statements: Any, application: Application, spec: TableSpec, settings: Settings
) -> None:
    from pyflink.table import DataTypes
    from pyflink.table.udf import udf

    name, table = application.name, spec.table
    origin = topic(name, spec.stream)
    source = streams.source(settings.broker.url, JOB, name, committed_only=True)
    environment.execute_sql(raw_source_ddl(origin, origin, source, headers=spec.headers))
    done = f"{name}.{table}.committed"
    environment.execute_sql(f"CREATE TABLE `{done}` (`next` BIGINT) WITH ('connector' = 'blackhole')")
    commit = udf(
        CommitMap(name, table, origin, table_uri(settings.lake_uri, name, table)),
        result_type=DataTypes.ROW([DataTypes.FIELD("source_offset", DataTypes.BIGINT())]),
        func_type="pandas",
        name=f"commit {name} {table}",
    )
    messages = environment.sql_query(_query(origin, spec))
    statements.add_insert(f"`{done}`", messages.map(commit))


def _query(origin: str, spec: TableSpec) -> str:
    """The columns that `CommitMap` takes, by position."""
    columns = "`message_key`, `payload`, `source_partition`, `source_offset`"
    if spec.headers:
        # A map does not travel in Arrow batches; what it holds does.
        headers = ", ".join(f"`headers`['{header}'] AS `h_{header}`" for header in RejectHeader)
        columns += f", CAST(`sent_at` AS STRING) AS `sent_at`, {headers}"
    return f"SELECT {columns} FROM `{origin}`"  # noqa: S608 - names are declared


def rewind(settings: Settings) -> None:
    """Before a start without a checkpoint: the tables know what they have, so all is read again."""
    for name in APPLICATIONS:
        for spec in TABLES:
            streams.rewind(settings.broker.url, JOB, name, topic(name, spec.stream))
