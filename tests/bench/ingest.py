"""From raw messages to rows in Delta through the real jobs: both at once, then each leg by itself.

preloaded <app>.events -> ingest -> <app>.valid -> lakehouse -> Delta
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
from confluent_kafka import OFFSET_BEGINNING, TopicPartition
from deltalake import write_deltalake

from core.applications import APPLICATIONS
from core.connect import kafka
from core.names import Job, Stream, Table, topic
from core.schemas import valid_schema
from core.settings import Settings
from flink_jobs.tables import create_all, table_uri
from flink_jobs.upkeep import figures
from infra.audit import audit, report
from infra.local.broker import end_offsets
from producers.damage import Message
from producers.source import Source
from tests.e2e.features import cluster, submit
from tests.e2e.stack import Stack
from tests.e2e.topics import send

BASELINE = (
    "one Python process on the same topic: consume, orjson, pyarrow, append to Delta; "
    "no check, no dead letters, rows may be lost or doubled"
)

BASELINE_ROWS = 200_000
BASELINE_BATCH = 50_000
LONGEST_S = 1800

Say = Callable[[str], None]
Loads = dict[str, list[Message]]


@dataclass(frozen=True)
class Leg:
    """What one stretch of the way took."""

    rows_per_s: float
    cpu_us_per_row: float


def measure(events: int, say: Say) -> dict[str, Any]:
    """Rows per second over all applications together, `events` of each preloaded; and CPU per row.

    The clock runs from the moment a job's tasks run until the last row is there: it includes what the JVM
    and the Python workers need to become warm. CPU is that of the TaskManager and its workers.
    """
    loads = {name: _load(name, events, say) for name in APPLICATIONS}
    total = events * len(APPLICATIONS)
    with _preloaded(loads, say) as stack:
        settings = stack.read
        submit(stack, Job.LAKEHOUSE)
        both = _timed(stack, Job.INGEST, total, lambda: _in_tables(settings), say)
        exact = bool(report(audit(settings, wait=0), waited=True)["exact"])
    with _preloaded(loads, say) as stack:
        settings = stack.read
        checked = _timed(stack, Job.INGEST, total, lambda: _checked(settings), say)
        written = _timed(stack, Job.LAKEHOUSE, total, lambda: _in_tables(settings), say)
        plain = _baseline(settings, min(events * 9 // 10, BASELINE_ROWS))
    return {
        "topic_to_delta_rows_per_s": round(both.rows_per_s),
        "validate_rows_per_s": round(checked.rows_per_s),
        "delta_rows_per_s": round(written.rows_per_s),
        "cpu_us_per_row": {
            "topic_to_delta": round(both.cpu_us_per_row, 1),
            "validate": round(checked.cpu_us_per_row, 1),
            "delta": round(written.cpu_us_per_row, 1),
        },
        "rows": total,
        "exact": exact,
        "baseline_rows_per_s": round(plain),
        "ratio": round(both.rows_per_s / plain, 2),
    }


def _load(name: str, events: int, say: Say) -> list[Message]:
    """Sound messages of an application (the baseline takes no others), ten a second in event time."""
    say(f"{name}: making {events} messages")
    now = datetime.now(UTC)
    source = Source(APPLICATIONS[name], seed=7, stretch=0, malformed_share=0)
    return [source.message(now - timedelta(seconds=(events - n) / 10), now) for n in range(events)]


@contextmanager
def _preloaded(loads: Loads, say: Say) -> Iterator[Stack]:
    """A broker that holds the messages, empty tables, and a Flink cluster without jobs."""
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder) / "s", {}) as stack:
        create_all(stack.read.lake_uri)
        for name, messages in loads.items():
            send(stack.read.broker.url, topic(name, Stream.EVENTS), messages)
        say("preloaded")
        yield stack


def _timed(stack: Stack, job: Job, rows: int, count: Callable[[], int], say: Say) -> Leg:
    """Starts a job and waits until `count` says that all rows are there."""
    submit(stack, job)
    cpu, began = stack.cpu_seconds("taskmanager"), time.monotonic()
    while (there := count()) < rows:
        seconds = time.monotonic() - began
        if seconds > LONGEST_S:
            raise TimeoutError(f"{there} of {rows} rows after {seconds:.0f} s")
        time.sleep(0.5)
    seconds, cpu = time.monotonic() - began, stack.cpu_seconds("taskmanager") - cpu
    say(f"{job}: {rows} rows in {seconds:.1f} s")
    return Leg(rows / seconds, 1e6 * cpu / rows)


def _in_tables(settings: Settings) -> int:
    tables = (Table.EVENTS, Table.REJECTS)
    return sum(
        figures(table_uri(settings.lake_uri, name, table)).rows for name in APPLICATIONS for table in tables
    )


def _checked(settings: Settings) -> int:
    """Messages after the check; marks of transactions count too, a few in thousands."""
    ways = (Stream.VALID, Stream.DLQ)
    return end_offsets(
        kafka.admin(settings.broker.url), [topic(n, way) for n in APPLICATIONS for way in ways]
    )


def _baseline(settings: Settings, rows: int) -> float:
    """Rows per second of the plain way, on the first application's topic."""
    name, application = next(iter(APPLICATIONS.items()))
    origin = topic(name, Stream.EVENTS)
    schema = pa.schema(list(valid_schema(application))[:-2])
    time_ = application.event_time.name
    consumer = kafka.consumer(settings.broker.url, "bench-baseline")
    batch: list[dict[str, Any]] = []
    consumer.assign([TopicPartition(origin, n, OFFSET_BEGINNING) for n in range(settings.broker.partitions)])
    done = 0
    began = time.monotonic()
    while done < rows:
        for message in consumer.consume(10_000, timeout=1):
            if message.error():
                continue  # the end of a partition
            row = orjson.loads(message.value() or b"")
            row[time_] = datetime.fromisoformat(row[time_])
            batch.append(row)
        if len(batch) >= BASELINE_BATCH or done + len(batch) >= rows:
            write_deltalake(
                f"{settings.lake_uri}/baseline", pa.Table.from_pylist(batch, schema), mode="append"
            )
            done, batch = done + len(batch), []
    consumer.close()
    return done / (time.monotonic() - began)
