"""The time of a rest counts for nobody's patience, and an answered reset outlives a restart."""

from __future__ import annotations

import threading
import time

import msgspec
import numpy as np

from core.applications import APPLICATIONS
from core.features import features
from core.names import SOURCE_OFFSET, SOURCE_PARTITION
from learners import memory
from learners.learner import Step
from learners.lessons import Lessons
from learners.remembered import PATIENCE_S, Remembered
from tests.learners.in_memory import OPTIONS, Topic, final, light, loop_over
from tests.learners.streams import messages, plain, where

APP = light(next(one for one in APPLICATIONS.values() if one.windows))


def room_of_two() -> Remembered:
    """One event of now, which waits for 2.5 s, and one of long ago, which has time."""
    room = Remembered(APP, 2.5)
    waiting = plain([(0, 0, 5, 9), (0, 1, 6, 9)], windowed=len(features(APP)))
    room.add(waiting, np.array([2.5, np.inf]), 0.0)
    return room


def test_nobody_has_waited_for_features_during_a_rest() -> None:
    room = room_of_two()
    room.rest(1000.0)
    assert room.take(1002.0) is None
    assert where(room.take(1002.6)) == [(0, 0)], "of now: goes on without after its time"
    assert room.take(1000.0 + PATIENCE_S - 1) is None
    assert where(room.take(1000.0 + PATIENCE_S)) == [(0, 1)]


def test_what_was_passed_by_others_features_is_not_given_up_for_a_rest() -> None:
    room = room_of_two()
    far = {SOURCE_PARTITION: 0, SOURCE_OFFSET: 900}
    room.hear([msgspec.json.encode(far)], 1.0)
    room.rest(1000.0)
    assert where(room.take(1003.0)) == [(0, 0)]
    room.hear([msgspec.json.encode(far | {SOURCE_OFFSET: 901})], 1004.0)
    assert room.take(1001.0 + PATIENCE_S - 1) is None, "its own may still come"
    assert where(room.take(1001.0 + PATIENCE_S)) == [(0, 1)]


def test_a_slow_step_makes_no_partition_silent() -> None:
    """As the first one is that has to be compiled: the order of events must not hang on it."""

    def learned(idle_seconds: float, step_seconds: float) -> object:
        stop = threading.Event()
        topic = Topic(messages(APP, 900), stop, polls_at_the_end=9)
        topic.one_partition_per_poll = True
        options = OPTIONS.model_copy(update={"idle_seconds": idle_seconds})
        loop, _, _ = loop_over(APP, topic, options=options)
        step = loop._learner.step

        def slow(some: Lessons) -> Step:
            time.sleep(step_seconds)
            return step(some)

        loop._learner.step = slow  # type: ignore[method-assign,assignment]
        loop.run(stop)
        return final(loop)

    assert learned(0.01, 0.15) == learned(100.0, 0.0)


def test_an_answered_reset_is_part_of_the_snapshot() -> None:
    stop = threading.Event()
    loop, _, _ = loop_over(APP, Topic(messages(APP, 100), stop))
    loop.run(stop)
    loop._learner.reset = "reset-7"
    made = loop.snapshot()
    assert made is not None
    header, payload = made
    assert header.reset == "reset-7"
    assert memory.resumed(APP, header, payload, 1.0).reset == "reset-7"
    before = msgspec.structs.replace(header, reset="")
    assert memory.resumed(APP, before, payload, 1.0).reset == ""
