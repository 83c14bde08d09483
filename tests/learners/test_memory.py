"""What a snapshot holds, and a learner that goes on from it when its surroundings have changed."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from core.applications import APPLICATIONS
from core.declaration import Application
from core.features import features
from learners import memory
from learners.learner import Learner
from learners.lessons import Lessons
from models.base import BadModel
from tests.learners.lives import COUNT, SHARE, Saved, feed, mixed, resumed, state, stream
from tests.learners.planted import Drifter, having, plant
from tests.learners.streams import Message, batch, columns, lessons, messages, step_seconds

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=lambda one: one.name)


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)


@EVERY
def test_features_missing_then_are_missing_when_taken_back(application: Application) -> None:
    if not features(application):
        pytest.skip("remembers nothing")
    application = mixed(application)
    log = stream(application)
    half, rest = (log.take(np.arange(a, b)) for a, b in pairwise([0, 1000, COUNT]))
    steady, learner = Learner.fresh(application, SHARE), Learner.fresh(application, SHARE)
    feed(steady, [half, rest])
    feed(learner, [half])
    assert 0 < learner.without_features == int(np.isnan(half.windowed[:, 0]).sum())
    # By now the features of all are there.
    late = log.take(np.arange(COUNT))
    late.windowed[np.isnan(late.windowed)] = 0.77
    back = resumed(application, state(learner), late)
    waits = back.awaiting.bare[back.awaiting.rows]
    assert (0 < waits.sum() < len(waits)) or not application.label
    feed(back, [rest])
    assert state(back) == state(steady)


def test_what_was_counted_goes_on() -> None:
    application = having(APPLICATIONS["tfd"], "drifter", "failing")
    learner, log = Learner.fresh(application, SHARE), stream(application, 300)
    learner.step(log)
    learner.step(log.take(np.arange(290, 300)))
    learner.pass_over(1, 7, ValueError("bad"))
    assert (learner.repeats, learner.passed_over) == (10, 1)
    assert learner.failures == 1 + learner.entrants["failing"].failures > 50
    back = memory.resumed(application, *state(learner), SHARE)
    for name in ("asked", "taught", "repeats", "passed_over", "failures", "without_features", "clock"):
        assert getattr(back, name) == getattr(learner, name), name
    assert back.without_features > 0


def test_who_waited_bare_is_told() -> None:
    application = mixed(APPLICATIONS["tfd"])
    log = stream(application, 300)
    learner = Learner.fresh(application, SHARE)
    feed(learner, [log])
    back = memory.resumed(application, *state(learner), SHARE)
    waited, without = back.waited(log)
    assert waited.event_id.tolist() == learner.awaiting.event_id[learner.awaiting.rows].tolist()
    np.testing.assert_array_equal(without, np.isnan(waited.windowed).all(axis=1))
    assert 0 < without.sum() < len(without)
    back.take_back(waited.take(np.arange(5, len(waited))))
    assert back.taken_back() == 5, "what the log no longer holds is dropped and counted"
    assert len(back.awaiting) == len(waited) - 5


def test_taught_offsets_are_the_oldest_awaited() -> None:
    application = APPLICATIONS["tfd"]
    learner, plain = Learner.fresh(application, SHARE), lessons(application, 400, 5.0)
    learner.step(batch(application, 400, 5.0))
    header, _ = state(learner)
    delay = application.label_delay
    assert isinstance(delay, timedelta)
    for partition in range(3):
        waiting = [o.offset for o in plain if o.partition == partition and o.time + delay > plain[-1].time]
        assert header.taught_offsets[partition] == min(waiting)
        assert header.asked_offsets[partition] == max(o.offset for o in plain if o.partition == partition) + 1


def test_from_when_on_features_are_of_use() -> None:
    application = APPLICATIONS["tfd"]
    learner = Learner.fresh(application, SHARE)
    assert learner.features_since_ms() == 0
    log = batch(application, 400, 5.0)
    learner.step(log)
    newest = [int(log.sent[log.partition == p].max()) for p in range(3)]
    assert learner.features_since_ms() == min(newest)
    back = memory.resumed(application, *state(learner), SHARE)
    waiting = learner.awaiting.sent[learner.awaiting.rows]
    assert back.features_since_ms() == waiting.min() < min(newest)


def test_a_replaced_partition_is_forgotten() -> None:
    application = APPLICATIONS["tfd"]
    learner = Learner.fresh(application, SHARE)
    log = batch(application, 200, 5.0)
    learner.step(log)
    back = memory.resumed(application, *state(learner), SHARE)
    back.forget_partition(1)
    waited, _ = back.waited(log)
    assert 1 not in waited.partition
    back.take_back(waited)
    assert back.taken_back() == 0
    back.step(log.take(np.flatnonzero(log.partition == 1)))
    assert back.repeats == 0


def lived(application: Application, *online: str) -> tuple[Saved, Lessons]:
    log = stream(application, 600)
    learner = Learner.fresh(having(application, *online), SHARE)
    learner.step(log)
    return state(learner), log


def test_a_model_added_to_the_declaration_begins_there() -> None:
    application = APPLICATIONS["tfd"]
    saved, log = lived(application, "drifter")
    learner = resumed(having(application, "columnar_drifter", "drifter"), saved, log)
    assert learner.champion.name == "drifter", "it stays who it was"
    assert learner.champion.model.to_bytes() == saved[1].models["drifter"]
    new = learner.entrants["columnar_drifter"]
    assert (new.model.trained, new.scores.labels) == (False, 0)
    more = batch(application, 900, step_seconds(application)).take(np.arange(600, 900))
    learner.step(more)
    # It learns from what was asked before it came, but has no answers to be scored on.
    assert new.model.trained
    assert new.scores.labels == learner.taught - saved[0].taught
    assert new.scores.scored < learner.champion.scores.scored


def test_a_model_taken_from_the_declaration_is_gone() -> None:
    application = APPLICATIONS["tfd"]
    saved, log = lived(application, "drifter", "columnar_drifter")
    learner = resumed(having(application, "drifter"), saved, log)
    assert list(learner.entrants) == ["drifter"]
    assert state(learner)[1].models == {"drifter": saved[1].models["drifter"]}


def other_version(saved: Saved, name: str) -> Saved:
    saved[1].models[name] = saved[1].models[name].replace(Drifter.TAG.encode(), b"drafter")
    return saved


def test_a_challenger_of_another_version_begins_anew() -> None:
    application = having(APPLICATIONS["tfd"], "drifter", "columnar_drifter")
    saved, log = lived(application, *application.online)
    learner = resumed(application, other_version(saved, "columnar_drifter"), log)
    anew, stays = learner.entrants["columnar_drifter"], learner.entrants["drifter"]
    assert (anew.model.trained, anew.scores.labels) == (False, 0)
    assert stays.scores.labels > 0
    # What its former self answered is not scored as its own.
    rows = learner.awaiting.rows
    assert len(rows)
    assert np.isnan(anew.told(rows).answers).all()
    assert np.isfinite(stays.told(rows).answers).all()


def test_a_champion_of_another_version_can_not_go_on() -> None:
    application = having(APPLICATIONS["tfd"], "drifter", "columnar_drifter")
    saved, _ = lived(application, *application.online)
    with pytest.raises(BadModel, match="the champion 'drifter' can't go on"):
        memory.resumed(application, *other_version(saved, "drifter"), SHARE)


def test_a_person_s_word_survives_a_restart() -> None:
    application = having(APPLICATIONS["tfd"], "drifter", "columnar_drifter")
    log = stream(application, 600)
    learner = Learner.fresh(application, SHARE)
    learner.step(log)
    learner.contest.appoint("columnar_drifter", learner.taught, learner.clock)
    back = resumed(application, state(learner), log)
    assert (back.champion.name, back.contest.pinned) == ("columnar_drifter", True)
    assert [one.reason for one in back.contest.history] == ["by hand"]
    assert state(back) == state(learner)


def test_answers_of_the_champion_are_those_of_its_model() -> None:
    """Who asks the restored model hears what the learner said."""
    application = having(APPLICATIONS["tfd"], "drifter")
    log = stream(application, 500)
    learner = Learner.fresh(application, SHARE)
    learner.step(log.take(np.arange(499)))
    restored: Any = Drifter.from_bytes(state(learner)[1].models["drifter"])
    last = log.take(np.array([499]))
    x = learner.reader.row(last.payload[0], last.windowed[0])
    assert learner.step(last).answers[0] == restored.predict_proba_one(x)[True]


def test_repeats_between_the_offsets_are_not_taken_back() -> None:
    application = APPLICATIONS["tfd"]
    doubled: list[Message] = []
    offsets = [0, 0, 0]
    for n, (partition, _, value) in enumerate(messages(application, 200, 5.0)):
        for _ in range(2 if n % 5 == 0 else 1):
            doubled.append((partition, offsets[partition], value))
            offsets[partition] += 1
    learner = Learner.fresh(application, SHARE)
    log = columns(learner.reader, doubled)
    learner.step(log)
    assert learner.repeats == 40
    back = resumed(application, state(learner), log)
    assert len(back.awaiting) == len(learner.awaiting) > 0
    assert state(back) == state(learner)
