"""Seeded streams as the learner meets them: messages of a valid topic of three partitions, and lessons.

messages -> lessons (one by one, as models take them) -> batch (columns, as the learner takes them)
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from core.declaration import Application
from core.features import features
from core.validation import Check, with_source
from learners.lessons import MICROSECONDS, Lessons, Reader
from models.base import Row, row
from producers.registry import generator

START = datetime(2026, 11, 1, tzinfo=UTC)
NEVER = datetime(2100, 1, 1, tzinfo=UTC)
PARTITIONS = 3

Message = tuple[int, int, bytes]
"""Partition, offset, value."""


STEPS = {"tfd": 5.0, "eta": 20.0, "ecci": 5.0}
"""Seconds from event to event at which the labels' delays reach over many events."""


def step_seconds(application: Application) -> float:
    """So that something is awaited wherever a stream is stopped."""
    return STEPS.get(application.name, 20.0)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One event as plain Python decodes it: what the columns of `batch` are held against."""

    partition: int
    offset: int
    event_id: str
    entity: str
    time: datetime
    due: datetime
    event: dict[str, Any]
    """Without label and source."""
    x: Row
    """As a model sees it, its windowed features not known."""
    truth: Any
    """The label's own value; None where the task has none."""


@cache
def messages(
    application: Application, count: int, step_seconds: float = 60.0, seed: int = 7
) -> tuple[Message, ...]:
    """Valid events in the order of event time, keyed to partitions; every tenth offset is left out.

    Gaps are what Flink's transactions leave in a topic: their markers take offsets too.
    """
    made, check, time = generator(application.name, seed), Check(application), START
    sources = [0] * PARTITIONS
    found = []
    for _ in range(count):
        time += timedelta(seconds=step_seconds)
        accepted = check.encode(made.next(time), NEVER)
        partition = zlib.crc32(accepted.key.encode()) % PARTITIONS
        source = sources[partition]
        sources[partition] += 1
        found.append((partition, source + source // 9, with_source(accepted.body, partition, source)))
    return tuple(found)


def lesson(application: Application, message: Message) -> Lesson:
    """One message, decoded without any of the learner's code."""
    partition, offset, value = message
    event = msgspec.json.decode(value)
    time = datetime.fromisoformat(event[application.event_time.name])
    delay = application.label_delay
    event = {name: one for name, one in event.items() if not name.startswith("source_")}
    seconds = delay if isinstance(delay, timedelta) else timedelta(seconds=event[delay])
    truth = event.pop(application.label, None)
    return Lesson(
        partition=partition,
        offset=offset,
        event_id=event[application.identifier.name],
        entity=event[application.key],
        time=time,
        due=time + seconds,
        event=event,
        x=row(application, event, dict.fromkeys(one.name for one in features(application))),
        truth=truth,
    )


def lessons(application: Application, count: int, step_seconds: float = 60.0, seed: int = 7) -> list[Lesson]:
    """The same one by one."""
    return [lesson(application, one) for one in messages(application, count, step_seconds, seed)]


def columns(reader: Reader, some: Sequence[Message]) -> Lessons:
    """Messages as the learner takes them; the broker took each a second after the one before."""
    places = np.array([(partition, offset) for partition, offset, _ in some], dtype=np.int64).reshape(-1, 2)
    sent = 1_000_000 + 1000 * places[:, 1]
    return reader.lessons(places[:, 0], places[:, 1], sent, [value for _, _, value in some])


def batch(application: Application, count: int, step_seconds: float = 60.0, seed: int = 7) -> Lessons:
    """The same as columns."""
    return columns(Reader(application), messages(application, count, step_seconds, seed))


def cut(lessons: Lessons, edges: Sequence[int]) -> list[Lessons]:
    """Lessons in batches that end at these places, and the rest."""
    ends = sorted({0, *(edge for edge in edges if edge < len(lessons)), len(lessons)})
    return [lessons.take(np.arange(a, b)) for a, b in pairwise(ends)]


def plain(rows: Sequence[tuple[int, int, int, int]], windowed: int = 0, truth: float = 1.0) -> Lessons:
    """Lessons of nothing but (partition, offset, time, due), in whole seconds; windowed: so many features."""
    places = np.array(rows, dtype=np.int64).reshape(-1, 4)
    partition, offset, time, due = (places[:, n].copy() for n in range(4))
    names = np.empty(len(rows), dtype=object)
    names[:] = [f"{p}/{o}" for p, o, _, _ in rows]
    return Lessons(
        partition=partition,
        offset=offset,
        source_partition=partition,
        source_offset=offset,
        time=time * MICROSECONDS,
        due=due * MICROSECONDS,
        event_id=names,
        entity=names,
        truth=np.full(len(rows), truth),
        sent=offset,
        payload=names,
        windowed=np.full((len(rows), windowed), np.nan),
        columns={},
    )


def where(lessons: Lessons | None) -> list[tuple[int, int]]:
    """Partition and offset of each, in order."""
    return (
        [] if lessons is None else list(zip(lessons.partition.tolist(), lessons.offset.tolist(), strict=True))
    )
