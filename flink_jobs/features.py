"""The job `features`: what is known of an event's entities at its time, computed once for everybody.

    <app>.valid (committed only) -> stacked windows in event time -> <app>.features

One job for all applications, without a Python worker. Rows leave when the watermark has passed them; rows
that come behind it go around the windows, with null features and `late`, so every valid event has its row.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from core.applications import APPLICATIONS
from core.declaration import Application
from core.features import KEY
from core.names import Job, Stream, topic
from core.settings import Settings
from flink_jobs import streams, windows

JOB = Job.FEATURES

_JSON = {"value.format": "json", "value.json.timestamp-format.standard": "ISO-8601"}

# In a backlog, partitions come in turns of one fetch. One that waits for its turn longer than the idle
# timeout no longer holds event time back, and its rows would be late: so turns are short, the timeout long.
_SMALL_FETCHES = {"properties.max.partition.fetch.bytes": str(128 * 2**10)}


def options(settings: Settings) -> dict[str, str]:
    """Event time, and where the windows' rows are kept: on disk, checkpointed by changes, or on the heap."""
    return {
        "table.local-time-zone": "UTC",
        "table.exec.source.idle-timeout": f"{round(settings.flink.idle_seconds * 1000)} ms",
        "execution.checkpointing.interval": f"{round(settings.flink.features_checkpoint_seconds * 1000)} ms",
        "execution.checkpointing.incremental": "true",
        "state.backend.type": settings.flink.state,
        # The local cluster's share of managed memory, 16 MiB a slot, would be flushed all the time.
        "state.backend.rocksdb.memory.fixed-per-slot": f"{settings.flink.state_mib}m",
        # Timers are few, one per row that waits for the watermark, and asked for at every row.
        "state.backend.rocksdb.timer-service.factory": "HEAP",
        # Most keys that are asked for are not there: a row's own millisecond.
        "state.backend.rocksdb.use-bloom-filter": "true",
        "pipeline.object-reuse": "true",
    }


def build(environment: Any, settings: Settings) -> Any:
    """The job as a StatementSet on a TableEnvironment, one insert per application that declares windows."""
    statements = environment.create_statement_set()
    for application in _applications():
        _add(environment, statements, application, settings)
    return statements


def _applications() -> list[Application]:
    return [application for application in APPLICATIONS.values() if application.windows]


def _add(environment: Any, statements: Any, application: Application, settings: Settings) -> None:
    url, name = settings.broker.url, application.name
    valid, made = topic(name, Stream.VALID), topic(name, Stream.FEATURES)
    source = streams.source(url, JOB, name, committed_only=True)
    read = {"connector": "kafka", "topic": valid} | _JSON | _SMALL_FETCHES | source
    delay = timedelta(seconds=settings.flink.watermark_seconds)
    environment.execute_sql(windows.source_ddl(application, valid, delay, read))
    written = {"connector": "kafka", "topic": made, "key.format": "raw", "key.fields": KEY} | _JSON
    environment.execute_sql(windows.sink_ddl(application, made, written | streams.sink(url, JOB, made)))
    stack = windows.views(application, valid)
    for view, query in stack:
        environment.execute_sql(f"CREATE TEMPORARY VIEW `{view}` AS {query}")
    statements.add_insert_sql(windows.insert(application, valid, stack, made))


def rewind(settings: Settings) -> None:
    """Before a start without a checkpoint: read all that the topics hold."""
    for application in _applications():
        name = application.name
        streams.rewind(settings.broker.url, JOB, name, topic(name, Stream.VALID))
