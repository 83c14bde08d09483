"""The decisive one: stopped anywhere and resumed, a learner ends where one ends that never stopped."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest

from core.applications import APPLICATIONS
from core.declaration import Application
from core.snapshots import Header, Payload
from learners.learner import Learner
from learners.lessons import Lesson, Reader
from models import build
from models.base import Row
from tests.learners.streams import Message, lessons, messages

NOW = datetime(2026, 11, 21, tzinfo=UTC)

# The delays of the labels must reach over many events, or nothing would be awaited when it is stopped.
STEPS = {"tfd": 5.0, "eta": 20.0, "ecci": 5.0}
COUNT = 4000

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=lambda one: one.name)


def step_seconds(application: Application) -> float:
    return STEPS.get(application.name, 20.0)


def fresh(application: Application) -> Learner:
    return Learner(application, application.online[0], build(application))


def state(learner: Learner) -> tuple[Header, Payload]:
    return learner.snapshot(NOW, "run")


def answers(learner: Learner, some: list[Lesson]) -> dict[str, Any]:
    found = {}
    for one in some:
        step = learner.step(one)
        if step is not None:
            found[one.event_id] = step.answer
    return found


def resumed(application: Application, saved: tuple[Header, Payload], log: tuple[Message, ...]) -> Learner:
    """As after a kill: from the bytes alone, and the messages from the taught offsets on."""
    header, payload = saved
    learner = Learner.resume(application, header, payload)
    read = Reader(application)
    for partition, offset, value in log:
        if header.taught_offsets.get(partition, 0) <= offset < header.asked_offsets.get(partition, 0):
            learner.take_back(read(partition, offset, value))
    assert learner.taken_back() == 0
    return learner


@EVERY
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_equals_never_stopped(application: Application, seed: int) -> None:
    step = step_seconds(application)
    log, stream = messages(application, COUNT, step), lessons(application, COUNT, step)
    steady = fresh(application)
    expected = answers(steady, stream)

    rng = random.Random(seed)
    learner, saved, at = fresh(application), None, 0
    given: dict[str, Any] = {}
    while at < COUNT:
        # Runs on for a while after the snapshot, then is lost with all it learned since.
        until = min(COUNT, at + rng.randrange(1, 900))
        given |= answers(learner, stream[at:until])
        saved, at = state(learner), until
        doomed = answers(learner, stream[until : until + rng.randrange(300)])
        assert all(doomed[event_id] == expected[event_id] for event_id in doomed)
        learner = resumed(application, saved, log)

    assert given == expected
    assert state(learner)[1].model == state(steady)[1].model
    assert learner.scores.to_bytes() == steady.scores.to_bytes()
    assert state(learner)[0] == state(steady)[0]
    assert sorted(one.event_id for one in learner.pending) == sorted(one.event_id for one in steady.pending)


@EVERY
def test_no_event_is_taught_twice_or_skipped(application: Application) -> None:
    step = step_seconds(application)
    log, stream = messages(application, 1500, step), lessons(application, 1500, step)
    taught: list[str] = []
    learner = fresh(application)
    for start in range(0, 1500, 250):
        for one in stream[start : start + 250]:
            found = learner.step(one)
            assert found is not None
            taught += [awaiting.event_id for awaiting in found.taught]
        learner = resumed(application, state(learner), log)
    waiting = [one.event_id for one in learner.pending]
    assert len(taught) == learner.taught
    assert sorted(taught + waiting) == sorted(one.event_id for one in stream)


class Spy:
    """Stands for a model, and notes at which clock it was asked and taught which event."""

    trained = True

    def __init__(self, application: Application) -> None:
        self.identifier = application.identifier.name
        self.asked: list[str] = []
        self.taught: dict[str, datetime] = {}
        self.now = datetime.min.replace(tzinfo=UTC)
        self.seen: list[Row] = []

    def learn_one(self, x: Row, y: Any) -> None:
        self.taught[x[self.identifier]] = self.now

    def predict_one(self, x: Row) -> Any:
        assert x[self.identifier] not in self.taught
        self.asked.append(x[self.identifier])
        self.seen.append(dict(x))
        return 1

    def predict_proba_one(self, x: Row) -> dict[bool, float]:
        self.predict_one(x)
        return {True: 0.25, False: 0.75}

    def to_bytes(self) -> bytes:
        return b""

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        raise NotImplementedError


@EVERY
def test_no_model_sees_a_label_before_its_time(application: Application) -> None:
    stream = lessons(application, 600, step_seconds(application))
    spy = Spy(application)
    learner = Learner(application, application.online[0], spy)
    for one in stream:
        spy.now = max(spy.now, one.time)
        learner.step(one)
    assert spy.asked == [one.event_id for one in stream]
    due = {one.event_id: one.due for one in stream}
    assert spy.taught
    assert all(at >= due[event_id] for event_id, at in spy.taught.items())
    # None is held back longer than needed either.
    last = stream[-1].time
    assert set(spy.taught) == {event_id for event_id, known in due.items() if known <= last}
    assert all(application.label not in x for x in spy.seen)


@EVERY
def test_an_untrained_model_gives_no_answer_and_is_not_scored(application: Application) -> None:
    learner = fresh(application)
    found = learner.step(lessons(application, 1)[0])
    assert found is not None
    assert found.answer is None
    assert learner.asked == 1
    assert set(learner.scores.values().values()) == {None}


def test_repeats_are_passed_over_and_counted() -> None:
    application = APPLICATIONS["tfd"]
    log = messages(application, 300)
    learner, read = fresh(application), Reader(application)
    ends = {p: max(o for q, o, _ in log if q == p) for p in range(3)}
    for message in log:
        learner.step(read(*message))
    before = learner.model.to_bytes()
    # The last of each partition come again, as after an aborted transaction, then one that is new.
    again = [m for m in log if m[1] > ends[m[0]] - 20]
    for n, (partition, _, value) in enumerate(again):
        assert learner.step(read(partition, ends[partition] + 1 + n, value)) is None
    assert learner.repeats == len(again)
    assert learner.model.to_bytes() == before
    assert learner.asked == 300


def test_repeats_between_the_offsets_are_not_taken_back() -> None:
    application = APPLICATIONS["tfd"]
    log = list(messages(application, 200, 5.0))
    doubled: list[Message] = []
    offsets = [0, 0, 0]
    for n, (partition, _, value) in enumerate(log):
        for _ in range(2 if n % 5 == 0 else 1):
            doubled.append((partition, offsets[partition], value))
            offsets[partition] += 1
    read, learner = Reader(application), fresh(application)
    for message in doubled:
        learner.step(read(*message))
    assert learner.repeats == 40
    back = resumed(application, state(learner), tuple(doubled))
    assert len(back.pending) == len(learner.pending) > 0
    assert state(back) == state(learner)


class Failing(Spy):
    """Fails on every third event."""

    def predict_one(self, x: Row) -> Any:
        super().predict_one(x)
        if len(self.asked) % 3 == 0:
            raise ZeroDivisionError("asked too much")
        return 1

    def learn_one(self, x: Row, y: Any) -> None:
        if len(self.asked) % 5 == 0:
            raise ZeroDivisionError("taught too much")


def test_a_failing_model_does_not_end_the_stream() -> None:
    application = APPLICATIONS["tfd"]
    learner = Learner(application, "token_stack", Failing(application))
    stream = lessons(application, 300)
    found = [learner.step(one) for one in stream]
    assert learner.asked == 300
    assert sum(one is not None and one.answer is None for one in found) == 100
    assert learner.failures > 100
    assert "partition" in learner.last_error


def test_the_clock_never_goes_back() -> None:
    application = APPLICATIONS["tfd"]
    stream = lessons(application, 50)
    learner = fresh(application)
    for one in [*stream[:20], *stream[30:], *stream[20:30]]:
        learner.step(one)
    assert learner.clock == stream[-1].time
    # The late ones are taught at once where their label is known by now.
    assert all(one.due > stream[-1].time for one in learner.pending)


def test_taught_offsets_are_the_oldest_awaited() -> None:
    application = APPLICATIONS["tfd"]
    learner = fresh(application)
    stream = lessons(application, 400, 5.0)
    for one in stream:
        learner.step(one)
    header, _ = state(learner)
    delay = application.label_delay
    assert isinstance(delay, timedelta)
    for partition in range(3):
        waiting = [o.offset for o in stream if o.partition == partition and o.time + delay > stream[-1].time]
        assert header.taught_offsets[partition] == min(waiting)
        assert (
            header.asked_offsets[partition] == max(o.offset for o in stream if o.partition == partition) + 1
        )
