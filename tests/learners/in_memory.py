"""What surrounds a loop, in memory: a topic that can be held, a broker for answers, a publisher's desk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from core.declaration import Application
from core.records import LearnerReport
from core.settings import Learners
from core.snapshots import Header, Payload
from learners import memory
from learners.control import Desk
from learners.learner import Learner
from learners.loop import Loop
from learners.publish import Publisher
from learners.source import Found, Kept, Source
from learners.start import plan
from learners.tracking import Tracker
from tests.learners.streams import PARTITIONS, Message

OPTIONS = Learners(snapshot_seconds=1e-3, tracking_seconds=0.05)


def light(application: Application) -> Application:
    """The application with its first model only: nobody waits for forests here."""
    return replace(application, online=application.online[:1])


class Topic:
    """A log of three partitions, read a few messages at a time; ends the loop when `ready_to_end`."""

    def __init__(self, log: tuple[Message, ...], stop: threading.Event, polls_at_the_end: int = 3) -> None:
        self.topic = "toy.valid"
        self.log = {p: [m for m in log if m[0] == p] for p in range(PARTITIONS)}
        self.low = 0
        self.held: set[int] = set()
        self.read: list[tuple[int, int]] = []
        self.has_answers = False
        self.polls = 0
        self.one_partition_per_poll = False
        self.before_poll: Callable[[], object] = lambda: None
        self._stop, self._left = stop, polls_at_the_end
        self._at = dict.fromkeys(self.log, 0)

    def kept(self, *_: Any) -> dict[int, Kept]:
        return {p: Kept(self.low, some[-1][1] + 1) for p, some in self.log.items()}

    def answered(self) -> bool:
        return self.has_answers

    def begin(self, offsets: Mapping[int, int], features_since_ms: int | None = None) -> None:
        self.held.clear()
        for p, offset in offsets.items():
            self._at[p] = sum(m[1] < offset for m in self.log[p])

    def poll(self, most: int, timeout: float) -> Found:
        self.polls += 1
        self.before_poll()
        found = Found([], [], [])
        for p, some in self.log.items():
            if p in self.held or (self.one_partition_per_poll and self.polls % PARTITIONS != p):
                continue
            new = some[self._at[p] : self._at[p] + 60]
            self._at[p] += len(new)
            self.read += [(one[0], one[1]) for one in new]
            found.messages.extend(message(*one) for one in new)
            if self._at[p] == len(some):
                found.drained.append((p, self.kept()[p].high))
        if not found.messages and not self.held:
            self._left -= 1
            if self._left <= 0:
                self._stop.set()
        return found

    def hold(self, partition: int, held: bool) -> None:
        (self.held.add if held else self.held.discard)(partition)

    def hold_features(self, held: bool) -> None:
        """There are none."""

    def ahead(self, partition: int, offset: int) -> int:
        return self.kept()[partition].high - offset

    def behind(self, offsets: Mapping[int, int]) -> int:
        return sum(self.ahead(p, offset) for p, offset in offsets.items())


def message(partition: int, offset: int, value: bytes) -> Any:
    return SimpleNamespace(
        partition=lambda: partition,
        offset=lambda: offset,
        value=lambda: value,
        timestamp=lambda: (1, 1_000_000 + 1000 * offset),
    )


class Broker:
    """Takes answers; they are delivered by flush, unless it is stuck or refuses."""

    def __init__(self) -> None:
        self.delivered: list[dict[str, Any]] = []
        self.refuses = False
        self.stuck = False
        self._waiting: list[tuple[bytes, Any]] = []

    def produce(self, topic: str, value: bytes, key: str, on_delivery: Any) -> None:
        self._waiting.append((value, on_delivery))

    def flush(self, seconds: float) -> int:
        if not self.stuck:
            for value, done in self._waiting:
                done("refused" if self.refuses else None, None)
                self.delivered.append(msgspec.json.decode(value))
            self._waiting = []
        return len(self._waiting)

    def poll(self, seconds: float) -> None:
        """Delivers nothing: that is for flush."""


class Notes:
    """Stands for publisher and tracker: keeps what it was offered, in order."""

    recent = recent_truths = 100

    def __init__(self) -> None:
        self.version = 3
        self.run_id = "run"
        self.snapshots: list[tuple[Header, Payload]] = []
        self.checkpoints: list[tuple[Header, Payload]] = []
        self.reports: list[LearnerReport] = []
        self.tags: dict[str, str] = {}

    def offer_snapshot(self, header: Header, payload: Payload) -> None:
        self.snapshots.append((header, payload))

    def offer_checkpoint(self, header: Header, payload: Payload) -> None:
        self.checkpoints.append((header, payload))

    def offer_report(self, report: LearnerReport) -> None:
        self.reports.append(report)

    def tag(self, tags: Mapping[str, str]) -> None:
        self.tags |= tags

    def offer_point(self, *_: Any) -> None:
        """Not looked at."""

    offer = offer_answers = offer_truths = offer_judged = offer_point


def loop_over(
    application: Application,
    topic: Topic,
    desk: Desk | None = None,
    saved: tuple[Header, Payload] | None = None,
    options: Learners = OPTIONS,
) -> tuple[Loop, Notes, Broker]:
    """A loop that has read nothing yet."""
    notes, broker = Notes(), Broker()
    if saved:
        made = memory.resumed(application, *saved, 1.0)
        start = plan("t", saved[0].asked_offsets, saved[0].taught_offsets, topic.kept(), "stop")
    else:
        made = Learner.fresh(application, 1.0)
        made.next_offsets = dict.fromkeys(topic.log, 0)
        start = plan("t", {}, {}, topic.kept(), "stop")
    topic.begin(start.begin)
    loop = Loop(
        made,
        cast(Source, topic),
        broker,
        cast(Publisher, notes),
        cast(Tracker, notes),
        options,
        start,
        0.0,
        desk,
    )
    return loop, notes, broker


def final(loop: Loop) -> tuple[dict[str, bytes], bytes, int, int, object]:
    """All that makes two learners the same."""
    made = loop.snapshot()
    assert made is not None
    header, payload = made
    return payload.models, payload.loop, header.asked, header.taught, header.clock
