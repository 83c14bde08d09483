"""The loop of one learner: takes messages, keeps them in order, lets the learner step, and tells the others.

    source -> merge -> room (windowed features) -> learner.step -> answers -> topic predictions
                                                            `-> publisher (Redis), tracker (MLflow)
    what is asked of the learner -> desk -> take events, rest, or return to a version

Answers are delivered before a snapshot speaks of them; Redis and MLflow have a thread each.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from operator import methodcaller
from typing import Any

import msgspec
import numpy as np
import structlog

from core.control import Reset
from core.records import LearnerReport, LearnerState
from core.settings import Learners
from core.snapshots import Header, Payload
from learners import lineage, memory, reports
from learners.answers import Answers
from learners.catching_up import CatchingUp
from learners.control import Desk, Refused, Return
from learners.every import Every
from learners.learner import Learner
from learners.lessons import MICROSECONDS, BadEvent, Lessons, integers
from learners.merge import Merge
from learners.publish import Publisher
from learners.remembered import Remembered
from learners.source import Source
from learners.start import Plan
from learners.tracking import Tracker
from learners.versions import COUNTER

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
LOOK_S = 5.0
"""Between two looks at how far the topic has gone on while the learner rests."""

POINT_LESSONS, POINT_S, POINT_LEAST_S = 500, 2.0, 0.2
"""A point of the history after so many lessons, or so much time in which something changed; never sooner."""

_PARTITION, _OFFSET, _TIMESTAMP, _VALUE = map(methodcaller, ("partition", "offset", "timestamp", "value"))

SNAPSHOT_REST = 20
"""A snapshot that takes long is followed by so many times its duration without one."""


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
        desk: Desk | None = None,
    ) -> None:
        """`features_seconds`: how long an event of now waits for its windowed features; 0: not at all.

        desk: what is asked of the learner; nothing by default.
        """
        now = time.monotonic()
        self._learner = learner
        self._source = source
        self._publisher = publisher
        self._tracker = tracker
        self._answers = Answers(learner.application, producer, publisher)
        self._merge = Merge(start.begin, options.idle_seconds, 0.0)
        self._listened = 0.0
        """Seconds spent on polls, the clock of the merge: who does not listen finds no partition silent."""
        self._room = Remembered(learner.application, features_seconds)
        self._partitions = list(start.begin)
        self._again = dict(start.again)
        self._taking_back = True
        self._desk = desk or Desk()
        self._catching_up = CatchingUp(start.begin, start.ends)
        self._state = LearnerState.STARTING
        self._resting: float | None = None
        """Since when no events are taken."""
        self._return: Return | None = None
        self._reporting, self._saving = Every(REPORT_S), Every(options.snapshot_seconds)
        self._tracking, self._pointing = Every(options.tracking_seconds), Every(POINT_S)
        self._keeping, self._looking = Every(60 * options.checkpoint_minutes), Every(LOOK_S)
        self._keeping.due(now)
        self._keep = False
        """Whether the next snapshot is to be kept for longer."""
        self._saved: tuple[Any, ...] | None = None
        self._kept: tuple[Any, ...] | None = None
        """What `_changed` told at the last snapshot, and at the last that is kept for longer."""
        self._sizes: dict[str, int] = {}
        self._pointed, self._pointed_at = (learner.taught, learner.asked), now - POINT_LEAST_S
        self._counted = now, learner.asked
        self._rate = 0.0
        self._lag = 0

    def run(self, stop: threading.Event) -> Return | None:
        """Goes on until told to end (None), or to return to a version.

        Raises what can't be answered here (lost offsets, lost answers).
        """
        while not stop.is_set():
            began = time.monotonic()
            found = self._source.poll(BATCH, POLL_S)
            now = time.monotonic()
            if self._resting is None:
                self._listened += now - began
            self._receive(found.messages, now)
            self._hear(found.features, now)
            for partition, end in found.drained:
                self._merge.drain(partition, self._listened)
                self._catching_up.reached(partition, end)
                self._read_again(partition, end)
            self._expect()
            if self._taking_back:
                self._take_back(now)
            if not self._taking_back:
                while self._obey(time.monotonic()) and not stop.is_set() and self._work(time.monotonic()):
                    pass
            self._tick(time.monotonic())
            if self._return is not None:
                wanted, self._return = self._return, None
                return wanted
            if self._resting is None:
                self._balance()
        return None

    def _obey(self, now: float) -> bool:
        """Does what is asked of the learner; whether it may take events."""
        self._desk.choose(self._learner)
        if not self._desk.rests(self._learner):
            if self._resting is not None:
                self._go_on(now)
            return True
        if self._resting is None:
            self._resting = now
        for partition in self._partitions:
            self._source.hold(partition, True)
        self._source.hold_features(True)
        if self._state is not LearnerState.PAUSED and self._put(keep=True):
            self._state = LearnerState.PAUSED
            self._reporting.hurry()
            log.info("resting", asked=self._learner.asked)
        reset = self._desk.wanted(self._learner)
        if reset is not None and self._state is LearnerState.PAUSED:
            try:
                found = self._desk.fetched(reset)
                self._return = None if found is None else Return(reset, found)
            except Refused as error:
                self.refuse(reset, str(error))
        return False

    def _go_on(self, now: float) -> None:
        """Where it was: the time of rest counts for nobody's patience."""
        rested = now - (self._resting or now)
        self._room.rest(rested)
        self._resting, self._state = None, LearnerState.STARTING if self._catching_up else LearnerState.LIVE
        self._reporting.hurry()
        log.info("going on", rested=round(rested, 3))

    def refuse(self, reset: Reset, reason: str) -> None:
        """Stays as it is: the version that was asked for can't be had."""
        self._desk.refuse(self._learner, reset, reason)
        self._reporting.hurry()

    def keep(self) -> None:
        """The next snapshot is kept for longer."""
        self._keep = True
        self._saving.hurry()

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
        if self._catching_up:
            self._catching_up.received(lessons)
        if len(lessons):
            before = np.zeros(len(lessons), dtype=np.bool_)
            for partition, asked in self._learner.next_offsets.items():
                before |= (lessons.partition == partition) & (lessons.offset < asked)
            known = before.any()
            self._merge.add(lessons.take(np.flatnonzero(~before)) if known else lessons, self._listened)
            if self._taking_back and known:
                waited, without = self._learner.waited(lessons.take(np.flatnonzero(before)))
                until = self._room.deadlines(waited, now, int(time.time() * MICROSECONDS))
                self._room.add(waited, np.where(without, now, until), now)
        if self._again:
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
        partitions, offsets = (integers(list(map(one, messages))) for one in (_PARTITION, _OFFSET))
        sent = integers([time for _, time in map(_TIMESTAMP, messages)])
        values = [value or b"" for value in map(_VALUE, messages)]
        return self._learner.reader.lessons(partitions, offsets, sent, values)

    def _hear(self, messages: Sequence[Any], now: float) -> None:
        if messages:
            self._room.hear([message.value() or b"" for message in messages], now)

    def _read_again(self, partition: int, reached: int) -> None:
        """Notes how far a partition was read again."""
        if partition in self._again and reached >= self._again[partition]:
            del self._again[partition]

    def _work(self, now: float) -> bool:
        """Steps through a batch of lessons; whether there were any."""
        merged = self._merge.take(self._listened, CHUNK) if len(self._room) < FULL else None
        if merged is not None and len(merged):
            until = self._room.deadlines(merged, now, int(time.time() * MICROSECONDS))
            self._room.add(merged, until, now)
        lessons = self._room.take(now)
        if lessons is not None:
            step = self._learner.step(lessons)
            for one in step.drift:
                log.info("drift", **msgspec.to_builtins(one))
            if step.promotion:
                log.info("promotion", **msgspec.to_builtins(step.promotion))
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
        rested = now - self._pointed_at >= POINT_LEAST_S
        enough = rested and learner.taught - self._pointed[0] >= POINT_LESSONS
        if enough or (self._pointing.due(now) and (learner.taught, learner.asked) != self._pointed):
            self._pointed, self._pointed_at = (learner.taught, learner.asked), now
            self._publisher.offer_point(reports.point(learner, self._rate))
        if self._state is LearnerState.STARTING and not self._taking_back and not self._left():
            self._state = LearnerState.LIVE
            self._reporting.hurry()
            log.info("caught up", asked=learner.asked)
        if self._reporting.due(now):
            self._measure(now)
            self._publisher.offer_report(self.report(self._state))
        if self._tracking.due(now):
            self.track()
        if not self._taking_back and self._saving.due(now):
            self._save(now)

    def _measure(self, now: float) -> None:
        since, asked = self._counted
        self._counted = now, self._learner.asked
        self._rate = (self._learner.asked - asked) / (now - since) if now > since else 0.0
        if self._resting is None:
            self._lag = max(self._left(), sum(self._behind(partition) for partition in self._partitions))
        elif self._looking.due(now):
            behind = self._source.behind(self._learner.next_offsets)
            self._lag = self._lag if behind is None else behind

    def _left(self) -> int:
        """Offsets that are left until it has caught up with where the topic ended at the start."""
        return self._catching_up.left(self._learner.next_offsets) if self._catching_up else 0

    def _behind(self, partition: int) -> int:
        if self._merge.empty(partition) and not len(self._room):
            return 0
        return self._source.ahead(partition, self._learner.next_offsets.get(partition, 0)) or 0

    def report(self, state: LearnerState, error: str = "") -> LearnerReport:
        """What the learner says of itself now; version and snapshot time are the publisher's to add."""
        made = reports.report(self._learner, state, self._publisher.version, self._sizes)
        made.lag, made.rate, made.run_id = self._lag, self._rate, self._tracker.run_id
        made.bad_features = self._room.bad
        made.error = error or self._desk.problem or made.error
        return made

    def track(self) -> None:
        """Hands the newest metrics to MLflow's thread."""
        metrics = reports.tracked(self._learner, self._rate) | {COUNTER: float(self._publisher.version)}
        self._tracker.offer(self._learner.taught, metrics)
        self._tracker.tag(lineage.of_contest(self._learner))

    def _save(self, now: float) -> None:
        """Offers a snapshot when something has changed since the last one, or one is to be kept."""
        # What stands still is kept once: its copies would push older versions out.
        self._keep = self._keep or (self._changed() != self._kept and self._keeping.due(now))
        if (self._changed() != self._saved or self._keep) and self._put(self._keep):
            self._saving.rest(SNAPSHOT_REST * (time.monotonic() - now), now)

    def _changed(self) -> tuple[Any, ...]:
        """Differs when a snapshot would."""
        one = self._learner
        contest = one.contest.champion, one.contest.pinned
        return one.asked + one.repeats, self._tracker.run_id, contest, one.reset

    def _put(self, keep: bool) -> bool:
        """Offers a snapshot; False while there can be none."""
        made = self.snapshot()
        if made is None:
            return False
        if keep:
            self._publisher.offer_checkpoint(*made)
            self._keep, self._kept = False, self._changed()
        else:
            self._publisher.offer_snapshot(*made)
        self._saved = self._changed()
        return True

    def snapshot(self) -> tuple[Header, Payload] | None:
        """A snapshot, once every answer before it is delivered; None while the broker does not take them."""
        if self._taking_back or not self._answers.delivered():
            return None
        header, payload = memory.snapshot(self._learner, datetime.now(UTC), self._tracker.run_id)
        self._sizes = {name: len(data) for name, data in payload.models.items()}
        return header, payload
