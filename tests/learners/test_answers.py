"""What is told of a step: predictions to the broker, the newest answers and labels to the publisher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec
import numpy as np
import pytest

from core.applications import APPLICATIONS
from core.declaration import Application, Classification, Clustering
from core.names import Stream, topic
from core.records import Judged, Prediction
from learners.answers import Answers, Undelivered, answers_producer
from learners.learner import Judged as JudgedRows
from learners.learner import Learner, Step
from learners.publish import Publisher, Written
from tests.learners.lives import SHARE, stream
from tests.learners.planted import having, plant
from tests.learners.streams import Lesson, cut, lessons, step_seconds

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=lambda one: one.name)
COUNT = 400


class Producer:
    """Takes messages; may be full now and then."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, Prediction]] = []
        self.polls: list[float] = []
        self.full = 0
        self.callbacks: list[Any] = []

    def produce(self, to: str, value: bytes, key: str, on_delivery: Any) -> None:
        if self.full:
            self.full -= 1
            raise BufferError
        self.sent.append((to, key, msgspec.json.decode(value, type=Prediction)))
        self.callbacks.append(on_delivery)

    def poll(self, seconds: float) -> None:
        self.polls.append(seconds)

    def flush(self, seconds: float) -> int:
        return 0


class Notes:
    """Stands for the publisher."""

    version, recent, recent_truths = 4, 10, 40

    def __init__(self) -> None:
        self.answers: list[tuple[Prediction, dict[str, Any]]] = []
        self.truths: list[tuple[str, Any]] = []
        self.judged: list[Judged] = []

    def offer_answers(self, answers: Sequence[tuple[str, Written]]) -> None:
        for event_id, written in answers:
            prediction = msgspec.json.decode(written(), type=Prediction)
            assert prediction.event_id == event_id
            self.answers.append((prediction, msgspec.json.decode(written())["event"]))

    def offer_truths(self, truths: Sequence[tuple[str, Any]]) -> None:
        self.truths += truths

    def offer_judged(self, judged: Sequence[Written]) -> None:
        self.judged += [msgspec.json.decode(one(), type=Judged) for one in judged]


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)


def told(application: Application, edges: list[int]) -> tuple[Producer, Notes, list[Step]]:
    """A learner's whole stream, told."""
    application = having(application, "drifter")
    learner, producer, notes = Learner.fresh(application, SHARE), Producer(), Notes()
    answers = Answers(application, producer, cast(Publisher, notes))
    steps = []
    for some in cut(stream(application, COUNT), edges):
        steps.append(learner.step(some))
        answers.tell(steps[-1], learner.reader)
    return producer, notes, steps


def known(application: Application) -> dict[str, Lesson]:
    return {one.event_id: one for one in lessons(application, COUNT, step_seconds(application))}


@EVERY
def test_every_answer_is_a_prediction_and_no_other(application: Application) -> None:
    producer, _, steps = told(application, [100, 250])
    answered = [
        (event_id, answer)
        for step in steps
        for event_id, answer in zip(step.lessons.event_id, step.answers.tolist(), strict=True)
        if not np.isnan(answer)
    ]
    assert [one.event_id for _, _, one in producer.sent] == [event_id for event_id, _ in answered]
    events = known(application)
    for (to, key, one), (_, answer) in zip(producer.sent, answered, strict=True):
        event = events[one.event_id]
        assert (to, key) == (topic(application.name, Stream.PREDICTIONS), event.entity)
        assert (one.application, one.entity, one.event_time) == (application.name, event.entity, event.time)
        assert (one.model, one.version) == ("drifter", 4)
        if isinstance(application.task, Classification):
            assert one.probability == answer
            assert one.value is (answer >= (0.5 if one.threshold is None else one.threshold))
        else:
            assert (one.value, one.probability, one.threshold) == (answer, None, None)
            assert type(one.value) is int or not isinstance(application.task, Clustering)


@EVERY
def test_the_newest_of_each_step_are_shown_with_their_events(application: Application) -> None:
    producer, notes, _ = told(application, [390, 396])
    shown = [one.event_id for one, _ in notes.answers]
    sent = [one.event_id for _, _, one in producer.sent]
    assert shown == sent[-20:-10] + sent[-10:], "ten of the first step, six and four of the others"
    events = known(application)
    assert all(event == events[one.event_id].event for one, event in notes.answers)


@EVERY
def test_labels_that_became_known_are_told(application: Application) -> None:
    _, notes, steps = told(application, [100, 250])
    if not application.label:
        assert (notes.truths, notes.judged) == ([], [])
        return
    events = known(application)
    assert notes.truths == [
        (event_id, events[event_id].truth) for step in steps for event_id in step.judged.event_id[-40:]
    ]
    assert {type(truth) for _, truth in notes.truths} == {type(one.truth) for one in events.values()}
    given = {
        event_id: answer
        for step in steps
        for event_id, answer in zip(step.lessons.event_id, step.answers.tolist(), strict=True)
    }
    newest = [event_id for step in steps for event_id in step.judged.event_id[-10:]]
    assert [one.event_id for one in notes.judged] == [one for one in newest if not np.isnan(given[one])]
    for one in notes.judged:
        event = events[one.event_id]
        assert (one.truth, one.entity, one.event) == (event.truth, event.entity, event.event)
        assert (one.event_time, one.known_time) == (event.time, event.due)
        assert (one.value if one.probability is None else one.probability) == given[one.event_id]


def test_classes_are_told_at_the_threshold_served_then() -> None:
    application = having(APPLICATIONS["tfd"], "drifter")
    learner, producer, notes = Learner.fresh(application, SHARE), Producer(), Notes()
    some = stream(application, 4)
    answers, served = np.array([0.3, 0.3, 0.6, np.nan]), np.array([0.2, 0.4, np.nan, 0.2])
    judged = JudgedRows(
        some.event_id, some.entity, some.time, some.due, some.truth, some.payload, answers, served
    )
    step = Step(some, "drifter", answers, served, judged, None, [])
    Answers(application, producer, cast(Publisher, notes)).tell(step, learner.reader)
    assert [(one.value, one.threshold) for _, _, one in producer.sent] == [
        (True, 0.2),
        (False, 0.4),
        (True, None),
    ]
    assert [one.value for one in notes.judged] == [True, False, True]
    assert len(notes.truths) == 4


def test_a_full_producer_is_waited_for() -> None:
    application = having(APPLICATIONS["tfd"], "drifter")
    learner, producer = Learner.fresh(application, SHARE), Producer()
    answers = Answers(application, producer, cast(Publisher, Notes()))
    step = learner.step(stream(application, COUNT))
    producer.full = 3
    answers.tell(step, learner.reader)
    assert len(producer.polls) == 3
    assert len(producer.sent) == np.isfinite(step.answers).sum()


def test_a_lost_answer_is_no_secret() -> None:
    application = having(APPLICATIONS["tfd"], "drifter")
    learner, producer = Learner.fresh(application, SHARE), Producer()
    answers = Answers(application, producer, cast(Publisher, Notes()))
    answers.tell(learner.step(stream(application, COUNT)), learner.reader)
    producer.callbacks[0](None, None)
    answers.check()
    assert answers.delivered()
    producer.callbacks[1]("message timed out", None)
    with pytest.raises(Undelivered, match=r"tfd\.predictions: message timed out"):
        answers.check()
    with pytest.raises(Undelivered):
        answers.delivered()


def test_a_real_producer_tells_of_failures_and_of_nothing_else() -> None:
    application = having(APPLICATIONS["tfd"], "drifter")
    broker = {"test.mock.num.brokers": 1}
    reached, away = (
        answers_producer("127.0.0.1:1", "test", **one) for one in (broker, {"delivery.timeout.ms": 300})
    )
    for producer, fails in ((reached, False), (away, True)):
        learner = Learner.fresh(application, SHARE)
        answers, told = Answers(application, producer, cast(Publisher, Notes())), list[Any]()
        answers._delivered = lambda error, message, told=told: told.append(error)  # type: ignore[method-assign, misc]
        step = learner.step(stream(application, COUNT))
        answers.tell(step, learner.reader)
        assert producer.flush(10) == 0
        assert len(told) == (np.isfinite(step.answers).sum() if fails else 0)


def test_what_waits_is_not_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = Producer()
    answers = Answers(APPLICATIONS["tfd"], producer, cast(Publisher, Notes()))
    monkeypatch.setattr(producer, "flush", lambda seconds: 2)
    assert not answers.delivered()
