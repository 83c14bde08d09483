"""One learner as a process: waits for its surroundings, lives, ends cleanly.

settings -> Redis, broker -> Life -> Loop -> (SIGTERM) -> last snapshot, report, finished run
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

import structlog
from redis import Redis

from core.connect.redis import client
from core.declaration import Application
from core.records import LearnerReport, LearnerState
from core.settings import Settings
from learners.life import Life
from learners.loop import Loop
from learners.publish import Publisher, wait_for
from learners.source import LostOffsets, Source, Stopped
from learners.start import UnusableSnapshot
from learners.tracking import Tracker
from learners.warm import warm_up

log = structlog.get_logger("millrace.learner")

PUBLISH_S = 3.0
TRACK_S = 3.0
"""How long the end of a process waits for Redis and for MLflow."""


def run(application: Application, options: Settings) -> int:
    """Runs until SIGTERM or SIGINT; the exit code: 0 when told to end, 1 when something stopped it."""
    calm_collector()
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


def calm_collector() -> None:
    """What lives now lives to the end, and lessons hold no cycles: the collector need not look often."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _learn(
    application: Application, options: Settings, redis: Redis, publisher: Publisher, stop: threading.Event
) -> int:
    life = Life(application, options, redis, publisher)

    def waiting(why: str) -> None:
        publisher.offer_report(_early(application, LearnerState.STARTING, why))

    warm_up(application)
    with _source(options, application) as source:
        loop = life.begin(source, stop, waiting)
        try:
            while (asked := loop.run(stop)) is not None:
                loop = life.returned(loop, asked)
        except Exception as error:
            log.exception("the learner stopped")
            publisher.offer_report(loop.report(LearnerState.FAILED, f"{type(error).__name__}: {error}"))
            life.tracker.close("FAILED", TRACK_S)
            return 1
        _finish(loop, publisher, life.tracker)
        return 0


def _finish(loop: Loop, publisher: Publisher, tracker: Tracker) -> None:
    """The last snapshot, which is kept for longer, the last report, and the end of the run."""
    made = loop.snapshot()
    if made is not None:
        publisher.offer_checkpoint(*made)
    publisher.offer_report(loop.report(LearnerState.FINISHED))
    loop.track()
    if not publisher.close(PUBLISH_S):
        log.error("the last snapshot did not reach Redis: the next start goes on from the one before")
    if not tracker.close("FINISHED", TRACK_S):
        log.warning("the run was not closed in time: the next start goes on with it", run_id=tracker.run_id)
    log.info("finished", version=publisher.version)


@contextmanager
def _source(options: Settings, application: Application) -> Iterator[Source]:
    source = Source(options.broker.url, application.name)
    try:
        yield source
    finally:
        source.close()


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
