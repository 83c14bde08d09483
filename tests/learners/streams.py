"""Seeded streams as the learner meets them: messages of a valid topic of three partitions, and lessons."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta
from functools import cache

from core.declaration import Application
from core.validation import Check, with_source
from learners.lessons import Lesson, Reader
from producers.registry import generator

START = datetime(2026, 11, 1, tzinfo=UTC)
NEVER = datetime(2100, 1, 1, tzinfo=UTC)
PARTITIONS = 3

Message = tuple[int, int, bytes]
"""Partition, offset, value."""


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


def lessons(application: Application, count: int, step_seconds: float = 60.0, seed: int = 7) -> list[Lesson]:
    """The same as lessons."""
    read = Reader(application)
    return [read(*message) for message in messages(application, count, step_seconds, seed)]
