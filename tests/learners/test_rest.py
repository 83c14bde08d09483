"""The time of a rest counts for nobody's patience, and an answered reset outlives a restart."""

from __future__ import annotations

import threading

import msgspec
import numpy as np

from core.applications import APPLICATIONS
from core.features import features
from learners import memory
from learners.merge import PATIENCE, Merge
from learners.remembered import PATIENCE_S, Remembered
from tests.learners.in_memory import Topic, loop_over
from tests.learners.streams import messages, plain, where

APP = next(one for one in APPLICATIONS.values() if one.windows)


def test_no_lane_was_silent_for_a_rest() -> None:
    merge = Merge([0, 1], idle_seconds=2, now=0.0)
    merge.add(plain([(0, 0, 5, 9)]), 1.0)
    merge.rest(1000.0)
    assert merge.take(1001.0, 10) is None, "partition 1 may still bring an earlier one"
    assert where(merge.take(1000.0 + 2 * PATIENCE, 10)) == [(0, 0)]


def test_nobody_has_waited_for_features_during_a_rest() -> None:
    room = Remembered(APP, 2.5)
    room.add(plain([(0, 0, 5, 9), (0, 1, 6, 9)], windowed=len(features(APP))), np.array([2.5, np.inf]), 0.0)
    room.rest(1000.0)
    assert room.take(1002.0) is None
    assert where(room.take(1002.6)) == [(0, 0)], "of now: goes on without after its time"
    assert room.take(1000.0 + PATIENCE_S - 1) is None
    assert where(room.take(1000.0 + PATIENCE_S)) == [(0, 1)]


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
