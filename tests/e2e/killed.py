"""A seeded stream through broker, Flink and tables, in peace or with parts killed, and what came of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
import pyarrow as pa
from deltalake import DeltaTable

from core.applications import APPLICATIONS
from core.connect import kafka
from core.connect.supervisor import parts
from core.names import SOURCE_OFFSET, SOURCE_PARTITION, Stream, Table, topic
from flink_jobs.tables import create_all, table_uri
from infra.audit import audit
from infra.local import broker, flink, readiness, supervise
from infra.local.program import stop_order
from infra.local.programs import programs
from producers.damage import Message
from producers.source import Source
from tests.e2e.anomalies import Place, Read, watched
from tests.e2e.features import collect
from tests.e2e.stack import Stack, wait_for

DAYS = 3.0
EVENTS_PER_S = 2500
"""Over all applications."""

MALFORMED = 0.02
OUR_CLOCK = datetime(2100, 1, 1, tzinfo=UTC)
"""An event that is damaged to lie ahead of time must do so whenever the test runs."""

SETTINGS = {
    "MILLRACE_FLINK__JOBS": "ingest,lakehouse,features",
    # In a fault every partition is silent for a while, and none may be left behind for that.
    "MILLRACE_FLINK__IDLE_SECONDS": "3600",
}

HEALED_SECONDS = 600


@dataclass
class Outcome:
    """What a run left behind, per application."""

    acknowledged: dict[str, set[Place]] = field(default_factory=dict)
    """Places of the events whose delivery the broker confirmed."""
    tables: dict[tuple[str, Table], pa.Table] = field(default_factory=dict)
    """The rows in the order of their places."""
    features: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    reads: dict[str, list[Read]] = field(default_factory=dict)
    """Of every table, by its address, while all that went on."""

    def places(self, name: str) -> list[Place]:
        """Of all rows of both tables of an application."""
        found: list[Place] = []
        for table in (Table.EVENTS, Table.REJECTS):
            rows = self.tables[name, table]
            columns = (rows[column].to_pylist() for column in (SOURCE_PARTITION, SOURCE_OFFSET))
            found += zip(*columns, strict=True)
        return found


def messages(events: int, seed: int) -> list[tuple[str, Message]]:
    """So many events of all applications in turns, each application's evenly over DAYS; seeded."""
    each = -(-events // len(APPLICATIONS))
    start, step = datetime(2026, 3, 1, tzinfo=UTC), timedelta(days=DAYS) / each
    sources = {name: Source(one, seed, 0, MALFORMED) for name, one in APPLICATIONS.items()}
    made = [
        (name, source.message(start + n * step, OUR_CLOCK))
        for n in range(each)
        for name, source in sources.items()
    ]
    return made[:events]


class Sender:
    """Produces by key, as the suite's producers do: a partition holds its events in order of their time."""

    def __init__(self, url: str, partitions: int) -> None:
        self._partitions = partitions
        self.acknowledged: dict[str, set[Place]] = {name: set() for name in APPLICATIONS}
        self.last: dict[tuple[str, int], bytes] = {}
        """Application and partition -> the key of an entity that lies there."""
        self._producer = kafka.producer(url, "test-writer", **{"queue.buffering.max.messages": 100_000})

    def send(self, name: str, message: Message) -> None:
        """One event; its place is known once the broker has it."""
        key, value = message

        def delivered(error: Any, found: Any) -> None:
            assert error is None, error
            self.acknowledged[name].add((found.partition(), found.offset()))
            if key:
                self.last[name, found.partition()] = key

        # Without a key the client would choose a partition by chance.
        where: dict[str, Any] = {} if key else {"partition": len(value or b"") % self._partitions}
        self._producer.produce(topic(name, Stream.EVENTS), value, key, on_delivery=delivered, **where)
        self._producer.poll(0)

    def flush(self) -> None:
        """Waits until the broker has all."""
        assert self._producer.flush(120) == 0


PARTS = ("broker", "jobmanager", "taskmanager")


@contextmanager
def pipeline(var: Path) -> Iterator[Stack]:
    """Broker, Flink with all its jobs, their keeper, the tables; ended at the end."""
    stack = Stack(var, SETTINGS)
    read = stack.read
    try:
        broker.prepare(read)
        flink.prepare(read)
        with patch.dict(os.environ, stack.env, clear=True):
            supervise.launch(read, programs(read))  # the keeper reads its settings from there
        supervise.start(read, *PARTS)
        for part in PARTS:
            wait_for(part, lambda part=part: not readiness.CHECKS[part](read), 90)  # type: ignore[misc]
        broker.create_topics(read)
        create_all(read.lake_uri)
        supervise.start(read, "flink-jobs")
        wait_for("all jobs run", lambda: not stack.waits(), 180)
        yield stack
    finally:
        supervise.stop_all(read, stop_order(programs(read)))


def run(stack: Stack, sent: Sequence[tuple[str, Message]], kills: Sequence[str], apart: float) -> Outcome:
    """Sends the events, kills these parts one by one, so many seconds apart, and waits until all is well."""
    uris = {
        (name, table): table_uri(stack.read.lake_uri, name, table)
        for name in APPLICATIONS
        for table in (Table.EVENTS, Table.REJECTS)
    }
    sender, left = Sender(stack.read.broker.url, stack.read.broker.partitions), list(kills)
    with watched(uris.values()) as reads:
        began = time.monotonic()
        for n, (name, message) in enumerate(sent):
            sender.send(name, message)
            if n % 100 == 0:
                now = time.monotonic() - began
                if left and now > apart * (len(kills) - len(left) + 1):
                    _kill(stack, left.pop(0))
                time.sleep(max(0.0, n / EVENTS_PER_S - now))
        assert not left, "the stream was over before all parts were killed"
        sender.flush()
        _close(sender)
        wait_for("all jobs run", lambda: not stack.waits(), HEALED_SECONDS)
        audit(stack.read, HEALED_SECONDS)
    outcome = Outcome(acknowledged=sender.acknowledged, reads=reads)
    for key, uri in uris.items():
        rows = DeltaTable(uri).to_pyarrow_table()
        outcome.tables[key] = rows.sort_by([(SOURCE_PARTITION, "ascending"), (SOURCE_OFFSET, "ascending")])
    for name in APPLICATIONS:
        closing = sum(owner == name for owner, _ in sender.last)
        expected = outcome.tables[name, Table.EVENTS].num_rows - closing
        outcome.features[name] = collect(stack.read.broker.url, name, expected)
    return outcome


def _kill(stack: Stack, part: str) -> None:
    def alive() -> int | None:
        return parts(stack.var)[part].pid

    os.kill(wait_for(f"{part} is there to be killed", alive, 60), signal.SIGKILL)


def _close(sender: Sender) -> None:
    """An event per partition, an hour after all: feature rows leave when event time has passed them."""
    for (name, _), key in sorted(sender.last.items()):
        sender.send(name, _closing(name, key))
    sender.flush()


def _closing(name: str, key: bytes) -> Message:
    """A sound event of this entity, an hour after the stream."""
    application = APPLICATIONS[name]
    source = Source(application, 1, 0, 0.0)
    end = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=DAYS, hours=1)
    _, body = source.message(end, OUR_CLOCK)
    return key, orjson.dumps(orjson.loads(body or b"") | {application.key: key.decode()})
