"""A loop that is asked to rest, to let another model answer, to go back to a version."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

from core.applications import APPLICATIONS
from core.control import Control, Reset
from core.declaration import Application
from core.records import LearnerState
from learners import memory
from learners.control import Desk
from learners.versions import Found, Missing
from models.roster import RECIPES
from tests.learners.in_memory import OPTIONS, Topic, final, light, loop_over
from tests.learners.streams import messages

EVERY = pytest.mark.parametrize(
    "application", [light(one) for one in APPLICATIONS.values()], ids=lambda one: one.name
)
APP = light(next(iter(APPLICATIONS.values())))
COUNT = 1500


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots as often as they are due, on a machine that is slow as well."""
    monkeypatch.setattr("learners.loop.SNAPSHOT_REST", 0)


def undisturbed(application: Application) -> object:
    stop = threading.Event()
    loop, _, _ = loop_over(application, Topic(messages(application, COUNT), stop))
    assert loop.run(stop) is None
    return final(loop)


class Person:
    """Asks for something at a poll, and looks at what becomes of it."""

    def __init__(self) -> None:
        self.control = Control()

    def ask(self, **changes: object) -> None:
        self.control = msgspec.structs.replace(self.control, **changes)


def reset_to(version: int) -> Reset:
    return Reset(id=f"reset-{version}", version=version, asked=datetime.now(UTC))


@EVERY
def test_a_learner_that_rested_goes_on_exactly_where_it_was(application: Application) -> None:
    stop, person = threading.Event(), Person()
    topic = Topic(messages(application, COUNT), stop)
    loop, notes, _ = loop_over(application, topic, Desk(lambda: person.control))
    asked_at_rest = set()

    def before_poll() -> None:
        if topic.polls == 4:
            person.ask(training=False)
        if 6 <= topic.polls <= 16:
            report = loop.report(loop._state)
            assert report.state is LearnerState.PAUSED
            assert topic.held == {0, 1, 2}
            asked_at_rest.add((report.asked, len(topic.read)))
        if topic.polls == 16:
            person.ask(training=True)

    topic.before_poll = before_poll
    assert loop.run(stop) is None
    assert len(asked_at_rest) == 1
    asked, _ = asked_at_rest.pop()
    assert 0 < asked < COUNT
    assert final(loop) == undisturbed(application)
    # The state in which it rests is kept, and reports tell it only then.
    assert notes.checkpoints[0][0].asked == asked
    states = [report.state for report in notes.reports]
    first = states.index(LearnerState.PAUSED)
    assert notes.reports[first].asked == asked
    assert LearnerState.LIVE in states[first:]


def test_it_does_not_rest_before_its_answers_are_delivered() -> None:
    stop, person = threading.Event(), Person()
    topic = Topic(messages(APP, COUNT), stop)
    loop, notes, broker = loop_over(APP, topic, Desk(lambda: person.control))
    broker.stuck = True

    def before_poll() -> None:
        if topic.polls == 7:
            person.ask(training=False)
        if topic.polls == 9:
            assert broker._waiting
        if 9 <= topic.polls < 12:
            assert loop._state is LearnerState.STARTING, "about to rest"
            assert topic.held == {0, 1, 2}
        if topic.polls == 12:
            broker.stuck = False
        if topic.polls == 18:
            assert loop._state is LearnerState.PAUSED
            stop.set()

    topic.before_poll = before_poll
    assert loop.run(stop) is None
    assert topic.polls == 18
    assert notes.checkpoints


def test_a_learner_that_was_killed_at_rest_begins_at_rest() -> None:
    stop, person = threading.Event(), Person()
    person.ask(training=False)
    topic = Topic(messages(APP, COUNT), stop)
    loop, _, _ = loop_over(APP, topic, Desk(lambda: person.control))

    def before_poll() -> None:
        if topic.polls == 10:
            assert loop.report(loop._state).asked == 0
            stop.set()

    topic.before_poll = before_poll
    loop.run(stop)
    assert loop._state is LearnerState.PAUSED


def test_a_champion_is_chosen_by_hand_until_the_rule_has_the_choice_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(RECIPES, "twin", RECIPES[APP.online[0]])
    two = replace(APP, online=(APP.online[0], "twin"))
    stop, person = threading.Event(), Person()
    topic = Topic(messages(APP, COUNT), stop)
    loop, notes, _ = loop_over(two, topic, Desk(lambda: person.control))
    seen = {}

    def before_poll() -> None:
        steps: dict[int, str | None] = {2: "twin", 5: "oracle", 7: None}
        if topic.polls in steps:
            person.ask(champion=steps[topic.polls])
        if topic.polls in (4, 7, 9):
            report = loop.report(LearnerState.LIVE)
            seen[topic.polls] = (report.champion, report.pinned, len(report.promotions))

    topic.before_poll = before_poll
    loop.run(stop)
    assert seen == {4: ("twin", True, 1), 7: ("twin", True, 1), 9: ("twin", False, 1)}
    assert loop.report(LearnerState.LIVE).promotions[0].reason == "by hand"
    loop.track()
    assert (notes.tags["champion"], notes.tags["champion_chosen"]) == ("twin", "by rule")
    assert notes.tags["promotions"].endswith(f"{APP.online[0]} -> twin by hand")


def test_a_choice_shows_in_a_snapshot_though_nothing_else_changes() -> None:
    stop, person = threading.Event(), Person()
    topic = Topic(messages(APP, COUNT), stop, polls_at_the_end=20)
    loop, notes, _ = loop_over(APP, topic, Desk(lambda: person.control))
    loop.run(stop)
    before = len(notes.snapshots)
    stop.clear()
    person.ask(champion=APP.online[0])

    def before_poll() -> None:
        time.sleep(0.001)
        if len(notes.snapshots) > before or topic.polls > 3000:
            stop.set()

    topic.before_poll = before_poll
    loop.run(stop)
    assert len(notes.snapshots) == before + 1
    saved = notes.snapshots[-1]
    assert memory.resumed(APP, *saved, 1.0).contest.pinned


@EVERY
def test_back_to_a_version_and_on_from_its_offsets(application: Application) -> None:
    stop, person = threading.Event(), Person()
    topic = Topic(messages(application, COUNT), stop)

    def find(version: int) -> Found:
        header, payload = notes.snapshots[version]
        return Found(header, memory.resumed(application, header, payload, 1.0))

    loop, notes, first = loop_over(application, topic, Desk(lambda: person.control, find))
    topic.before_poll = lambda: person.ask(reset=reset_to(1)) if topic.polls == 7 else None
    asked = loop.run(stop)
    assert asked is not None
    assert asked.found.header == notes.snapshots[1][0]
    assert notes.checkpoints[-1][0].asked > asked.found.header.asked, "what is left is kept as well"
    stop.clear()
    topic = Topic(messages(application, COUNT), stop)
    again, _, second = loop_over(application, topic, saved=notes.snapshots[1])
    assert again.run(stop) is None
    assert final(again) == undisturbed(application), "as if it had never been further"
    told = [{(one["source_partition"], one["source_offset"]) for one in b.delivered} for b in (first, second)]
    if told[0]:
        assert told[0] & told[1], "what is learned again is answered again: readers keep the first"


def test_a_version_that_can_not_be_had_changes_nothing_and_is_told() -> None:
    stop, person = threading.Event(), Person()
    topic = Topic(messages(APP, COUNT), stop)
    tries = []

    def find(version: int) -> Found:
        tries.append(version)
        raise Missing("version 7 is kept neither here nor there")

    loop, notes, _ = loop_over(APP, topic, Desk(lambda: person.control, find))
    topic.before_poll = lambda: person.ask(reset=reset_to(7)) if topic.polls == 7 else None
    assert loop.run(stop) is None
    assert final(loop)[:1] == undisturbed(APP)[:1]  # type: ignore[index]
    assert tries == [7], "not tried again and again"
    report = loop.report(LearnerState.LIVE)
    assert report.error == "not reset to version 7: version 7 is kept neither here nor there"
    assert report.reset == "reset-7"
    assert notes.snapshots[-1][0].reset == "reset-7", "nor after a restart"


def test_a_reset_that_was_answered_before_the_start_is_not_done_again() -> None:
    stop, person = threading.Event(), Person()
    topic = Topic(messages(APP, 400), stop)
    loop, _, _ = loop_over(APP, topic, Desk(lambda: person.control))
    loop._learner.reset = "reset-7"
    person.ask(reset=reset_to(7))
    assert loop.run(stop) is None
    assert loop.report(LearnerState.LIVE).asked == 400


def test_a_snapshot_is_kept_when_it_is_asked_for() -> None:
    stop = threading.Event()
    loop, notes, _ = loop_over(APP, Topic(messages(APP, COUNT), stop))
    loop.keep()
    loop.run(stop)
    assert len(notes.checkpoints) == 1
    assert notes.checkpoints[0][0].asked <= notes.snapshots[0][0].asked


def test_snapshots_are_kept_on_a_schedule_but_not_their_copies() -> None:
    often = OPTIONS.model_copy(update={"checkpoint_minutes": 1e-9})
    stop = threading.Event()
    topic = Topic(messages(APP, COUNT), stop, polls_at_the_end=30)
    loop, notes, _ = loop_over(APP, topic, options=often)
    loop.run(stop)
    told = [header.asked for header, _ in notes.checkpoints]
    assert len(told) > 3
    assert len(told) == len(set(told)), "what stands still is kept once"
