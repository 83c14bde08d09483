"""The loop of one learner: takes messages, keeps them in order, lets the learner step, and tells the others.

    source -> merge -> room (windowed features) -> learner.step -> answers -> topic predictions
                                                            `-> publisher (Redis), tracker (MLflow)

Answers are delivered before a snapshot speaks of them; Redis and MLflow have a thread each.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import structlog

from core.records import LearnerReport, LearnerState
from core.settings import Learners
from core.snapshots import Header, Payload
from learners import memory, reports
from learners.answers import Answers
from learners.learner import Learner
from learners.lessons import MICROSECONDS, BadEvent, Lessons
from learners.merge import Merge
from learners.publish import Publisher
from learners.remembered import Remembered
from learners.source import Source
from learners.start import Plan
from learners.tracking import Tracker

log = structlog.get_logger("millrace.learner")

BATCH = 1000
"""Messages per poll."""

POLL_S = 0.05

CHUNK = 2000
"""Lessons of one step: between two looks at the clock."""

FULL, HALF = 5000, 2500
"""Messages of a lane at which fetching stops, and goes on; also of those that wait for features."""

MOST_FEATURES = 50_000
"""Rows of features, whose events have not come, at which fetching them stops."""

REPORT_S = 1.0
POINT_LESSONS, POINT_S = 500, 2.0
"""A point of the history after so many lessons, or so much time in which something changed."""

SNAPSHOT_REST = 20
"""A snapshot that takes long is followed by so many times its duration without one."""


class Every:
    """Says when so many seconds have passed."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0

    def due(self, now: float) -> bool:
        """Whether it is time; then counts anew."""
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True

    def rest(self, seconds: float, now: float) -> None:
        """Not again before so many seconds have passed, if that is longer than usual."""
        self._next = max(self._next, now + seconds)


class Loop:
    """Runs one learner between its broker, Redis and MLflow."""

    def __init__(
        self,
        learner: Learner,
        source: Source,
        producer: Any,
        publisher: Publisher,
        tracker: Tracker,
        options: Learners,
        start: Plan,
        features_seconds: float,
    ) -> None:
        """`features_seconds`: how long an event of now waits for its windowed features; 0: not at all."""
        now = time.monotonic()
        self._learner = learner
        self._source = source
        self._publisher = publisher
        self._tracker = tracker
        self._answers = Answers(learner.application, producer, publisher)
        self._merge = Merge(start.begin, options.idle_seconds, now)
        self._room = Remembered(learner.application, features_seconds)
        self._partitions = list(start.begin)
        self._again = dict(start.again)
        self._taking_back = True
        self._reporting, self._saving = Every(REPORT_S), Every(options.snapshot_seconds)
        self._tracking, self._pointing = Every(options.tracking_seconds), Every(POINT_S)
        self._saved: tuple[int, str] | None = None
        self._sizes: dict[str, int] = {}
        self._pointed = learner.taught, learner.asked
        self._counted = now, learner.asked
        self._rate = 0.0
        self._lag = 0

    def run(self, stop: threading.Event) -> None:
        """Goes on until told to end; raises what can't be answered here (lost offsets, lost answers)."""
        while not stop.is_set():
            found = self._source.poll(BATCH, POLL_S)
            now = time.monotonic()
            self._receive(found.messages, now)
            self._hear(found.features, now)
            for partition, end in found.drained:
                self._merge.drain(partition, now)
                self._read_again(partition, end)
            self._expect()
            if self._taking_back:
                self._take_back(now)
            if not self._taking_back:
                while not stop.is_set() and self._work(time.monotonic()):
                    pass
            self._balance()
            self._tick(time.monotonic())

    def _expect(self) -> None:
        """Tells the merge which partitions hold more than was read."""
        for partition in self._partitions:
            if not self._merge.waiting(partition):
                more = self._source.ahead(partition, self._learner.next_offsets.get(partition, 0))
                self._merge.expect(partition, more is None or more > 0)

    def _take_back(self, now: float) -> None:
        """Lets what was awaited before the snapshot wait again; when that is all, learning may begin."""
        lessons = self._room.take(now)
        if lessons is not None:
            self._learner.take_back(lessons)
        if self._again or len(self._room):
            return
        self._taking_back = False
        dropped = self._learner.taken_back()
        if dropped:
            log.error("answers whose events the log no longer holds are dropped", count=dropped)
        log.info("learning", pending=len(self._learner.awaiting), asked=self._learner.asked)

    def _receive(self, messages: Sequence[Any], now: float) -> None:
        """Messages become lessons: what was asked about before the snapshot, and what is new."""
        if not messages:
            return
        lessons = self._read(messages)
        if len(lessons):
            asked = np.array([self._learner.next_offsets.get(p, 0) for p in lessons.partition.tolist()])
            before = lessons.offset < asked
            self._merge.add(lessons.take(np.flatnonzero(~before)), now)
            if self._taking_back and before.any():
                waited, without = self._learner.waited(lessons.take(np.flatnonzero(before)))
                until = self._room.deadlines(waited, now, int(time.time() * MICROSECONDS))
                self._room.add(waited, np.where(without, now, until), now)
        for message in messages:
            self._read_again(message.partition(), message.offset() + 1)

    def _read(self, messages: Sequence[Any]) -> Lessons:
        """All lessons in these messages; what is none is passed over."""
        try:
            return self._lessons(messages)
        except BadEvent as error:
            if len(messages) > 1:
                return Lessons.joined([self._read([message]) for message in messages])
            partition, offset = messages[0].partition(), messages[0].offset()
            if offset >= self._learner.next_offsets.get(partition, 0):
                self._learner.pass_over(partition, offset, error)
            return self._learner.reader.none()

    def _lessons(self, messages: Sequence[Any]) -> Lessons:
        places = np.array([(m.partition(), m.offset(), m.timestamp()[1]) for m in messages], dtype=np.int64)
        return self._learner.reader.lessons(
            places[:, 0], places[:, 1], places[:, 2], [m.value() or b"" for m in messages]
        )

    def _hear(self, messages: Sequence[Any], now: float) -> None:
        if not messages:
            return
        try:
            self._room.hear([message.value() or b"" for message in messages], now)
        except ValueError as error:
            log.error("features are passed over", count=len(messages), reason=str(error))

    def _read_again(self, partition: int, reached: int) -> None:
        """Notes how far a partition was read again."""
        if partition in self._again and reached >= self._again[partition]:
            del self._again[partition]

    def _work(self, now: float) -> bool:
        """Steps through a batch of lessons; whether there were any."""
        merged = self._merge.take(now, CHUNK) if len(self._room) < FULL else None
        if merged is not None and len(merged):
            until = self._room.deadlines(merged, now, int(time.time() * MICROSECONDS))
            self._room.add(merged, until, now)
        lessons = self._room.take(now)
        if lessons is not None:
            step = self._learner.step(lessons)
            self._answers.tell(step, self._learner.reader)
        self._answers.check()
        self._tick(time.monotonic())
        return lessons is not None or (merged is not None and len(merged) > 0)

    def _balance(self) -> None:
        """Stops fetching partitions whose lane is full, until it is half empty; features alike."""
        for partition in self._partitions:
            waiting = self._merge.waiting(partition)
            if waiting >= FULL:
                self._source.hold(partition, True)
            elif waiting <= HALF:
                self._source.hold(partition, False)
        if self._room.kept >= MOST_FEATURES:
            self._source.hold_features(True)
        elif self._room.kept <= MOST_FEATURES // 2:
            self._source.hold_features(False)

    def _tick(self, now: float) -> None:
        """Tells the others what is due to be told."""
        learner = self._learner
        enough = learner.taught - self._pointed[0] >= POINT_LESSONS
        if enough or (self._pointing.due(now) and (learner.taught, learner.asked) != self._pointed):
            self._pointed = learner.taught, learner.asked
            self._publisher.offer_point(reports.point(learner, self._rate))
        if self._reporting.due(now):
            self._measure(now)
            self._publisher.offer_report(self.report(LearnerState.LIVE))
        if self._tracking.due(now):
            self.track()
        if not self._taking_back and self._saving.due(now):
            self._save(now)

    def _measure(self, now: float) -> None:
        since, asked = self._counted
        self._counted = now, self._learner.asked
        self._rate = (self._learner.asked - asked) / (now - since) if now > since else 0.0
        self._lag = sum(self._behind(partition) for partition in self._partitions)

    def _behind(self, partition: int) -> int:
        if self._merge.empty(partition) and not len(self._room):
            return 0
        return self._source.ahead(partition, self._learner.next_offsets.get(partition, 0)) or 0

    def report(self, state: LearnerState, error: str = "") -> LearnerReport:
        """What the learner says of itself now; version and snapshot time are the publisher's to add."""
        made = reports.report(self._learner, state, self._publisher.version, self._sizes)
        made.lag, made.rate, made.run_id = self._lag, self._rate, self._tracker.run_id
        made.error = error or made.error
        return made

    def track(self) -> None:
        """Hands the newest metrics to MLflow's thread."""
        self._tracker.offer(self._learner.taught, reports.tracked(self._learner, self._rate))

    def _save(self, now: float) -> None:
        """Offers a snapshot when something has changed since the last one."""
        changed = self._learner.asked + self._learner.repeats, self._tracker.run_id
        if changed == self._saved:
            return
        made = self.snapshot()
        if made is not None:
            self._publisher.offer_snapshot(*made)
            self._saved = changed
            self._saving.rest(SNAPSHOT_REST * (time.monotonic() - now), now)

    def snapshot(self) -> tuple[Header, Payload] | None:
        """A snapshot, once every answer before it is delivered; None while the broker does not take them."""
        if self._taking_back or not self._answers.delivered():
            return None
        header, payload = memory.snapshot(self._learner, datetime.now(UTC), self._tracker.run_id)
        self._sizes = {name: len(data) for name, data in payload.models.items()}
        return header, payload
