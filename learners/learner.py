"""The learner without its surroundings: asks, waits, teaches, scores, and can be stopped anywhere.

    lesson -> ask the model -> let it wait -> (clock reaches the due time) -> score the answer, teach

Nothing here reads a clock or a network: the same lessons in the same order give the same bytes. A snapshot
between two lessons holds all that is needed to go on: model, scores, and for the awaited labels the offsets
and the answers given. The events themselves are read again from the topic (`take_back`), not asked again.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from datetime import datetime
from math import isnan, nan
from typing import Any, NamedTuple, Self, cast

import msgspec
import structlog

from core.declaration import Application, Classification, Regression
from core.records import Answer, Segment
from core.snapshots import Header, Payload, schema_hash
from learners import scores as scoring
from learners.labels import BEGINNING, Awaiting, Pending, Told
from learners.lessons import Lesson
from models import OnlineModel, answer, restore
from models.base import Segmenting

log = structlog.get_logger("millrace.learner")


class Step(NamedTuple):
    """What came of one lesson: the answer (None of an untrained or failing model), labels now known."""

    answer: Answer | None
    threshold: float | None
    taught: list[Awaiting]


class _Answers(msgspec.Struct, array_like=True):
    """The answers that await their label, of one partition, as flat arrays; NaN is None."""

    offsets: bytes
    values: bytes
    probabilities: bytes
    naive: bytes


class _LoopState(msgspec.Struct, array_like=True, tag="loop.1"):
    scores: bytes
    marks: dict[int, dict[int, int]]
    answers: dict[int, _Answers]
    repeats: int
    failures: int


class Learner:
    """Teaches one model with the lessons of one application."""

    def __init__(self, application: Application, name: str, model: OnlineModel) -> None:
        self.application = application
        self.name = name
        self.model = model
        self.scores = scoring.build(application)
        self.pending = Pending()
        self.next_offsets: dict[int, int] = {}
        """Partition -> the offset after the last lesson that was asked about, or was a repeat."""
        self.asked = 0
        self.taught = 0
        self.repeats = 0
        self.failures = 0
        self.last_error = ""
        self._marks: dict[int, dict[int, int]] = {}
        self._answers: dict[int, dict[int, Told]] = {}
        self._seen_again: dict[int, dict[int, int]] = {}
        self._segmenting = cast(Segmenting, model) if isinstance(model, Segmenting) else None

    @property
    def clock(self) -> datetime | None:
        """The largest event time that was reached."""
        return None if self.pending.clock == BEGINNING else self.pending.clock

    def segments(self) -> list[Segment]:
        """The segments of a clustering model; empty for others."""
        return self._segmenting.segments() if self._segmenting else []

    def step(self, lesson: Lesson) -> Step | None:
        """Asks about an event, then teaches every label that is known by its time; None of a repeat.

        A failing model is logged and counted, and the next lesson comes.
        """
        self.next_offsets[lesson.partition] = lesson.offset + 1
        if _repeated(self._marks, lesson):
            self.repeats += 1
            return None
        self.pending.reach(lesson.time)
        threshold = self.scores.threshold
        given, told = self._ask(lesson, threshold)
        self.asked += 1
        self._await(lesson, told)
        taught = list(self.pending.known())
        for awaiting in taught:
            self._teach(awaiting)
        return Step(given, threshold, taught)

    def pass_over(self, partition: int, offset: int, error: Exception) -> None:
        """Counts and logs a message that can't be a lesson; the lesson after it moves the offset past it."""
        self._failed("event passed over", partition, offset, error)

    def take_back(self, lesson: Lesson) -> None:
        """Lets an event wait again that was asked about before the snapshot: with the answer given then.

        Those due by the snapshot's clock were taught before it, and repeats are passed over again.
        """
        if _repeated(self._seen_again, lesson) or lesson.due <= self.pending.clock:
            return
        self._await(lesson, self._answers.get(lesson.partition, {}).pop(lesson.offset, None))

    def taken_back(self) -> int:
        """All that waited has been read again: answers without their event are dropped, and counted."""
        lost = sum(len(answers) for answers in self._answers.values())
        self._answers.clear()
        self._seen_again.clear()
        return lost

    def forget_partition(self, partition: int) -> None:
        """The log of a partition was replaced: its offsets, repeats and awaited answers mean nothing now."""
        self._marks.pop(partition, None)
        self._answers.pop(partition, None)

    def _ask(self, lesson: Lesson, threshold: float | None) -> tuple[Answer | None, Told | None]:
        if not self.model.trained:
            return None, None
        try:
            given = answer(self.application, self.model, lesson.x, threshold)
            return given, Told(given.value, given.probability, self.scores.naive_answer(lesson.x))
        except Exception as error:  # noqa: BLE001 - whatever a model raises, the stream goes on
            self._failed("the model could not answer", lesson.partition, lesson.offset, error)
            return None, None

    def _await(self, lesson: Lesson, told: Told | None) -> None:
        self.pending.add(
            Awaiting(
                due=lesson.due,
                partition=lesson.partition,
                offset=lesson.offset,
                event_id=lesson.event_id,
                entity=lesson.entity,
                time=lesson.time,
                x=lesson.x,
                truth=lesson.truth,
                told=told,
            )
        )

    def _teach(self, awaiting: Awaiting) -> None:
        self.taught += 1
        try:
            self.model.learn_one(awaiting.x, awaiting.truth)
            settled = self._segmenting.settled if self._segmenting else ()
            self.scores.add(awaiting.told, awaiting.truth, settled)
        except Exception as error:  # noqa: BLE001 - whatever a model raises, the stream goes on
            self._failed("the model could not learn", awaiting.partition, awaiting.offset, error)

    def _failed(self, what: str, partition: int, offset: int, error: Exception) -> None:
        self.failures += 1
        self.last_error = f"{what}: partition {partition}, offset {offset}: {error}"
        # One line for each of the first, then fewer: a model that always fails must not fill the disk.
        if self.failures & (self.failures - 1) == 0:
            log.error(what, partition=partition, offset=offset, failures=self.failures, exc_info=error)

    def snapshot(self, created: datetime, run_id: str) -> tuple[Header, Payload]:
        """All that is known, between two lessons; the version is for the one who stores it."""
        header = Header(
            application=self.application.name,
            model=self.name,
            version=0,
            schema=schema_hash(self.application),
            created=created,
            asked_offsets=dict(self.next_offsets),
            taught_offsets=self.next_offsets | self.pending.oldest(),
            asked=self.asked,
            taught=self.taught,
            clock=self.clock,
            run_id=run_id,
            scores=self.scores.values(),
            threshold=self.scores.threshold,
        )
        state = _LoopState(
            scores=self.scores.to_bytes(),
            marks=self._marks,
            answers=_packed(self.pending),
            repeats=self.repeats,
            failures=self.failures,
        )
        return header, Payload(model=self.model.to_bytes(), loop=msgspec.msgpack.encode(state))

    @classmethod
    def resume(cls, application: Application, header: Header, payload: Payload) -> Self:
        """The learner as it was; the awaited events must be taken back before the next lesson.

        Raises BadModel or msgspec.MsgspecError when the bytes are of another version of this code.
        """
        state = msgspec.msgpack.decode(payload.loop, type=_LoopState)
        learner = cls(application, header.model, restore(application, header.model, payload.model))
        learner.scores = scoring.restore(application, state.scores)
        learner.pending = Pending(header.clock or BEGINNING)
        learner.next_offsets = dict(header.asked_offsets)
        learner.asked, learner.taught = header.asked, header.taught
        learner.repeats, learner.failures = state.repeats, state.failures
        learner._marks = state.marks
        learner._answers = {p: _unpacked(application, packed) for p, packed in state.answers.items()}
        return learner


def _repeated(marks: dict[int, dict[int, int]], lesson: Lesson) -> bool:
    """Whether this event came before, by the highest source offset per partition; moves the mark if not.

    The Flink job writes the events of a source partition in order, so what lies at or below the mark was
    written before: by a transaction that was aborted, or before a recovery.
    """
    of_partition = marks.setdefault(lesson.partition, {})
    if lesson.source_offset <= of_partition.get(lesson.source_partition, -1):
        return True
    of_partition[lesson.source_partition] = lesson.source_offset
    return False


def _packed(pending: Iterable[Awaiting]) -> dict[int, _Answers]:
    columns: dict[int, tuple[array[int], array[float], array[float], array[float]]] = {}
    for one in sorted(pending, key=lambda awaiting: awaiting.offset):
        if one.told is None:
            continue
        if one.partition not in columns:
            columns[one.partition] = (array("q"), array("d"), array("d"), array("d"))
        offsets, values, probabilities, naive = columns[one.partition]
        offsets.append(one.offset)
        values.append(one.told.value)
        probabilities.append(nan if one.told.probability is None else one.told.probability)
        naive.append(nan if one.told.naive is None else one.told.naive)
    return {
        p: _Answers(*(column.tobytes() for column in of_partition)) for p, of_partition in columns.items()
    }


def _unpacked(application: Application, packed: _Answers) -> dict[int, Told]:
    kind: Any = {Classification: bool, Regression: float}.get(type(application.task), int)
    rows = zip(
        array("q", packed.offsets),
        array("d", packed.values),
        array("d", packed.probabilities),
        array("d", packed.naive),
        strict=True,
    )
    return {offset: Told(kind(value), _known(p), _known(naive)) for offset, value, p, naive in rows}


def _known(value: float) -> float | None:
    return None if isnan(value) else value
