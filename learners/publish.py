"""What a learner leaves in Redis: snapshot, report, history, newest answers, truths; and what is asked of it.

    the loop (never waits) -> newest values -> a thread -> Redis
    control <- the same thread, about every second <- Redis

Redis may be away: the loop goes on, the thread tries again, and what is newest then is written. During a
backfill only the newest answers are written out; the rest would be pushed out of the list at once.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import structlog
from redis import Redis
from redis.exceptions import RedisError

from core import control, names
from core.control import Control, Place, Version
from core.records import LearnerReport
from core.snapshots import Header, Payload, seal
from learners.versions import KEPT_IN_REDIS, described

log = structlog.get_logger("millrace.learner")

TICK_S = 0.2
LONGEST_PAUSE_S = 5.0
CONTROL_S = 1.0
"""Seconds between two looks at what is asked of the learner."""

HISTORY = 4000
"""Points that the history keeps, about."""

_encode = msgspec.json.Encoder().encode

Written = Callable[[], bytes]
"""What goes to Redis, made when it goes: most of what a backfill offers is pushed out before."""


class Publisher(threading.Thread):
    """Writes for one application; all `offer_*` methods return at once.

    version: the snapshot that Redis was given last.
    """

    def __init__(self, application: str, redis: Redis, key: bytes, recent: int, version: int) -> None:
        super().__init__(name="publisher", daemon=True)
        self._application = application
        self._redis = redis
        self._key = key
        self.recent = recent
        """How many of the newest answers are kept; no more need be offered at once."""
        self.recent_truths = 4 * recent
        self.version = version
        self.snapshot_created: datetime | None = None
        self.control = Control()
        """What was asked when it was last read."""
        self.keeper: Callable[[Header, bytes], None] = lambda header, sealed: None
        """Is given each checkpoint, also while Redis is away."""
        self._controlled = 0.0
        self._lock = threading.Lock()
        self._snapshot: tuple[Header, Payload] | None = None
        self._checkpoint = False
        self._versions: list[Version] | None = None
        self._report: LearnerReport | None = None
        self._points: deque[bytes] = deque(maxlen=HISTORY)
        self._answers: deque[tuple[str, Written]] = deque(maxlen=recent)
        self._truths: deque[tuple[str, Any]] = deque(maxlen=self.recent_truths)
        self._judged: deque[Written] = deque(maxlen=recent)
        self._shown: OrderedDict[str, None] | None = None
        self._ending = threading.Event()

    def offer_snapshot(self, header: Header, payload: Payload) -> None:
        """The newest snapshot; its version is given when it is written."""
        with self._lock:
            self._snapshot = header, payload

    def offer_checkpoint(self, header: Header, payload: Payload) -> None:
        """The newest snapshot, and one that is to be kept for longer."""
        with self._lock:
            self._snapshot, self._checkpoint = (header, payload), True

    def offer_versions(self, kept: list[Version]) -> None:
        """The versions that MLflow keeps."""
        with self._lock:
            self._versions = kept

    def offer_report(self, report: LearnerReport) -> None:
        """The newest report; it also says that the learner is alive."""
        with self._lock:
            self._report = report

    def offer_point(self, point: dict[str, Any]) -> None:
        """A point of the history."""
        self._points.append(_encode(point))

    def offer_answers(self, answers: Sequence[tuple[str, Written]]) -> None:
        """Answers by event id, the newest last; written out when it is their turn and they are still new."""
        with self._lock:
            self._answers.extend(answers)

    def offer_truths(self, truths: Sequence[tuple[str, Any]]) -> None:
        """Labels that became known, by event id."""
        with self._lock:
            self._truths.extend(truths)

    def offer_judged(self, judged: Sequence[Written]) -> None:
        """Answers and the labels that became known after them, the newest last."""
        with self._lock:
            self._judged.extend(judged)

    def run(self) -> None:
        """Writes until told to end, then once more."""
        pause, away = TICK_S, False
        while True:
            ending = self._ending.wait(pause)
            try:
                self._write()
                pause, away = TICK_S, False
            except RedisError as error:
                if not away:
                    log.warning("Redis is away; learning goes on", reason=str(error))
                pause, away = min(2 * pause, LONGEST_PAUSE_S), True
            except Exception:
                log.exception("could not publish")
                pause = LONGEST_PAUSE_S
            if ending:
                return

    def settle(self, timeout: float) -> bool:
        """Waits until the newest snapshot is written; whether that was done in time."""
        deadline = time.monotonic() + timeout
        while self._snapshot is not None and time.monotonic() < deadline:
            time.sleep(TICK_S / 4)
        return self._snapshot is None

    def close(self, timeout: float) -> bool:
        """Writes what is left; whether that was done in time."""
        self._ending.set()
        self.join(timeout)
        return not self.is_alive() and self._snapshot is None

    def read_control(self) -> None:
        """Reads what is asked; what can't be understood is logged, and the last that could stays."""
        try:
            self.control = control.read(self._redis, self._application)
        except ValueError as error:
            log.error("control can't be read", key=names.control_key(self._application), reason=str(error))

    def _write(self) -> None:
        # First, because MLflow is given checkpoints here even while Redis is away.
        self._write_snapshot()
        if time.monotonic() - self._controlled >= CONTROL_S:
            self.read_control()
            self._controlled = time.monotonic()
        self._write_versions()
        self._write_recent()
        self._write_judged()
        self._write_points()
        # Last, so that a reader who sees a report finds what it speaks of.
        with self._lock:
            report, self._report = self._report, None
        if report is not None:
            report.version, report.snapshot_created = self.version, self.snapshot_created
            try:
                self._redis.set(names.learner_key(self._application), _encode(report))
            except RedisError:
                with self._lock:
                    self._report = self._report or report
                raise

    def _write_snapshot(self) -> None:
        with self._lock:
            offered, checkpoint, self._checkpoint = self._snapshot, self._checkpoint, False
        if offered is None:
            return
        header = msgspec.structs.replace(offered[0], version=self.version + 1)
        sealed = seal(header, offered[1], self._key)
        if checkpoint:
            self.keeper(header, sealed)
            # The number is taken by now, even if Redis does not answer: no other snapshot may have it.
            self.version = header.version
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.set(names.snapshot_key(self._application), sealed)
        if checkpoint:
            self._keep(pipeline, header, sealed)
        pipeline.execute()
        self.version, self.snapshot_created = header.version, header.created
        with self._lock:
            if self._snapshot is offered:
                self._snapshot = None

    def _keep(self, pipeline: Any, header: Header, sealed: bytes) -> None:
        """Adds a checkpoint to the newest few in Redis; what is older goes."""
        blobs, listed = names.checkpoints_key(self._application), names.versions_key(self._application)
        known: Any = self._redis.hkeys(blobs)
        old = sorted((int(name) for name in known), reverse=True)[KEPT_IN_REDIS - 1 :]
        made = described(header, len(sealed), Place.REDIS)
        pipeline.hset(blobs, str(header.version), sealed)
        pipeline.hset(listed, control.listed(made), _encode(made))
        for version in old:
            pipeline.hdel(blobs, str(version))
            pipeline.hdel(listed, f"{Place.REDIS}:{version}")

    def _write_versions(self) -> None:
        with self._lock:
            offered = self._versions
        if offered is None:
            return
        control.replace_listed(self._redis, self._application, Place.MLFLOW, offered)
        with self._lock:
            if self._versions is offered:
                self._versions = None

    def _write_points(self) -> None:
        key = names.history_key(self._application)
        while self._points:
            some = list(self._points)[:500]
            pipeline = self._redis.pipeline(transaction=False)
            for point in some:
                pipeline.xadd(key, {"point": point}, maxlen=HISTORY, approximate=True)
            pipeline.execute()
            for _ in some:
                self._points.popleft()

    def _write_recent(self) -> None:
        """Pushes new answers, adds truths of those in the list, drops truths of those that left it."""
        if self._shown is None:
            self._shown = self._listed()
        shown = self._shown
        with self._lock:
            answers, self._answers = self._answers, deque(maxlen=self.recent)
            truths, self._truths = self._truths, deque(maxlen=self._truths.maxlen)
        fresh = {event_id: written for event_id, written in answers if event_id not in shown}
        known = {
            event_id: _encode(truth) for event_id, truth in truths if event_id in shown or event_id in fresh
        }
        gone = list(shown)[: max(0, len(shown) + len(fresh) - self.recent)]
        try:
            if fresh or known:
                self._push([written() for written in fresh.values()], known, gone)
        except RedisError:
            with self._lock:
                self._answers = deque([*answers, *self._answers], maxlen=self.recent)
                self._truths = deque([*truths, *self._truths], maxlen=self._truths.maxlen)
            self._shown = None
            raise
        for event_id in gone:
            shown.pop(event_id)
        shown.update(dict.fromkeys(fresh))

    def _write_judged(self) -> None:
        """Pushes the answers whose labels became known."""
        with self._lock:
            judged, self._judged = self._judged, deque(maxlen=self.recent)
        if not judged:
            return
        key = names.judged_key(self._application)
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.lpush(key, *(written() for written in judged))
        pipeline.ltrim(key, 0, self.recent - 1)
        try:
            pipeline.execute()
        except RedisError:
            with self._lock:
                self._judged = deque([*judged, *self._judged], maxlen=self.recent)
            raise

    def _push(self, fresh: list[bytes], known: dict[Any, Any], gone: list[str]) -> None:
        recent, truths = names.recent_key(self._application), names.truths_key(self._application)
        pipeline = self._redis.pipeline(transaction=True)
        if fresh:
            pipeline.lpush(recent, *fresh)
            pipeline.ltrim(recent, 0, self.recent - 1)
        if known:
            pipeline.hset(truths, mapping=known)
        if gone:
            pipeline.hdel(truths, *gone)
        pipeline.execute()

    def _listed(self) -> OrderedDict[str, None]:
        """The event ids in the list, oldest first: what the process before this one left there."""
        entries = self._redis.lrange(names.recent_key(self._application), 0, -1)
        return OrderedDict((msgspec.json.decode(entry)["event_id"], None) for entry in reversed(entries))


def wait_for(redis: Redis, stop: threading.Event) -> bool:
    """Waits until Redis answers; False when told to end before."""
    pause = TICK_S
    while not stop.is_set():
        try:
            redis.ping()
            return True
        except RedisError as error:
            log.warning("waiting for Redis", reason=str(error))
        stop.wait(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)
    return False
