"""The loop between a topic, a producer and Redis, all three in memory: what goes in, what comes out."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import msgspec
import pytest

from core.applications import APPLICATIONS
from core.declaration import Application
from core.records import Judged, LearnerReport, LearnerState
from core.settings import Learners
from core.snapshots import Header, Payload
from learners import memory
from learners.answers import Undelivered
from learners.learner import Learner
from learners.loop import Loop
from learners.publish import Publisher, Written
from learners.source import Found, Kept, Source
from learners.start import plan
from learners.tracking import Tracker
from tests.learners.in_memory import Broker, Notes, message
from tests.learners.streams import Message, messages

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=lambda one: one.name)
OPTIONS = Learners(snapshot_seconds=0.001, tracking_seconds=0.05)
COUNT = 3000
SHARE = 0.2


class Topic:
    """A log of three partitions, read in uneven batches; tells the loop to end when all is read."""

    def __init__(self, log: tuple[Message, ...], seed: int, stop: threading.Event, stop_after: int) -> None:
        self.log = {p: [m for m in log if m[0] == p] for p in range(3)}
        self._rng = random.Random(seed)
        self._stop, self._left = stop, stop_after
        self._at = dict.fromkeys(self.log, 0)
        self._told: set[int] = set()

    def kept(self) -> dict[int, Kept]:
        return {p: Kept(0, some[-1][1] + 1) for p, some in self.log.items()}

    def begin(self, offsets: dict[int, int]) -> None:
        for p, offset in offsets.items():
            self._at[p] = sum(m[1] < offset for m in self.log[p])

    def poll(self, most: int, timeout: float) -> Found:
        if self._left <= 0 or self._told == set(self.log):
            self._stop.set()
            return Found([], [], [])
        partition = self._rng.randrange(3)
        at = self._at[partition]
        some = self.log[partition][at : at + self._rng.randrange(1, 400)]
        self._at[partition] += len(some)
        self._left -= len(some)
        drained = []
        if self._at[partition] == len(self.log[partition]):
            self._told.add(partition)
            drained.append((partition, self.kept()[partition].high))
        return Found([message(*one) for one in some], [], drained)

    def hold(self, partition: int, held: bool) -> None:
        """Batches are small enough."""

    def hold_features(self, held: bool) -> None:
        """There are none."""

    def ahead(self, partition: int, offset: int) -> int:
        return self.kept()[partition].high - offset


class FullNotes(Notes):
    """Also keeps points, metrics and labels; no snapshot may speak of an answer that is not delivered."""

    recent, recent_truths = 50, 200

    def __init__(self, broker: Broker) -> None:
        super().__init__()
        self._broker = broker
        self.points: list[dict[str, Any]] = []
        self.metrics: list[dict[str, float | None]] = []
        self.truths: dict[str, Any] = {}
        self.judged: list[Judged] = []
        self.answered: set[str] = set()

    def offer_snapshot(self, header: Header, payload: Payload) -> None:
        assert self.answered <= {one["event_id"] for one in self._broker.delivered}
        super().offer_snapshot(header, payload)

    def offer_point(self, point: dict[str, Any]) -> None:
        self.points.append(point)

    def offer_answers(self, answers: Sequence[tuple[str, Written]]) -> None:
        self.answered |= {event_id for event_id, _ in answers}

    def offer_truths(self, truths: Sequence[tuple[str, Any]]) -> None:
        self.truths |= dict(truths)

    def offer_judged(self, judged: Sequence[Written]) -> None:
        self.judged += [msgspec.json.decode(one(), type=Judged) for one in judged]

    def offer(self, step: int, metrics: dict[str, float | None]) -> None:
        self.metrics.append(metrics)


def run(
    application: Application,
    log: tuple[Message, ...],
    saved: tuple[Header, Payload] | None = None,
    seed: int = 1,
    stop_after: int = 10**9,
    broker: Broker | None = None,
) -> tuple[Loop, FullNotes, Broker]:
    """One process: until all is read, or so many messages were."""
    stop, broker = threading.Event(), broker or Broker()
    notes, topic = FullNotes(broker), Topic(log, seed, stop, stop_after)
    if saved:
        learner = memory.resumed(application, *saved, SHARE)
        start = plan("t", saved[0].asked_offsets, saved[0].taught_offsets, topic.kept(), "stop")
    else:
        learner = Learner.fresh(application, SHARE)
        learner.next_offsets = dict.fromkeys(range(3), 0)
        start = plan("t", {}, {}, topic.kept(), "stop")
    topic.begin(start.begin)
    loop = Loop(
        learner,
        cast(Source, topic),
        broker,
        cast(Publisher, notes),
        cast(Tracker, notes),
        OPTIONS,
        start,
        features_seconds=0.0,
    )
    loop.run(stop)
    return loop, notes, broker


def final(loop: Loop) -> tuple[dict[str, bytes], bytes, int, int, datetime | None]:
    made = loop.snapshot()
    assert made is not None
    header, payload = made
    return payload.models, payload.loop, header.asked, header.taught, header.clock


def source(prediction: dict[str, Any]) -> tuple[int, int]:
    return prediction["source_partition"], prediction["source_offset"]


@EVERY
def test_killed_loops_end_where_a_steady_one_ends(application: Application) -> None:
    log = messages(application, COUNT, 20.0)
    steady, _, once = run(application, log)
    undisturbed = final(steady)  # delivers what still waits
    expected = {
        (p["source_partition"], p["source_offset"]): (p["value"], p["probability"]) for p in once.delivered
    }
    assert len(once.delivered) == len(expected)

    rng, saved, told, kills = random.Random(4), None, [], 0
    while True:
        loop, notes, broker = run(
            application, log, saved, seed=rng.randrange(99), stop_after=rng.randrange(200, 1800)
        )
        done = loop.report(LearnerState.LIVE).asked == COUNT
        if done:
            assert final(loop) == undisturbed
        told += broker.delivered
        if done:
            break
        # Killed: what came after the last snapshot is lost. Now and then that is a lot.
        if notes.snapshots:
            saved = rng.choice(notes.snapshots[-3:])
        kills += 1
    assert kills >= 2
    for one in told:
        assert expected[source(one)] == (one["value"], one["probability"])
    assert {source(one) for one in told} == set(expected)


@EVERY
def test_reports_points_and_truths(application: Application) -> None:
    log = messages(application, COUNT, 20.0)
    loop, notes, _ = run(application, log)
    report = loop.report(LearnerState.LIVE)
    assert (report.asked, report.version, report.run_id, report.error) == (COUNT, 3, "run", "")
    assert report.taught + report.pending == COUNT
    assert notes.points
    assert notes.points[-1]["taught"] <= COUNT
    assert bool(notes.truths) == (application.label is not None)
    assert notes.metrics
    # It can be written as it is.
    msgspec.json.decode(msgspec.json.encode(report), type=LearnerReport)


def test_bad_messages_are_counted_and_named() -> None:
    application = APPLICATIONS["tfd"]
    log = list(messages(application, 400, 60.0))
    for n in (5, 50, 399):
        log[n] = (log[n][0], log[n][1], b'{"amount": ')
    loop, _, _ = run(application, tuple(log))
    report = loop.report(LearnerState.LIVE)
    assert report.asked == 397
    assert report.error.startswith("3 events failed; the last: event passed over: partition")


def test_a_refused_answer_stops_the_learner() -> None:
    application = APPLICATIONS["tfd"]
    broker = Broker()
    broker.refuses = True
    with pytest.raises(Undelivered, match=r"tfd\.predictions: refused"):
        run(application, messages(application, COUNT, 20.0), broker=broker)


def test_no_snapshot_while_answers_wait() -> None:
    application = APPLICATIONS["tfd"]
    broker = Broker()
    broker.stuck = True
    loop, notes, _ = run(application, messages(application, COUNT, 20.0), broker=broker)
    assert all(header.asked < 600 for header, _ in notes.snapshots)
    assert loop.snapshot() is None
