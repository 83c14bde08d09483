"""The decisive one: however cut, stopped anywhere and resumed, a learner ends where a steady one ends."""

from __future__ import annotations

import random

import numpy as np
import pytest

from core.applications import APPLICATIONS
from core.declaration import Application
from learners.learner import Learner, Step, moment
from learners.lessons import Lessons, Reader
from models.roster import is_heavy
from tests.learners.lives import COUNT, SHARE, Answers, feed, mixed, resumed, same, state, stream
from tests.learners.planted import Spy, having, plant
from tests.learners.streams import (
    Message,
    batch,
    columns,
    cut,
    lessons,
    messages,
    step_seconds,
)

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=lambda one: one.name)


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)


@EVERY
def test_batches_cut_anywhere_give_the_very_same_bytes(application: Application) -> None:
    application = mixed(application)
    some, rng = stream(application), random.Random(3)
    steady, other = Learner.fresh(application, SHARE), Learner.fresh(application, SHARE)
    expected = feed(steady, cut(some, range(500, COUNT, 500)))
    edges = [rng.randrange(COUNT) for _ in range(60)] + list(range(900, 960))
    assert same(feed(other, cut(some, edges)), expected)
    assert state(other) == state(steady)
    drifter = steady.entrants["drifter"]
    assert 0 < drifter.scores.scored <= drifter.scores.labels or not application.label


@EVERY
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_equals_never_stopped(application: Application, seed: int) -> None:
    application = mixed(application)
    log, rng = stream(application), random.Random(seed)
    steady = Learner.fresh(application, SHARE)
    expected = feed(steady, cut(log, range(400, COUNT, 400)))

    learner, at, given = Learner.fresh(application, SHARE), 0, Answers()
    while at < COUNT:
        # Runs on for a while after the snapshot, then is lost with all it learned since.
        until = min(COUNT, at + rng.randrange(1, 700))
        given |= feed(learner, cut(log.take(np.arange(at, until)), [rng.randrange(700)]))
        saved, at = state(learner), until
        doomed = feed(learner, [log.take(np.arange(until, min(COUNT, until + rng.randrange(300))))])
        assert same(doomed, {event_id: expected[event_id] for event_id in doomed})
        learner = resumed(application, saved, log, rng)

    assert same(given, expected)
    assert state(learner) == state(steady)


@EVERY
def test_the_declared_roster_does_the_same(application: Application) -> None:
    """Whatever recipes it has, the slow ones among them: fewer events."""
    log = stream(application, 300)
    steady = Learner.fresh(application, SHARE)
    expected = feed(steady, [log])
    learner = Learner.fresh(application, SHARE)
    given = feed(learner, cut(log.take(np.arange(200)), [1, 2, 120]))
    learner = resumed(application, state(learner), log)
    given |= feed(learner, [log.take(np.arange(200, 300))])
    assert same(given, expected)
    assert state(learner) == state(steady)


@EVERY
def test_no_event_is_taught_twice_or_skipped(application: Application) -> None:
    application, taught = mixed(application), list[str]()
    log = stream(application, 1500)
    learner = Learner.fresh(application, SHARE)
    for some in cut(log, range(250, 1500, 250)):
        taught += learner.step(some).judged.event_id.tolist()
        learner = resumed(application, state(learner), log)
    waiting = learner.awaiting.event_id[learner.awaiting.rows].tolist()
    assert len(taught) == learner.taught
    assert len(waiting) == len(learner.awaiting)
    assert sorted(taught + waiting) == sorted(log.event_id)


@EVERY
@pytest.mark.parametrize("edges", [[], [1, 2, 3, 250, 251], range(1, 600)], ids=["one", "some", "each"])
def test_no_model_sees_a_label_before_its_time(application: Application, edges: list[int]) -> None:
    application = having(application, application.online[0], "spy")
    log, plain = stream(application, 600), lessons(application, 600, step_seconds(application))
    Spy.send(application, {one.event_id: one.due for one in plain})
    learner = Learner.fresh(application, SHARE)
    feed(learner, cut(log, edges))
    assert learner.failures == 0, learner.entrants["spy"].last_error
    assert Spy.asked == log.event_id.tolist()
    # None is held back longer than needed either.
    last = plain[-1].time
    assert Spy.taught
    assert sorted(Spy.taught) == sorted(one.event_id for one in plain if one.due <= last)


def test_the_spy_would_have_told() -> None:
    application = having(APPLICATIONS["tfd"], "spy")
    one = lessons(application, 1)[0]
    Spy.send(application, {one.event_id: one.due})
    spy = Spy.build(application)
    with pytest.raises(AssertionError, match="before it was asked"):
        spy.learn_one(one.x, one.truth)
    spy.predict_one(one.x)
    with pytest.raises(AssertionError, match="before its time"):
        spy.learn_one(one.x, one.truth)


@EVERY
def test_an_untrained_model_gives_no_answer_and_is_not_scored(application: Application) -> None:
    learner = Learner.fresh(application, SHARE)
    step = learner.step(batch(application, 1))
    assert np.isnan(step.answers).all()
    assert learner.asked == 1
    assert set(learner.champion.scores.values().values()) <= {None, 0.0}
    assert learner.champion.scores.scored == 0


@EVERY
def test_a_step_tells_the_answers_that_were_given(application: Application) -> None:
    application = having(application, "drifter", "naive_drifter")
    log = stream(application, 800)
    learner = Learner.fresh(application, SHARE)
    steps = [learner.step(one) for one in cut(log, range(100, 800, 100))]
    asked = {
        event_id: answer
        for step in steps
        for event_id, answer in zip(step.lessons.event_id, step.answers.tolist(), strict=True)
    }
    assert len(asked) == 800
    judged = [one for step in steps for one in names_and_answers(step)]
    assert judged
    for event_id, answer in judged:
        np.testing.assert_equal(answer, asked[event_id])
    assert {step.champion for step in steps} == {"drifter"}
    assert learner.naive is learner.entrants["naive_drifter"]


def names_and_answers(step: Step) -> list[tuple[str, float]]:
    assert {len(one) for one in step.judged} == {len(step.judged.truth)}
    return list(zip(step.judged.event_id, step.judged.answers.tolist(), strict=True))


def again(reader: Reader, log: list[Message], shift: int) -> Lessons:
    return columns(reader, [(p, offset + shift, value) for p, offset, value in log])


def test_repeats_are_passed_over_and_counted() -> None:
    application = mixed(APPLICATIONS["tfd"])
    log = list(messages(APPLICATIONS["tfd"], 300))
    learner = Learner.fresh(application, SHARE)
    reader = learner.reader
    learner.step(columns(reader, log))
    before = state(learner)[1].models
    ends = {p: max(o for q, o, _ in log if q == p) for p in range(3)}
    # The last of each partition come again, as after an aborted transaction.
    tail = [m for m in log if m[1] > ends[m[0]] - 20]
    step = learner.step(again(reader, tail, 1000))
    assert len(step.lessons) == len(step.answers) == len(step.judged.truth) == 0
    assert learner.repeats == len(tail)
    assert state(learner)[1].models == before
    assert learner.asked == 300
    assert learner.next_offsets == {p: ends[p] + 1001 for p in range(3)}


def test_repeats_within_one_batch() -> None:
    application = mixed(APPLICATIONS["tfd"])
    log = list(messages(APPLICATIONS["tfd"], 300))
    steady, learner = Learner.fresh(application, SHARE), Learner.fresh(application, SHARE)
    steady.step(columns(steady.reader, log))
    reader = learner.reader
    learner.step(
        Lessons.joined(
            [again(reader, log[:200], 0), again(reader, log[150:200], 500), again(reader, log[190:], 600)]
        )
    )
    assert learner.repeats == 60
    assert state(learner)[1].models == state(steady)[1].models


def test_failing_models_do_not_end_the_stream() -> None:
    application = APPLICATIONS["tfd"]
    names = ("failing", "failing_columns", application.online[0])
    learner = Learner.fresh(having(application, *names), SHARE)
    log = stream(application, 400)
    steps = [learner.step(one) for one in cut(log, range(50, 400, 50))]
    answers = np.concatenate([step.answers for step in steps])
    assert learner.asked == 400
    assert np.isnan(answers).sum() == 133
    assert learner.entrants["failing"].failures > 133
    assert learner.entrants["failing_columns"].failures == 4
    assert learner.failures == sum(one.failures for one in learner.entrants.values())
    alone = Learner.fresh(having(application, application.online[0]), SHARE)
    alone.step(log)
    own = application.online[0]
    assert learner.entrants[own].model.to_bytes() == alone.entrants[own].model.to_bytes()


def test_events_passed_over_are_counted() -> None:
    application = APPLICATIONS["tfd"]
    learner = Learner.fresh(application, SHARE)
    learner.pass_over(1, 7, ValueError("bad"))
    assert learner.failures == 1
    assert learner.last_error == "event passed over: partition 1, offset 7: bad"


def test_the_clock_never_goes_back() -> None:
    application = APPLICATIONS["tfd"]
    log, plain = batch(application, 50), lessons(application, 50)
    learner = Learner.fresh(application, SHARE)
    assert learner.clock is None
    learner.step(log.take(np.array([*range(20), *range(30, 50)])))
    learner.step(log.take(np.arange(20, 30)))
    assert learner.clock == plain[-1].time
    # The late ones are taught at once where their label is known by now.
    due = learner.awaiting.due[learner.awaiting.rows]
    assert len(due)
    assert all(moment(one) > plain[-1].time for one in due)


def test_heavy_models_take_a_share() -> None:
    application = mixed(APPLICATIONS["tfd"])
    learner = Learner.fresh(application, SHARE)
    learner.step(stream(application))
    shares = {name: one.share for name, one in learner.entrants.items()}
    assert shares == {name: SHARE if is_heavy(name) else 1.0 for name in application.online}
    assert shares["heavy_drifter"] == SHARE
    counts = {name: one.scores.labels for name, one in learner.entrants.items()}
    assert counts["drifter"] == learner.taught
    assert 0.15 < counts["heavy_drifter"] / learner.taught < 0.25


# Who is champion.


def scored(learner: Learner, monkeypatch: pytest.MonkeyPatch, *values: float) -> None:
    """Gives the models these rolling scores, whatever they answered."""
    scores = dict(zip(learner.entrants, values, strict=True))
    for name, one in learner.entrants.items():
        monkeypatch.setattr(type(one), "rolling_score", property(lambda self: scores[self.name]))
        assert one.name == name


def test_the_better_challenger_answers_from_the_next_batch_on(monkeypatch: pytest.MonkeyPatch) -> None:
    application = having(APPLICATIONS["tfd"], "drifter", "columnar_drifter", "naive_drifter")
    log = stream(application, 2000)
    learner = Learner.fresh(application, SHARE)
    scored(learner, monkeypatch, 1.0, 0.5, 0.1)  # an error: less is better
    steps = [learner.step(one) for one in cut(log, range(100, 2000, 100))]
    promoted = [step for step in steps if step.promotion]
    assert len(promoted) == 1
    step = promoted[0]
    assert step.promotion is not None
    assert (step.promotion.before, step.promotion.after) == ("drifter", "columnar_drifter")
    at = next(n for n, one in enumerate(steps) if one.promotion)
    assert [one.champion for one in steps] == ["drifter"] * (at + 1) + ["columnar_drifter"] * (
        len(steps) - at - 1
    )
    header, _ = state(learner)
    assert header.model == "columnar_drifter"
    back = resumed(application, state(learner), log)
    assert back.champion.name == "columnar_drifter"
    assert back.contest.history == [step.promotion]


def test_segments_are_for_a_person_to_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learners.contest.LEAST_LABELS", 0)
    application = next(one for one in APPLICATIONS.values() if not one.label)
    learner = Learner.fresh(having(application, "drifter", "columnar_drifter", "naive_drifter"), SHARE)
    scored(learner, monkeypatch, 0.1, 0.5, 0.9)
    learner.step(stream(application))
    assert learner.champion.name == "drifter"
