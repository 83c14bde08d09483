"""Learners that live, are stopped and go on: what the tests of learner and memory share."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import numpy as np

from core.declaration import Application
from core.snapshots import Header, Payload
from learners import memory
from learners.learner import Learner
from learners.lessons import Lessons
from tests.learners.planted import having
from tests.learners.streams import batch, cut, step_seconds

NOW = datetime(2026, 11, 21, tzinfo=UTC)
COUNT = 1600
SHARE = 0.2

Saved = tuple[Header, Payload]
Answers = dict[str, tuple[float, float]]
"""Event -> answer and threshold of those that were answered."""


def mixed(application: Application) -> Application:
    """Its own champion, and challengers of every kind."""
    own = application.online[0]
    return having(application, own, "drifter", "columnar_drifter", "heavy_drifter", "naive_drifter")


def stream(application: Application, count: int = COUNT, some_bare: bool = True) -> Lessons:
    """As a learner meets it; the features of most events are known."""
    made = batch(application, count, step_seconds(application))
    if made.windowed.shape[1]:
        known = np.random.default_rng(1).random(count) < (0.7 if some_bare else 1.0)
        made.windowed[known] = (np.arange(count)[known] % 9 / 10)[:, None]
    return made


def state(learner: Learner) -> Saved:
    return memory.snapshot(learner, NOW, "run")


def feed(learner: Learner, batches: list[Lessons]) -> Answers:
    found: Answers = {}
    for one in batches:
        step = learner.step(one)
        told = zip(step.lessons.event_id, step.answers.tolist(), step.served.tolist(), strict=True)
        found |= {event_id: (answer, served) for event_id, answer, served in told}
    return found


def same(one: Answers, other: Answers) -> bool:
    return repr(sorted(one.items())) == repr(sorted(other.items()))


def resumed(
    application: Application, saved: Saved, log: Lessons, rng: random.Random | None = None
) -> Learner:
    """As after a kill: from the bytes alone, and the events from the taught offsets on, in any batches."""
    header, payload = saved
    learner = memory.resumed(application, header, payload, SHARE)
    partitions = log.partition.tolist()
    begin = np.array([header.taught_offsets.get(p, 0) for p in partitions])
    end = np.array([header.asked_offsets.get(p, 0) for p in partitions])
    again = log.take(np.flatnonzero((begin <= log.offset) & (log.offset < end)))
    edges = [] if rng is None else [rng.randrange(len(again) + 1) for _ in range(3)]
    for some in cut(again, edges) if len(again) else []:
        waited, _ = learner.waited(some)
        learner.take_back(waited)
    assert learner.taken_back() == 0
    return learner
