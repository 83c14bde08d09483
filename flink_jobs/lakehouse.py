"""The job `lakehouse`: valid events become rows of Delta tables.

    <app>.valid (committed only) -> commit (vectorised) -> Delta table <app>/events
                                                       `-> nowhere: the commit was the sink

One job for all applications. A batch is one commit; it is finished before a checkpoint passes, so nothing
waits in memory across one, and what is replayed after a fault is dropped by its offset.
"""

from __future__ import annotations

from typing import Any

from core.applications import APPLICATIONS
from core.declaration import Application
from core.names import Job, Stream, topic
from core.schemas import raw_source_ddl
from core.settings import Settings
from flink_jobs import streams
from flink_jobs.commit import CommitMap
from flink_jobs.tables import events_uri

JOB = Job.LAKEHOUSE


def options(settings: Settings) -> dict[str, str]:
    """A commit per `commit_rows` under load, per `commit_seconds` at low rates, none when idle."""
    rows = str(settings.flink.commit_rows)
    return {
        "python.fn-execution.arrow.batch.size": rows,
        "python.fn-execution.bundle.size": rows,
        "python.fn-execution.bundle.time": str(round(settings.flink.commit_seconds * 1000)),
    }


def build(environment: Any, settings: Settings) -> Any:
    """The job as a StatementSet on a TableEnvironment, one insert per application."""
    statements = environment.create_statement_set()
    for application in APPLICATIONS.values():
        _add(environment, statements, application, settings)
    return statements


def _add(environment: Any, statements: Any, application: Application, settings: Settings) -> None:
    from pyflink.table import DataTypes
    from pyflink.table.udf import udf

    name = application.name
    valid = topic(name, Stream.VALID)
    source = streams.source(settings.broker.url, JOB, name, committed_only=True)
    environment.execute_sql(raw_source_ddl(valid, valid, source))
    done = f"{name}.committed"
    environment.execute_sql(f"CREATE TABLE `{done}` (`next` BIGINT) WITH ('connector' = 'blackhole')")
    commit = udf(
        CommitMap(name, valid, events_uri(settings.lake_uri, name)),
        result_type=DataTypes.ROW([DataTypes.FIELD("source_offset", DataTypes.BIGINT())]),
        func_type="pandas",
        name=f"commit {name}",
    )
    statements.add_insert(f"`{done}`", environment.from_path(f"`{valid}`").map(commit))


def rewind(settings: Settings) -> None:
    """Before a start without a checkpoint: the tables know what they have, so all is read again."""
    for name in APPLICATIONS:
        streams.rewind(settings.broker.url, JOB, name, topic(name, Stream.VALID))
