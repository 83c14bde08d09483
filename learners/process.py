"""One learner as a process: waits for its surroundings, resumes, runs the loop, ends cleanly.

settings -> Redis, broker -> snapshot -> Loop -> (SIGTERM) -> last snapshot, report, finished run
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from redis import Redis
from redis.exceptions import RedisError

from core import names
from core.connect import kafka
from core.connect.redis import client
from core.declaration import Application
from core.names import Job
from core.records import LearnerReport, LearnerState
from core.settings import Settings
from core.snapshots import Header, seal
from learners.learner import Learner
from learners.loop import Loop
from learners.publish import Publisher, wait_for
from learners.source import Kept, LostOffsets, Source, Stopped
from learners.start import Plan, UnusableSnapshot, learner, opened, plan
from learners.tracking import Tracker

log = structlog.get_logger("millrace.learner")

PUBLISH_S = 3.0
TRACK_S = 3.0
"""How long the end of a process waits for Redis and for MLflow."""


def run(application: Application, options: Settings) -> int:
    """Runs until SIGTERM or SIGINT; the exit code: 0 when told to end, 1 when something stopped it."""
    # What lives now lives to the end, and lessons hold no cycles: the collector need not look often.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    key = options.signing_key()
    redis = client(options.redis.url)
    if not wait_for(redis, stop):
        return 0
    publisher = Publisher(application.name, redis, key, options.learners.recent, version=0)
    publisher.start()
    publisher.offer_report(_early(application, LearnerState.STARTING))
    try:
        return _learn(application, options, redis, publisher, stop)
    except Stopped:
        publisher.offer_report(_early(application, LearnerState.FINISHED))
        return 0
    except (UnusableSnapshot, LostOffsets) as error:
        log.error("the learner can't begin", reason=str(error))
        publisher.offer_report(_early(application, LearnerState.FAILED, str(error)))
        return 1
    finally:
        publisher.close(PUBLISH_S)


def _learn(
    application: Application, options: Settings, redis: Redis, publisher: Publisher, stop: threading.Event
) -> int:
    found = opened(application, _stored(redis, application, stop), options.signing_key())
    header = found[0] if found else None
    publisher.version = header.version if header else 0
    made, resumed = learner(application, found, options.learners.heavy_share)
    publisher.snapshot_created = header.created if header and resumed else None
    with _source(options, application) as source:
        kept = source.kept(
            stop, lambda why: publisher.offer_report(_early(application, LearnerState.STARTING, why))
        )
        start = _placed(made, header if resumed else None, source.topic, kept, options)
        producer = kafka.producer(options.broker.url, f"millrace-learner-{application.name}")
        run_id = header.run_id if header else ""
        tracker = Tracker(
            options.mlflow.url, application.name, _params(made), run_id, options.learners.tracking_seconds
        )
        tracker.start()
        wait = features_seconds(application, options)
        loop = Loop(made, source, producer, publisher, tracker, options.learners, start, wait)
        warm_up(application, options)
        source.begin(start.begin, made.features_since_ms() if wait else None)
        log.info("reading", topic=source.topic, begin=start.begin, again=start.again, resumed=resumed)
        try:
            loop.run(stop)
        except Exception as error:
            log.exception("the learner stopped")
            publisher.offer_report(loop.report(LearnerState.FAILED, f"{type(error).__name__}: {error}"))
            tracker.close("FAILED", None, TRACK_S)
            return 1
        _finish(loop, publisher, tracker, options.signing_key())
        return 0


def _finish(loop: Loop, publisher: Publisher, tracker: Tracker, key: bytes) -> None:
    """The last snapshot and report, and the end of the run."""
    made = loop.snapshot()
    if made is not None:
        publisher.offer_snapshot(*made)
    publisher.offer_report(loop.report(LearnerState.FINISHED))
    loop.track()
    if not publisher.close(PUBLISH_S):
        log.error("the last snapshot did not reach Redis: the next start goes on from the one before")
    blob = (
        None
        if made is None
        else seal(msgspec.structs.replace(made[0], version=publisher.version), made[1], key)
    )
    if not tracker.close("FINISHED", blob, TRACK_S):
        log.warning("the run was not closed in time: the next start goes on with it", run_id=tracker.run_id)
    log.info("finished", version=publisher.version)


def _stored(redis: Redis, application: Application, stop: threading.Event) -> bytes | None:
    """The snapshot in Redis; waits while Redis is away, or raises Stopped."""
    while wait_for(redis, stop):
        try:
            blob: Any = redis.get(names.snapshot_key(application.name))
            return None if blob is None else bytes(blob)
        except RedisError as error:
            log.warning("waiting for Redis", reason=str(error))
    raise Stopped("told to end while waiting for Redis")


@contextmanager
def _source(options: Settings, application: Application) -> Iterator[Source]:
    source = Source(options.broker.url, application.name)
    try:
        yield source
    finally:
        source.close()


def _placed(
    made: Learner, header: Header | None, topic: str, kept: dict[int, Kept], options: Settings
) -> Plan:
    """Where to read from; the learner then knows an offset for every partition."""
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


def warm_up(application: Application, options: Settings) -> None:
    """Compiles what models and scores need: seconds at the first start on a machine, then from its cache."""
    spare = Learner.fresh(application, options.learners.heavy_share)
    spare.step(spare.reader.none())


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


def _early(application: Application, state: LearnerState, error: str = "") -> LearnerReport:
    """A report before there is a loop."""
    return LearnerReport(
        application=application.name,
        state=state,
        pid=os.getpid(),
        heartbeat=datetime.now(UTC),
        champion=application.online[0],
        version=0,
        error=error,
    )
