"""The learner without its surroundings: asks, waits, teaches, scores, and can be stopped anywhere.

    lessons -> wait -> (clock reaches the due time) -> the order of asks and labels
            -> every model of the roster follows it -> answers, scores -> the champion of the moment

Nothing here reads a clock or a network: the same lessons in the same order give the same bytes, however they
are cut into batches. A snapshot between two batches holds all that is needed to go on: models, scores, and
for the awaited labels the offsets and the answers given. The events themselves are read again from the topic
(`take_back`), not asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import structlog

from core.declaration import Application, Clustering
from core.metrics import rolling
from core.records import DriftEvent, Promotion, Segment
from learners.awaiting import BEGINNING, Awaiting, bare
from learners.contest import Contest, Form
from learners.entrant import Entrant, Kept
from learners.lessons import Floats, Ints, Lessons, Objects, Reader, Rows
from learners.watch import Watch
from models.roster import is_heavy, is_naive

log = structlog.get_logger("millrace.learner")

REVIEW_LABELS = 500
"""Labels between two looks at who is best."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Step(NamedTuple):
    """What came of a batch: the champion's answers to what was new, and whose labels became known."""

    lessons: Lessons
    champion: str
    answers: Floats
    """NaN of an untrained or failing model."""
    served: Floats
    """The threshold of each answer; NaN where there is none."""
    judged: Judged
    promotion: Promotion | None
    drift: list[DriftEvent]


class Judged(NamedTuple):
    """Events whose labels became known, and what the champion had answered them; all of one length."""

    event_id: Objects
    entity: Objects
    time: Ints
    due: Ints
    truth: Floats
    payload: Objects
    answers: Floats
    served: Floats


class Learner:
    """Teaches the roster of one application."""

    def __init__(
        self, application: Application, entrants: Mapping[str, Entrant], reader: Reader, contest: Contest
    ) -> None:
        self.application = application
        self.reader = reader
        self.entrants = dict(entrants)
        self.contest = contest
        self.awaiting = Awaiting()
        self.watch = Watch(application)
        self.next_offsets: dict[int, int] = {}
        """Partition -> the offset after the last event that was asked about, or was a repeat."""
        self.asked = 0
        self.taught = 0
        self.repeats = 0
        self.passed_over = 0
        self.without_features = 0
        self.last_error = ""
        self.reset = ""
        """The id of the last reset that was answered."""
        self.marks: dict[int, dict[int, int]] = {}
        """Partition -> source partition -> the highest source offset so far."""
        self.sent: dict[int, int] = {}
        """Partition -> when the broker took its last event, milliseconds since 1970."""
        self.waiting_since_ms = 0
        """After a restart: when the broker took the oldest event that waited then; 0 when none did."""
        self.answered: dict[int, Answered] = {}
        """After a restart: what waited, by partition, until it is taken back."""

    @classmethod
    def fresh(cls, application: Application, heavy_share: float) -> Learner:
        """One that has learned nothing: every model that the application declares, the first as champion."""
        reader = Reader(application)
        entrants = {
            name: Entrant(application, name, share=share_of(name, heavy_share)) for name in application.online
        }
        return cls(application, entrants, reader, Contest(application.online[0]))

    @property
    def champion(self) -> Entrant:
        """The model that answers requests."""
        return self.entrants[self.contest.champion]

    @property
    def naive(self) -> Entrant | None:
        """The first answer that costs nothing; None where the roster has none."""
        return next((one for one in self.entrants.values() if is_naive(one.name)), None)

    @property
    def clock(self) -> datetime | None:
        """The largest event time that was reached."""
        return None if self.awaiting.clock == BEGINNING else moment(self.awaiting.clock)

    @property
    def failures(self) -> int:
        """Events passed over, and steps at which a model failed."""
        return self.passed_over + sum(one.failures for one in self.entrants.values())

    def segments(self) -> list[Segment]:
        """The segments of the champion; empty where there are none."""
        return self.champion.segments()

    def step(self, lessons: Lessons) -> Step:
        """Asks about events in their order, and after each teaches every label that is known by its time.

        Events that came before are passed over. A failing model is logged and counted, and the rest goes on.
        """
        self._tidy()
        for partition in np.unique(lessons.partition).tolist():
            mine = np.flatnonzero(lessons.partition == partition)
            self.next_offsets[partition] = int(lessons.offset[mine[-1]]) + 1
            self.sent[partition] = int(lessons.sent[mine].max())
        again = repeated(self.marks, lessons)
        if again.any():
            self.repeats += int(again.sum())
            lessons = lessons.take(np.flatnonzero(~again))
        champion = self.champion
        rows = Rows(self.reader, lessons)
        first = self._wait(lessons, rows)
        order = self.awaiting.steps(first)
        for entrant in self.entrants.values():
            entrant.follow(self.awaiting, order)
        self.reader.forget()
        self.asked += len(lessons)
        new = np.arange(first, first + len(lessons))
        told, taught = champion.told(new), ~order[order < 0]
        judged = self._judged(champion, taught)
        drift = self._look(lessons, rows, taught)
        self.awaiting.done(taught)
        reviewed = self.taught // REVIEW_LABELS
        self.taught += len(taught)
        promotion = self._review() if self.taught // REVIEW_LABELS > reviewed else None
        return Step(lessons, champion.name, told.answers, told.served, judged, promotion, drift)

    def _wait(self, lessons: Lessons, rows: Rows) -> int:
        first = self.awaiting.add(lessons)
        self.without_features += int(bare(lessons).sum())
        for entrant in self.entrants.values():
            entrant.see(lessons, rows, first)
        return first

    def _look(self, lessons: Lessons, rows: Rows, taught: Ints) -> list[DriftEvent]:
        one = self.awaiting
        told = self.entrants[self.watch.model].told(taught)
        return self.watch.look(rows.columns, lessons.time, told.answers, one.truth[taught], one.due[taught])

    def _judged(self, champion: Entrant, rows: Ints) -> Judged:
        one, told = self.awaiting, champion.told(rows)
        return Judged(
            one.event_id[rows],
            one.entity[rows],
            one.time[rows],
            one.due[rows],
            one.truth[rows],
            one.payload[rows],
            told.answers,
            told.served,
        )

    def _review(self) -> Promotion | None:
        if isinstance(self.application.task, Clustering):
            return None  # the silhouette likes wrong segments: whom to ask is for a person to say
        metric = rolling(self.application.task)
        forms = {
            name: Form(one.rolling_score, one.scores.scored, not is_naive(name))
            for name, one in self.entrants.items()
        }
        return self.contest.review(metric, forms, self.taught, self.clock)

    def pass_over(self, partition: int, offset: int, error: Exception) -> None:
        """Counts and logs a message that can't be a lesson; the lesson after it moves the offset past it."""
        self.passed_over += 1
        self.last_error = f"event passed over: partition {partition}, offset {offset}: {error}"
        if self.passed_over & (self.passed_over - 1) == 0:
            log.error("event passed over", partition=partition, offset=offset, reason=str(error))

    def features_since_ms(self) -> int:
        """Broker's time from which features may belong to events that are read (again), in milliseconds.

        A row of features is written after its event. 0 when all of them may.
        """
        if not self.sent:
            return 0
        oldest = min(self.sent.values())
        if self.waiting_since_ms:
            oldest = min(oldest, self.waiting_since_ms)
        return oldest

    def waited(self, lessons: Lessons) -> tuple[Lessons, npt.NDArray[np.bool_]]:
        """Of events before the asked offsets: those that wait, and which of them were asked without features.

        What did not wait when the snapshot was made was taught before it, or was a repeat.
        """
        known, without = (np.zeros(len(lessons), dtype=np.bool_) for _ in range(2))
        for partition, one in self.answered.items():
            mine = np.flatnonzero(lessons.partition == partition)
            places, there = one.find(lessons.offset[mine])
            known[mine] = there
            without[mine[there]] = one.bare[places[there]]
        rows = np.flatnonzero(known)
        return lessons.take(rows), without[rows]

    def take_back(self, lessons: Lessons) -> None:
        """Lets events wait again that `waited` told: with the answers given then."""
        for partition in np.unique(lessons.partition).tolist():
            again = lessons.take(np.flatnonzero(lessons.partition == partition))
            waited = self.answered[partition]
            places, _ = waited.find(again.offset)
            again.windowed[waited.bare[places]] = np.nan
            first, rows = self.awaiting.add(again), Rows(self.reader, again)
            for name, entrant in self.entrants.items():
                told = waited.told.get(name)
                entrant.see(again, rows, first, told and Kept(*(one[places] for one in told)))
            self.answered[partition] = waited.without(places)

    def taken_back(self) -> int:
        """All that waited has been read again: answers without their event are dropped, and counted."""
        lost = sum(len(one.offsets) for one in self.answered.values())
        self.answered.clear()
        return lost

    def forget_partition(self, partition: int) -> None:
        """The log of a partition was replaced: its offsets, repeats and awaited answers mean nothing now."""
        for known in (self.marks, self.answered, self.sent):
            known.pop(partition, None)

    def _tidy(self) -> None:
        kept = self.awaiting.tidy()
        if kept is not None:
            for entrant in self.entrants.values():
                entrant.tidy(kept)


class Answered(NamedTuple):
    """What waited in one partition when the snapshot was made, by offset."""

    offsets: Ints
    bare: npt.NDArray[np.bool_]
    """Whether it was asked about without its windowed features."""
    told: dict[str, Kept]
    """Model -> its answers."""

    def find(self, offsets: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """The places of these offsets, and which of them are there."""
        if not len(self.offsets):
            return np.zeros(len(offsets), dtype=np.int64), np.zeros(len(offsets), dtype=np.bool_)
        places = np.minimum(np.searchsorted(self.offsets, offsets), len(self.offsets) - 1)
        return places, self.offsets[places] == offsets

    def without(self, places: Ints) -> Answered:
        """The rest."""
        rest = np.ones(len(self.offsets), dtype=np.bool_)
        rest[places] = False
        told = {name: Kept(one.answers[rest], one.served[rest]) for name, one in self.told.items()}
        return Answered(self.offsets[rest], self.bare[rest], told)


def repeated(marks: dict[int, dict[int, int]], lessons: Lessons) -> npt.NDArray[np.bool_]:
    """Which events came before, by the highest source offset per partition; moves the marks.

    The Flink job writes the events of a source partition in order, so what lies at or below the mark was
    written before: by a transaction that was aborted, or before a recovery.
    """
    found = np.zeros(len(lessons), dtype=np.bool_)
    lanes = np.unique(np.stack([lessons.partition, lessons.source_partition], axis=1), axis=0)
    for partition, source in lanes.tolist():
        mine = (lessons.partition == partition) & (lessons.source_partition == source)
        of_partition = marks.setdefault(partition, {})
        offsets = lessons.source_offset[mine]
        highest = np.maximum.accumulate(np.concatenate([[of_partition.get(source, -1)], offsets]))
        found[mine] = offsets <= highest[:-1]
        of_partition[source] = int(highest[-1])
    return found


def share_of(name: str, heavy_share: float) -> float:
    """The share of events that a model takes."""
    return heavy_share if is_heavy(name) else 1.0


def moment(microseconds: int) -> datetime:
    """Microseconds since 1970 as a moment, UTC."""
    return _EPOCH + timedelta(microseconds=int(microseconds))


def microseconds_of(time: datetime | None) -> int:
    """A moment as microseconds since 1970; the beginning of time when there is none."""
    return BEGINNING if time is None else (time - _EPOCH) // timedelta(microseconds=1)
