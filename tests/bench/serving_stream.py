"""What the API has beside it while it is measured: learners that teach and write snapshots, and features.

generator -> events -> DuckDB -> windowed features -> Taught (lessons) -> snapshot each 3 s -> Redis
                                              `-> latest features of every entity -> Redis
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import numpy as np
from redis import Redis

from core import names
from core.applications import APPLICATIONS
from core.connect.redis import client
from core.declaration import Application
from core.features import AGE, EVENT_TIME, KEY, LATE, features
from core.names import SOURCE_OFFSET, SOURCE_PARTITION
from core.snapshots import seal
from core.validation import Check, with_source
from learners import memory
from learners.learner import Learner
from learners.process import calm_collector
from models.base import Row
from producers.registry import generator
from tests.bench import windows

SEED = 11

SPAN = timedelta(days=3)
"""Event time that the lessons cover; they end now."""

SNAPSHOT_S = 3.0
TICK_S = 0.1
STEP = 1000

HEAVY_SHARE = 0.2
"""Of the events that slow models take, as by default."""


class Made(NamedTuple):
    """The stream of one application."""

    bodies: list[bytes]
    """Valid messages, in the order of event time."""
    windowed: list[Row]
    asked: list[dict[str, Any]]
    """Events to ask about, without their label: they come after all others."""


def make(application: Application, events: int, asked: int, now: datetime) -> Made:
    """Events up to now with their features, and some more to ask about, of entities seen before."""
    source, check, began = generator(application.name, seed=SEED), Check(application), now - SPAN
    made = [source.next(began + SPAN * (n / events)) for n in range(events)]
    known = {event[application.key] for event in made}
    more: list[dict[str, Any]] = []
    while len(more) < asked:
        event = source.next(now)
        if event[application.key] in known:
            more.append({name: value for name, value in event.items() if name != application.label})
    bodies = [with_source(check.encode(event, now).body, 0, n) for n, event in enumerate(made)]
    return Made(bodies, windows.windowed(application, made), more)


def put_features(redis: Redis, application: Application, made: Made) -> int:
    """Writes the latest features of every entity, as the part `latest-features` does; how many entities."""
    latest: dict[str, bytes] = {}
    for n, (body, known) in enumerate(zip(made.bodies, made.windowed, strict=True)):
        event = msgspec.json.decode(body)
        row = {KEY: event[application.key], EVENT_TIME: event[application.event_time.name], **known}
        row |= {SOURCE_PARTITION: 0, SOURCE_OFFSET: n, LATE: False, AGE: 1.0}
        latest[event[application.key]] = msgspec.json.encode(row)
    if latest:
        redis.hset(names.features_key(application.name), mapping=latest)  # type: ignore[arg-type]
    return len(latest)


class Taught:
    """A learner of one application: its whole roster, fed from memory."""

    def __init__(self, application: Application, made: Made, redis: Redis, key: bytes) -> None:
        self._learner = Learner.fresh(application, HEAVY_SHARE)
        self._columns = [one.name for one in features(application)]
        self._made, self._redis, self._key = made, redis, key
        self._at = self._version = 0

    def teach(self, count: int) -> None:
        """The next lessons; nothing once all were given."""
        bodies = self._made.bodies[self._at : self._at + count]
        if not bodies:
            return
        none = np.zeros(len(bodies), dtype=np.int64)
        offsets = np.arange(self._at, self._at + len(bodies))
        lessons = self._learner.reader.lessons(none, offsets, none, bodies)
        known = self._made.windowed[self._at : self._at + len(bodies)]
        for n, name in enumerate(self._columns):
            lessons.windowed[:, n] = [np.nan if one[name] is None else one[name] for one in known]
        self._learner.step(lessons)
        self._at += len(bodies)

    def publish(self) -> int:
        """Writes a snapshot as learners do; its size in bytes."""
        self._version += 1
        header, payload = memory.snapshot(self._learner, datetime.now(UTC), "")
        sealed = seal(msgspec.structs.replace(header, version=self._version), payload, self._key)
        self._redis.set(names.snapshot_key(header.application), sealed)
        return len(sealed)


def teach(
    url: str, key: bytes, streams: dict[str, Made], first: int, rate: float, told: Any, stop: Any
) -> None:
    """A process: `first` lessons at once, then `rate` per second and application, a snapshot each 3 s.

    told: a queue that gets the snapshots' sizes, then the number of snapshots; stop: an event that ends it.
    """
    calm_collector()
    redis = client(url)
    learners = [Taught(APPLICATIONS[name], made, redis, key) for name, made in streams.items()]
    for one in learners:
        for at in range(0, first, STEP):
            one.teach(min(STEP, first - at))
    told.put({name: one.publish() for name, one in zip(streams, learners, strict=True)})
    due, tick, written = time.monotonic() + SNAPSHOT_S, max(1, round(rate * TICK_S)), 1
    while not stop.wait(TICK_S):
        for one in learners:
            one.teach(tick)
        if time.monotonic() >= due:
            written += 1
            due += SNAPSHOT_S
            for one in learners:
                one.publish()
    told.put(written)
