"""A learner is live once it has reached where its topic ended at the start; it says what is left before."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from core.applications import APPLICATIONS
from core.control import Control
from core.records import LearnerState
from core.settings import Learners
from learners.catching_up import CatchingUp
from learners.control import Desk
from learners.lessons import Lessons
from learners.source import Kept
from tests.learners.in_memory import Notes, Topic, light, loop_over
from tests.learners.lives import state
from tests.learners.streams import Message, messages, plain

APP = light(next(iter(APPLICATIONS.values())))
COUNT = 1200
OFTEN = Learners(snapshot_seconds=1e9, tracking_seconds=1e9)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report at every turn."""
    monkeypatch.setattr("learners.loop.REPORT_S", 0.0)


def some(*offsets: int, partition: int = 0) -> Lessons:
    lessons = plain([(0, n, 0, 0) for n in range(len(offsets))])
    lessons.offset[:] = np.array(offsets, dtype=np.int64)
    lessons.partition[:] = partition
    return lessons


def states(notes: Notes) -> list[LearnerState]:
    """In their order, each once."""
    found = [one.state for one in notes.reports]
    return [one for n, one in enumerate(found) if not n or found[n - 1] is not one]


def test_what_is_left_goes_down_to_nothing_and_stays_there() -> None:
    one = CatchingUp({0: 10, 1: 0}, {0: 20, 1: 0})
    assert one.left({0: 10, 1: 0}) == 10
    one.received(some(10, 11, 12))
    assert one.left({0: 11}) == 9, "what was read counts when it was asked about"
    one.received(some(13, 18, 25))
    assert one.left({0: 14}) == 6
    assert one.left({0: 19}) == 0, "a transaction's mark is no event"
    assert not one
    one.received(some(30))
    assert one.left({0: 19}) == 0


def test_the_end_of_a_partition_is_an_end_whatever_lies_before_it() -> None:
    one = CatchingUp({0: 0}, {0: 20})
    one.reached(0, 20)
    assert one.left({0: 0}) == 0, "twenty marks and no event"


def test_what_was_asked_about_before_the_start_is_left_until_it_is_read_again() -> None:
    one = CatchingUp({0: 5}, {0: 20})
    assert one.left({0: 20}) == 15
    one.received(some(*range(5, 15)))
    assert one.left({0: 20}) == 5
    one.reached(0, 20)
    assert one.left({0: 20}) == 0


def test_a_fresh_learner_is_starting_until_it_has_read_its_topic() -> None:
    stop = threading.Event()
    loop, notes, _ = loop_over(APP, Topic(messages(APP, COUNT), stop), options=OFTEN)
    loop.run(stop)
    assert states(notes) == [LearnerState.STARTING, LearnerState.LIVE]
    left = [one.lag for one in notes.reports if one.state is LearnerState.STARTING]
    assert left == sorted(left, reverse=True)
    assert left[0] > COUNT // 2
    live = next(one for one in notes.reports if one.state is LearnerState.LIVE)
    assert (live.asked, live.lag) == (COUNT, 0)


class Growing(Topic):
    """Held so much when the learner started; the rest came later."""

    def __init__(self, log: tuple[Message, ...], stop: threading.Event, held: int) -> None:
        super().__init__(log, stop)
        self._held = held

    def kept(self, *_: object) -> dict[int, Kept]:
        return {p: Kept(0, one[self._held // 3][1]) for p, one in self.log.items()}


def test_what_comes_later_is_no_part_of_the_start() -> None:
    stop = threading.Event()
    topic = Growing(messages(APP, COUNT), stop, held=300)
    loop, notes, _ = loop_over(APP, topic, options=OFTEN)
    loop.run(stop)
    live = next(one for one in notes.reports if one.state is LearnerState.LIVE)
    assert live.asked < COUNT


def test_a_learner_that_reads_again_says_so_though_it_was_asked_about_everything() -> None:
    log, stop = messages(APP, COUNT, 2.0), threading.Event()
    loop, _, _ = loop_over(APP, Topic(log, stop), options=OFTEN)
    loop.run(stop)
    saved = state(loop._learner)
    stop = threading.Event()
    again, notes, _ = loop_over(APP, Topic(log, stop), saved=saved, options=OFTEN)
    again.run(stop)
    assert saved[0].asked == COUNT
    first = notes.reports[0]
    assert (first.state, first.asked) == (LearnerState.STARTING, COUNT)
    assert first.lag > 0
    assert states(notes) == [LearnerState.STARTING, LearnerState.LIVE]


def test_who_rests_at_the_start_goes_on_starting() -> None:
    stop, control = threading.Event(), Control(training=False)
    topic = Topic(messages(APP, COUNT), stop)
    turns = iter(range(10**6))

    def switch() -> None:
        nonlocal control
        control = Control(training=next(turns) > 3)

    topic.before_poll = switch
    loop, notes, _ = loop_over(APP, topic, Desk(lambda: control), options=OFTEN)
    loop.run(stop)
    assert states(notes)[-3:] == [LearnerState.PAUSED, LearnerState.STARTING, LearnerState.LIVE]
