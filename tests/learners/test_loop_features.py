"""The loop with a topic of features beside the events: what is read again knows what it knew."""

from __future__ import annotations

import itertools
import random
import threading
from typing import Any, cast

import msgspec
import numpy as np
import pytest

from core.applications import APPLICATIONS
from core.features import features
from core.records import LearnerState
from core.settings import Learners
from learners import loop as loops
from learners import memory
from learners.learner import Learner
from learners.loop import Loop
from learners.publish import Publisher
from learners.remembered import Remembered
from learners.source import Found, Source
from learners.start import plan
from learners.tracking import Tracker
from tests.learners.in_memory import Broker, message
from tests.learners.lives import SHARE, Saved, state
from tests.learners.planted import having, plant
from tests.learners.streams import Message, columns, messages
from tests.learners.test_loop import FullNotes, Topic

BASE = APPLICATIONS["tfd"]
APPLICATION = having(BASE, "drifter", "columnar_drifter")
NAMES = [one.name for one in features(BASE)]
COUNT = 900


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)


def row(one: Message) -> Any:
    """The features of an event, as the job writes them: a number that its source tells."""
    source = msgspec.json.decode(one[2])
    place = {name: source[name] for name in ("source_partition", "source_offset")}
    return message(0, 0, msgspec.json.encode(place | dict.fromkeys(NAMES, place["source_offset"] % 9 / 10)))


class Two(Topic):
    """Features come so many messages behind their events, those of some events never."""

    at_once = 120

    def __init__(self, log: tuple[Message, ...], stop: threading.Event, stop_after: int, lost: int) -> None:
        super().__init__(log, 5, stop, stop_after)
        rng = random.Random(3)
        self.rows = [row(one) for n, one in enumerate(log, 1) if n % lost]
        rng.shuffle(self.rows)
        self.held: list[bool] = []

    def poll(self, most: int, timeout: float) -> Found:
        found = super().poll(most, timeout)
        some = [self.rows.pop() for _ in range(min(len(self.rows), self.at_once))]
        if some:
            self._stop.clear()
        return Found(found.messages, some, found.drained)

    def hold_features(self, held: bool) -> None:
        self.held.append(held)


def run(
    log: tuple[Message, ...],
    seconds: float,
    saved: Saved | None = None,
    stop_after: int = 10**9,
    lost: int = 10**9,
) -> tuple[Learner, FullNotes]:
    stop, broker = threading.Event(), Broker()
    notes, topic = FullNotes(broker), Two(log, stop, stop_after, lost)
    topic.rows = topic.rows if seconds else []
    learner = memory.resumed(APPLICATION, *saved, SHARE) if saved else Learner.fresh(APPLICATION, SHARE)
    asked, taught = (saved[0].asked_offsets, saved[0].taught_offsets) if saved else ({}, {})
    start = plan("t", asked, taught, topic.kept(), "stop")
    learner.next_offsets = dict.fromkeys(range(3), 0) | learner.next_offsets
    topic.begin(start.begin)
    Loop(
        learner,
        cast(Source, topic),
        broker,
        cast(Publisher, notes),
        cast(Tracker, notes),
        Learners(snapshot_seconds=1e9, tracking_seconds=1e9),
        start,
        features_seconds=seconds,
    ).run(stop)
    return learner, notes


def plainly(log: tuple[Message, ...]) -> Learner:
    """A learner that is given every event with its features."""
    learner = Learner.fresh(APPLICATION, SHARE)
    some = columns(learner.reader, log)
    some.windowed[:] = (some.source_offset % 9 / 10)[:, None]
    learner.step(some)
    return learner


def test_history_waits_for_its_features_all_of_it() -> None:
    log = messages(BASE, COUNT, 5.0)
    learner, _ = run(log, seconds=2.5)
    assert (learner.asked, learner.without_features) == (COUNT, 0)
    assert state(learner)[1].models == state(plainly(log))[1].models


def test_with_no_time_to_wait_none_is_waited_for() -> None:
    learner, _ = run(messages(BASE, COUNT, 5.0), seconds=0.0)
    assert (learner.asked, learner.without_features) == (COUNT, COUNT)


def test_what_never_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learners.remembered.PATIENCE_S", 0.0)
    learner, _ = run(messages(BASE, COUNT, 5.0), seconds=2.5, lost=10)
    assert learner.asked == COUNT
    assert learner.without_features >= COUNT // 10


def test_killed_while_it_waits_it_goes_on_as_if_it_had_not_been() -> None:
    log = messages(BASE, COUNT, 5.0)
    steady, _ = run(log, seconds=2.5)
    saved: Saved | None = None
    for stop_after in (100, 500, 400, 300):  # messages, those that are read again among them
        learner, _ = run(log, seconds=2.5, saved=saved, stop_after=stop_after)
        if not learner.answered:  # else it was killed while it took back: there is nothing new to keep
            saved = state(learner)
    learner, _ = run(log, seconds=2.5, saved=saved)
    assert learner.asked == COUNT
    assert state(learner)[1].models == state(steady)[1].models
    assert state(learner)[0].scores == state(steady)[0].scores


def test_what_was_asked_without_is_taken_back_without_waiting() -> None:
    log = messages(BASE, COUNT, 5.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("learners.remembered.PATIENCE_S", 0.0)
        learner, _ = run(log, seconds=2.5, lost=3)
    waits = len(learner.awaiting)
    assert 0 < learner.awaiting.bare[learner.awaiting.rows].sum() < waits
    # Their features will never come, and there is much patience now.
    back, _ = run(log, seconds=2.5, saved=state(learner), lost=3)
    assert (back.answered, len(back.awaiting)) == ({}, waits)
    assert state(back) == state(learner)


def test_bad_rows_of_features_end_nothing() -> None:
    log = messages(BASE, 300, 5.0)
    stop, broker = threading.Event(), Broker()
    learner = Learner.fresh(APPLICATION, SHARE)
    learner.next_offsets = dict.fromkeys(range(3), 0)
    topic = Two(log, stop, 10**9, 10**9)
    topic.rows = [message(0, 0, value) for value in (b"", b"null", b"{", b"{}", b"\xff")]
    start = plan("t", {}, {}, topic.kept(), "stop")
    topic.begin(start.begin)
    notes: Any = FullNotes(broker)
    options = Learners(snapshot_seconds=1e9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("learners.remembered.PATIENCE_S", 0.0)
        Loop(learner, cast(Source, topic), broker, notes, notes, options, start, 2.5).run(stop)
    assert (learner.asked, learner.without_features) == (300, 300)


def test_a_bad_row_in_the_middle_of_a_batch_takes_none_with_it() -> None:
    log = messages(BASE, 300, 5.0)
    stop, broker = threading.Event(), Broker()
    learner = Learner.fresh(APPLICATION, SHARE)
    learner.next_offsets = dict.fromkeys(range(3), 0)
    topic = Two(log, stop, 10**9, 10**9)
    for n in range(0, 300, 50):
        topic.rows.insert(n, message(0, 0, b"{"))
    start = plan("t", {}, {}, topic.kept(), "stop")
    topic.begin(start.begin)
    notes: Any = FullNotes(broker)
    loop = Loop(learner, cast(Source, topic), broker, notes, notes, Learners(), start, 2.5)
    loop.run(stop)
    assert (learner.asked, learner.without_features) == (300, 0)
    assert loop.report(LearnerState.LIVE).bad_features == 6


def test_too_many_rows_of_features_are_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "MOST_FEATURES", 200)
    held: list[bool] = []
    monkeypatch.setattr(Two, "hold_features", lambda self, one: held.append(one))
    run(messages(BASE, COUNT, 5.0), seconds=2.5)
    assert [one for one, _ in itertools.groupby(held)] == [True, False]


def test_a_room_that_is_full_holds_the_merge(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for features is bounded, however much history there is."""
    monkeypatch.setattr(loops, "FULL", 100)
    monkeypatch.setattr(loops, "CHUNK", 50)
    monkeypatch.setattr(Two, "at_once", 20)
    sizes: list[int] = []
    whole = Remembered.add

    def add(self: Any, lessons: Any, until: Any, now: float) -> None:
        whole(self, lessons, until, now)
        sizes.append(len(self))

    monkeypatch.setattr(Remembered, "add", add)
    learner, _ = run(messages(BASE, COUNT, 5.0), seconds=2.5)
    assert learner.asked == COUNT
    assert 100 <= max(sizes) < 150
    assert np.isfinite(sizes).all()
