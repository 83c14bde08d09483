"""The job `features` alone on a broker and a Flink cluster of its own: rows in, feature rows out."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import TopicPartition

from core.connect import kafka
from core.declaration import Application
from core.names import Job, Stream, topic
from core.validation import Check, with_source
from infra.local import broker, flink, readiness, supervise
from infra.local.program import FLINK_PYTHON, stop_order
from infra.local.programs import programs
from producers.registry import generator
from tests.e2e import topics
from tests.e2e.stack import REPO, Stack, wait_for

CLOSING = "closing"
"""The entity of the events that push the watermark past all others; their source offset is negative."""

LATE_BY = 5000
"""How many rows of its partition a late one lets pass: more than Flink reads between two watermarks."""


@dataclass(frozen=True)
class Valid:
    """A message of the topic `valid`, and the partition that it goes to."""

    partition: int
    key: bytes
    body: bytes


def stream(application: Application, events: int, days: float, seed: int = 7) -> list[Valid]:
    """Events of an application evenly over `days`, as `ingest` would write them; offsets count per partition.

    Every 500th is held back until 5000 others of its partition have passed: the way of late rows is used too.
    Every 97th has the entity and the time of the one before: rows of one time are in each other's windows.
    """
    count = 3
    source, check = generator(application.name, seed=seed), Check(application)
    start = datetime(2026, 3, 1, tzinfo=UTC)
    step = timedelta(days=days) / events
    lanes: list[list[tuple[bytes, bytes]]] = [[] for _ in range(count)]
    held: list[tuple[int, int, bytes, bytes]] = []
    event: dict[str, Any] = {}
    for n in range(events):
        before, event = event, source.next(start + n * step)
        if n % 97 == 96:
            event |= {name: before[name] for name in (application.key, application.event_time.name)}
        accepted = check.encode(event, datetime.now(UTC))
        lane = sum(accepted.key.encode()) % count
        if n % 500 == 250:
            held.append((lane, len(lanes[lane]) + LATE_BY, accepted.key.encode(), accepted.body))
        else:
            lanes[lane].append((accepted.key.encode(), accepted.body))
        while held and len(lanes[held[0][0]]) >= held[0][1]:
            lane, _, key, body = held.pop(0)
            lanes[lane].append((key, body))
    for lane, _, key, body in held:
        lanes[lane].append((key, body))
    return [
        Valid(p, key, with_source(body, p, offset))
        for p, lane in enumerate(lanes)
        for offset, (key, body) in enumerate(lane)
    ]


def send(url: str, application: str, rows: Sequence[Valid]) -> None:
    """Produces the rows to the topic `valid` and waits until all are delivered."""
    messages = ((row.key, row.body) for row in rows)
    topics.send(url, topic(application, Stream.VALID), messages, (row.partition for row in rows))


def close(url: str, application: Application, rows: Sequence[Valid]) -> None:
    """An event an hour after all others in every partition: rows leave when event time has passed them."""
    time_ = application.event_time.name
    events = [(row, orjson.loads(row.body)) for row in {row.partition: row for row in rows}.values()]
    last = max(datetime.fromisoformat(event[time_]) for _, event in events)
    closing = []
    for row, event in events:
        event |= {time_: (last + timedelta(hours=1)).isoformat().replace("+00:00", "Z")}
        event |= {"source_offset": -1, application.key: CLOSING}
        closing.append(Valid(row.partition, CLOSING.encode(), orjson.dumps(event)))
    send(url, application.name, closing)


@contextmanager
def cluster(var: Path, settings: dict[str, str]) -> Iterator[Stack]:
    """A broker with its topics and a Flink cluster, and nothing else; ended at the end."""
    stack = Stack(var, settings)
    read = stack.read
    try:
        broker.prepare(read)
        flink.prepare(read)
        supervise.launch(read, programs(read))
        supervise.start(read, "broker", "jobmanager", "taskmanager")
        for part in ("broker", "jobmanager", "taskmanager"):
            wait_for(part, lambda part=part: not readiness.CHECKS[part](read), 90)  # type: ignore[misc]
        broker.create_topics(read)
        yield stack
    finally:
        supervise.stop_all(read, stop_order(programs(read)))


def submit(stack: Stack, job: Job) -> None:
    """Submits one job and waits until all its tasks run."""
    command = [str(FLINK_PYTHON), "-m", "flink_jobs", "submit", job]
    env = stack.env | flink.environment(stack.read)
    done = subprocess.run(command, env=env, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    wait_for(f"{job} runs", lambda: not stack.waits(job), 60)


def collect(url: str, application: str, rows: int, seconds: float = 240) -> list[dict[str, Any]]:
    """The committed feature rows, without the closing ones, once there are `rows` of them."""
    name = topic(application, Stream.FEATURES)
    consumer = kafka.consumer(url, "test-features", **{"isolation.level": "read_committed"})
    found: list[dict[str, Any]] = []
    until = time.monotonic() + seconds
    try:
        partitions = consumer.list_topics(name, timeout=10).topics[name].partitions
        consumer.assign([TopicPartition(name, number, 0) for number in partitions])
        while len(found) < rows:
            assert time.monotonic() < until, f"{len(found)} of {rows} feature rows of {application}"
            for message in consumer.consume(10_000, timeout=1):
                if not message.error():
                    row = orjson.loads(message.value() or b"")
                    assert (message.key() or b"").decode() == row["key"]
                    found += [row] if row["source_offset"] >= 0 else []
    finally:
        consumer.close()
    return found
