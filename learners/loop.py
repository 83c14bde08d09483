"""The loop of one learner: takes messages, keeps them in order, lets the learner step, and tells the others.

source -> merge -> learner.step -> predictions topic (delivered before a snapshot that speaks of them)
                               `-> publisher (Redis), tracker (MLflow), each in its own thread
"""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

from core.names import Stream, topic
from core.records import LearnerReport, LearnerState, Prediction
from core.settings import Learners
from core.snapshots import Header, Payload
from learners.learner import Learner, Step
from learners.lessons import BadEvent, Lesson, Reader
from learners.merge import Merge
from learners.publish import Publisher
from learners.source import Source
from learners.start import Plan
from learners.tracking import Tracker

log = structlog.get_logger("millrace.learner")

BATCH = 1000
"""Messages per poll."""

POLL_S = 0.05

CHUNK = 250
"""Lessons between two looks at the clock."""

FULL, HALF = 5000, 2500
"""Messages of a lane at which fetching stops, and goes on."""

REPORT_S = 1.0
POINT_LESSONS, POINT_S = 500, 2.0
"""A point of the history after so many lessons, or so much time in which something changed."""

FLUSH_S = 2.0


class Undelivered(RuntimeError):
    """The broker took an answer and lost it, or refused it for good."""


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
    ) -> None:
        now = time.monotonic()
        self._learner = learner
        self._source = source
        self._producer = producer
        self._publisher = publisher
        self._tracker = tracker
        self._reader = Reader(learner.application)
        self._merge = Merge(start.begin, options.idle_seconds, now)
        self._partitions = list(start.begin)
        self._again = dict(start.again)
        self._taking_back = True
        self._predictions = topic(learner.application.name, Stream.PREDICTIONS)
        self._encode = msgspec.json.Encoder().encode
        self._undelivered = ""
        self._reporting, self._saving = Every(REPORT_S), Every(options.snapshot_seconds)
        self._tracking, self._pointing = Every(options.tracking_seconds), Every(POINT_S)
        self._saved: tuple[int, str] | None = None
        self._pointed = learner.taught, learner.asked
        self._counted = now, learner.asked
        self._rate = 0.0
        self._lag = 0

    def run(self, stop: threading.Event) -> None:
        """Goes on until told to end; raises what can't be answered here (lost offsets, lost answers)."""
        while not stop.is_set():
            messages, drained = self._source.poll(BATCH, POLL_S)
            now = time.monotonic()
            for message in messages:
                self._receive(message, now)
            for partition, end in drained:
                self._merge.drain(partition, now)
                self._read_again(partition, end)
            self._expect()
            if not self._again:
                self._ready()
                while not stop.is_set() and self._work(now):
                    now = time.monotonic()
            self._balance()
            self._tick(time.monotonic())

    def _expect(self) -> None:
        """Tells the merge which partitions hold more than was read."""
        for partition in self._partitions:
            if not self._merge.waiting(partition):
                more = self._source.ahead(partition, self._learner.next_offsets.get(partition, 0))
                self._merge.expect(partition, more is None or more > 0)

    def _ready(self) -> None:
        """Everything that was awaited before the snapshot waits again: learning may begin."""
        if self._taking_back:
            self._taking_back = False
            dropped = self._learner.taken_back()
            if dropped:
                log.error("answers whose events the log no longer holds are dropped", count=dropped)
            log.info("learning", pending=len(self._learner.pending), asked=self._learner.asked)

    def _receive(self, message: Any, now: float) -> None:
        partition, offset = message.partition(), message.offset()
        asked = self._again.get(partition)
        before = offset < self._learner.next_offsets.get(partition, 0)
        try:
            lesson = self._reader(partition, offset, message.value())
        except BadEvent as error:
            if not before:
                self._learner.pass_over(partition, offset, error)
        else:
            if before and asked is not None:
                self._learner.take_back(lesson)
            elif not before:
                self._merge.add(lesson, now)
        if asked is not None:
            self._read_again(partition, offset + 1)

    def _read_again(self, partition: int, reached: int) -> None:
        """Notes how far a partition was read again."""
        if partition in self._again and reached >= self._again[partition]:
            del self._again[partition]

    def _work(self, now: float) -> bool:
        """Steps through a chunk of lessons; whether there were any."""
        lessons = self._merge.take(now, CHUNK)
        for lesson in lessons:
            step = self._learner.step(lesson)
            if step is not None:
                self._tell(lesson, step)
        self._producer.poll(0)
        if self._undelivered:
            raise Undelivered(f"an answer did not reach {self._predictions}: {self._undelivered}")
        self._tick(time.monotonic())
        return bool(lessons)

    def _tell(self, lesson: Lesson, step: Step) -> None:
        """Publishes an answer, and the labels that became known."""
        if step.answer is not None:
            prediction = Prediction(
                application=self._learner.application.name,
                event_id=lesson.event_id,
                entity=lesson.entity,
                event_time=lesson.time,
                source_partition=lesson.source_partition,
                source_offset=lesson.source_offset,
                model=self._learner.name,
                version=self._publisher.version,
                value=step.answer.value,
                probability=step.answer.probability,
                threshold=step.threshold,
                asked_at=datetime.now(UTC),
            )
            self._produce(lesson.entity, self._encode(prediction))
            self._publisher.offer_answer(prediction, lesson.event)
        if self._learner.application.label:
            for awaiting in step.taught:
                self._publisher.offer_judged(awaiting, self._learner.name)

    def _produce(self, key: str, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(self._predictions, value, key, on_delivery=self._delivered)
                return
            except BufferError:
                self._producer.poll(0.1)

    def _delivered(self, error: Any, message: Any) -> None:
        if error is not None:
            self._undelivered = str(error)

    def _balance(self) -> None:
        """Stops fetching partitions whose lane is full, until it is half empty."""
        for partition in self._partitions:
            waiting = self._merge.waiting(partition)
            if waiting >= FULL:
                self._source.hold(partition, True)
            elif waiting <= HALF:
                self._source.hold(partition, False)

    def _tick(self, now: float) -> None:
        """Tells the others what is due to be told."""
        learner = self._learner
        enough = learner.taught - self._pointed[0] >= POINT_LESSONS
        if enough or (self._pointing.due(now) and (learner.taught, learner.asked) != self._pointed):
            self._pointed = learner.taught, learner.asked
            self._publisher.offer_point(self._point())
        if self._reporting.due(now):
            self._measure(now)
            self._publisher.offer_report(self.report(LearnerState.LIVE))
        if self._tracking.due(now):
            self.track()
        if not self._taking_back and self._saving.due(now):
            self._save()

    def _measure(self, now: float) -> None:
        since, asked = self._counted
        self._counted = now, self._learner.asked
        self._rate = (self._learner.asked - asked) / (now - since) if now > since else 0.0
        self._lag = sum(self._behind(partition) for partition in self._partitions)

    def _behind(self, partition: int) -> int:
        if self._merge.empty(partition):
            return 0
        return self._source.ahead(partition, self._learner.next_offsets.get(partition, 0)) or 0

    def _point(self) -> dict[str, Any]:
        learner = self._learner
        return {
            "time": datetime.now(UTC),
            "clock": learner.clock,
            "asked": learner.asked,
            "taught": learner.taught,
            "rate": self._rate,
            "scores": learner.scores.values(),
            "naive": learner.scores.naive_values(),
        }

    def report(self, state: LearnerState, error: str = "") -> LearnerReport:
        """What the learner says of itself now; version and snapshot time are the publisher's to add."""
        learner, scores = self._learner, self._learner.scores
        return LearnerReport(
            application=learner.application.name,
            state=state,
            pid=os.getpid(),
            heartbeat=datetime.now(UTC),
            champion=learner.name,
            version=self._publisher.version,
            asked=learner.asked,
            taught=learner.taught,
            pending=len(learner.pending),
            repeats=learner.repeats,
            clock=learner.clock,
            lag=self._lag,
            rate=self._rate,
            run_id=self._tracker.run_id,
            error=error or _summary(learner),
            threshold=scores.threshold,
            scores=scores.values(),
            naive=scores.naive_values(),
            confusion=scores.confusion,
            calibration=scores.calibration,
            segments=learner.segments(),
        )

    def track(self) -> None:
        """Hands the newest metrics to MLflow's thread."""
        learner = self._learner
        naive = {f"naive_{name}": value for name, value in learner.scores.naive_values().items()}
        counts: dict[str, float | None] = {
            "asked": float(learner.asked),
            "pending": float(len(learner.pending)),
            "rate": self._rate,
        }
        self._tracker.offer(learner.taught, learner.scores.values() | naive | counts)

    def _save(self) -> None:
        """Offers a snapshot when something has changed since the last one."""
        now = self._learner.asked + self._learner.repeats, self._tracker.run_id
        if now == self._saved:
            return
        made = self.snapshot()
        if made is not None:
            self._publisher.offer_snapshot(*made)
            self._saved = now

    def snapshot(self) -> tuple[Header, Payload] | None:
        """A snapshot, once every answer before it is delivered; None while the broker does not take them."""
        if self._taking_back:
            return None
        waiting = self._producer.flush(FLUSH_S)
        if self._undelivered:
            raise Undelivered(f"an answer did not reach {self._predictions}: {self._undelivered}")
        if waiting:
            log.warning("no snapshot: answers still wait for the broker", waiting=waiting)
            return None
        return self._learner.snapshot(datetime.now(UTC), self._tracker.run_id)


def _summary(learner: Learner) -> str:
    return f"{learner.failures} events failed; the last: {learner.last_error}" if learner.last_error else ""
