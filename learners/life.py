"""One learner from its beginning over resets to its end: what its loop needs, put together.

Redis, else MLflow, else the earliest event -> Learner -> Plan -> Loop
                           Loop -> a version to return to -> Learner -> Plan -> Loop, in a new run
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
import structlog
from redis import Redis
from redis.exceptions import RedisError

from core import names
from core.connect.mlflow import Mlflow
from core.declaration import Application
from core.names import Job
from core.settings import Settings
from core.snapshots import Header
from learners import lineage
from learners.answers import answers_producer
from learners.control import Desk, Return
from learners.learner import Learner
from learners.loop import Loop
from learners.publish import Publisher, wait_for
from learners.source import Kept, LostOffsets, Source, Stopped
from learners.start import Plan, learner, opened, plan
from learners.tracking import RESET_FROM, Tracker
from learners.versions import Shelf

log = structlog.get_logger("millrace.learner")

MLFLOW_WAIT_S = 30.0
"""How long a learner that has answered before, and whose snapshot Redis has lost, waits for MLflow."""

SETTLE_S = 3.0
"""How long a reset waits for Redis, and for the run that ends with it."""

Waiting = Callable[[str], None]
"""Is told for what the learner waits."""


class _Beginning(NamedTuple):
    learner: Learner
    header: Header | None
    """Of the snapshot that it goes on from; None when it begins anew."""
    run_id: str
    """Of the run before."""


class Life:
    """Makes the loops of one process; `tracker` is that of the newest one."""

    def __init__(
        self, application: Application, options: Settings, redis: Redis, publisher: Publisher
    ) -> None:
        self._application = application
        self._options = options
        self._redis = redis
        self._publisher = publisher
        self._shelf = Shelf(
            application,
            redis,
            Mlflow(options.mlflow.url),
            options.signing_key(),
            options.learners.heavy_share,
        )
        self._source: Source
        self._kept: Callable[[], dict[int, Kept]]
        self._producer: Any
        self.tracker: Tracker

    def begin(self, source: Source, stop: threading.Event, waiting: Waiting) -> Loop:
        """The first loop. Raises UnusableSnapshot, LostOffsets, or Stopped when told to end meanwhile."""
        self._source = source
        self._producer = answers_producer(
            self._options.broker.url, f"millrace-learner-{self._application.name}"
        )
        self._kept = lambda: source.kept(stop, waiting)
        blob = self._stored(stop)
        kept = self._kept()
        made = self._from_redis(blob) if blob is not None else self._from_mlflow(stop, waiting)
        start = placed(made.learner, made.header, source.topic, kept, self._options)
        tags = {"begun_from": f"version {made.header.version}" if made.header else "the earliest event"}
        return self._loop(made, start, tags)

    def returned(self, loop: Loop, asked: Return) -> Loop:
        """The loop that goes on from a version; the same one as before when its events are lost."""
        header, made = asked.found
        try:
            start = placed(made, header, self._source.topic, self._kept(), self._options)
        except LostOffsets as error:
            loop.refuse(asked.reset, str(error))
            return loop
        # The state that is left stays a version: who went back can go forth.
        self._publisher.settle(SETTLE_S)
        loop.track()
        self.tracker.close("FINISHED", SETTLE_S)
        made.reset = asked.reset.id
        log.info("reset", version=header.version, taught=made.taught, begin=start.begin)
        tags = {RESET_FROM: str(header.version), "reset_id": asked.reset.id}
        following = self._loop(_Beginning(made, header, self.tracker.run_id), start, tags)
        following.keep()
        return following

    def _loop(self, made: _Beginning, start: Plan, tags: dict[str, str]) -> Loop:
        options = self._options.learners
        one = made.learner
        self._publisher.snapshot_created = made.header.created if made.header else None
        self.tracker = Tracker(
            self._options.mlflow.url,
            self._application.name,
            _params(one),
            made.run_id,
            options.tracking_seconds,
            tags | lineage.at_start(one),
            lambda header: lineage.of_snapshot(header, self._options.lake_uri),
            self._publisher.offer_versions,
        )
        self._publisher.keeper = self.tracker.keep
        self.tracker.start()
        wait = features_seconds(self._application, self._options)
        desk = Desk(lambda: self._publisher.control, self._shelf.find)
        loop = Loop(
            one, self._source, self._producer, self._publisher, self.tracker, options, start, wait, desk
        )
        self._source.begin(start.begin, one.features_since_ms() if wait else None)
        log.info("reading", topic=self._source.topic, begin=start.begin, again=start.again, **tags)
        return loop

    def _stored(self, stop: threading.Event) -> bytes | None:
        """The snapshot in Redis, and what is asked there; waits while Redis is away, or raises Stopped."""
        while wait_for(self._redis, stop):
            try:
                self._publisher.read_control()
                blob: Any = self._redis.get(names.snapshot_key(self._application.name))
                return None if blob is None else bytes(blob)
            except RedisError as error:
                log.warning("waiting for Redis", reason=str(error))
        raise Stopped("told to end while waiting for Redis")

    def _from_redis(self, blob: bytes) -> _Beginning:
        found = opened(self._application, blob, self._options.signing_key())
        made, resumed = learner(self._application, found, self._options.learners.heavy_share)
        header = found[0] if found else None
        self._publisher.version = header.version if header else 0
        return _Beginning(made, header if resumed else None, header.run_id if header else "")

    def _from_mlflow(self, stop: threading.Event, waiting: Waiting) -> _Beginning:
        """From the newest version there that can be used, else anew.

        A learner that never answered has nothing there, and does not wait for MLflow.
        """
        patience = MLFLOW_WAIT_S if self._source.answered() else 0.0
        deadline = time.monotonic() + patience
        while True:
            try:
                found, counted = self._shelf.newest(), self._shelf.counted()
                break
            except httpx.HTTPError as error:
                if time.monotonic() >= deadline:
                    tell = log.error if patience else log.info
                    tell("Redis has no snapshot, and MLflow is away: learning begins anew", reason=str(error))
                    found, counted = None, 0
                    break
                waiting(f"waiting for MLflow, for Redis has no snapshot: {error}")
            if stop.wait(1):
                raise Stopped("told to end while waiting for MLflow")
        options = self._options.learners
        # Redis may have had more versions than MLflow has heard of: none of their numbers is given again.
        unheard = math.ceil(options.tracking_seconds / options.snapshot_seconds) + 1
        self._publisher.version = counted + unheard if counted else 0
        if found is None:
            fresh = Learner.fresh(self._application, options.heavy_share)
            return _Beginning(fresh, None, "")
        log.warning("Redis has no snapshot: going on from MLflow", version=found.header.version)
        return _Beginning(found.learner, found.header, found.header.run_id)


def placed(
    made: Learner, header: Header | None, topic: str, kept: dict[int, Kept], options: Settings
) -> Plan:
    """Where to read from; the learner then knows an offset for every partition. Raises LostOffsets."""
    asked, taught = (header.asked_offsets, header.taught_offsets) if header else ({}, {})
    start = plan(topic, asked, taught, kept, options.learners.on_lost_offsets)
    if start.problem:
        log.error("events are lost to the learner", detail=start.problem)
    for partition in start.replaced:
        made.forget_partition(partition)
        made.next_offsets[partition] = start.begin[partition]
    for partition, begin in start.begin.items():
        made.next_offsets[partition] = max(begin, made.next_offsets.get(partition, begin))
    return start


def features_seconds(application: Application, options: Settings) -> float:
    """How long an event waits for its windowed features; 0 where nobody computes any."""
    if not application.windows or Job.FEATURES not in options.flink.kept_jobs:
        return 0.0
    return options.learners.features_seconds


def _params(made: Learner) -> dict[str, Any]:
    delay = made.application.label_delay
    return {
        "application": made.application.name,
        "models": ", ".join(made.entrants),
        "champion": made.champion.name,
        "label_delay": delay if isinstance(delay, str) else f"{delay.total_seconds():g} s",
    }
