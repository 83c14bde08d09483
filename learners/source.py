"""The valid topic as the learner reads it: ahead of Flink's commits, and never silently past a gap.

saved offsets, what the log holds -> where to begin (or LostOffsets) -> messages, drained partitions
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import repeat
from operator import is_, methodcaller
from typing import Any, NamedTuple

import structlog

from core.connect import kafka
from core.names import Stream, consumer_group, topic

log = structlog.get_logger("millrace.learner")

ASK_SECONDS = 5.0
LONGEST_PAUSE_S = 5.0

QUEUED_KB = 4096
"""Fetched and not yet polled: what a learner takes in a tenth of a second at its fastest."""

_ERROR = methodcaller("error")


class LostOffsets(RuntimeError):
    """The log no longer holds the message that comes next."""


class Stopped(RuntimeError):
    """The process was told to end while it waited."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The offsets that a partition's log holds: from `low` up to, not including, `high`."""

    low: int
    high: int


def lost(wanted: Mapping[int, int], kept: Mapping[int, Kept]) -> dict[int, int]:
    """The wanted offsets that the log can't give: older than it holds, or beyond its end."""
    return {
        p: offset for p, offset in wanted.items() if p in kept and not kept[p].low <= offset <= kept[p].high
    }


def describe(topic_name: str, gaps: Mapping[int, int], kept: Mapping[int, Kept]) -> str:
    """One sentence that names partitions, offsets and the choice there is."""
    parts = "; ".join(
        f"partition {p} should go on at {offset}, the log holds {kept[p].low} to {kept[p].high}"
        for p, offset in sorted(gaps.items())
    )
    return (
        f"{topic_name}: {parts}. Set MILLRACE_LEARNERS__ON_LOST_OFFSETS=skip to go on from the oldest event "
        "that is kept, or delete the snapshot in Redis and the runs in MLflow to learn from the beginning"
    )


class Found(NamedTuple):
    """What one poll brought."""

    messages: list[Any]
    features: list[Any]
    """Messages of the topic `features`."""
    drained: list[tuple[int, int]]
    """Partitions of the valid topic that hold no more, with their end offset."""


class Source:
    """Reads every partition of an application's valid topic, uncommitted messages included; features beside.

    Reading ahead of commits saves half a checkpoint interval; what an aborted transaction left behind is
    written again later, and the learner knows repeats by their source offsets.
    """

    def __init__(self, url: str, application: str) -> None:
        from confluent_kafka import KafkaError, KafkaException, TopicPartition

        self._error: Any = KafkaError
        self._failure: type[Exception] = KafkaException
        self._at: Any = TopicPartition
        self._application = application
        self.topic = topic(application, Stream.VALID)
        self.features = topic(application, Stream.FEATURES)
        self._consumer = kafka.consumer(
            url,
            consumer_group("learner", application),
            **{"isolation.level": "read_uncommitted", "queued.max.messages.kbytes": QUEUED_KB},
        )
        self._paused: set[int] = set()
        self._features: list[Any] = []
        self._features_held = False

    def kept(self, stop: threading.Event, waiting: Callable[[str], None]) -> dict[int, Kept]:
        """What the log of each partition holds; waits for broker and topic, or raises Stopped.

        waiting: is told, every few seconds, for what.
        """
        pause = 0.25
        while not stop.is_set():
            try:
                found = self._consumer.list_topics(self.topic, timeout=ASK_SECONDS).topics[self.topic]
                if found.error is None and found.partitions:
                    return {p: self._kept(p) for p in sorted(found.partitions)}
                reason = str(found.error or "no partitions")
            except self._failure as error:
                reason = str(error)
            log.warning("waiting for the topic", topic=self.topic, reason=reason)
            waiting(f"waiting for {self.topic}: {reason}")
            stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
        raise Stopped("told to end while waiting for the broker")

    def _kept(self, partition: int) -> Kept:
        low, high = self._consumer.get_watermark_offsets(self._at(self.topic, partition), timeout=ASK_SECONDS)
        return Kept(low, high)

    def begin(self, offsets: Mapping[int, int], features_since_ms: int | None) -> None:
        """Reads from these offsets on; features from this time of the broker on, or none of them."""
        at = [self._at(self.topic, p, offset) for p, offset in offsets.items()]
        for partition in list(self._paused):
            self.hold(partition, False)
        self.hold_features(False)
        self._features = []
        if features_since_ms is not None:
            self._features = self._features_from(features_since_ms)
        self._consumer.assign(at + self._features)

    def _features_from(self, since_ms: int) -> list[Any]:
        """The first rows of features that the broker took at `since_ms` or later."""
        found = self._consumer.list_topics(self.features, timeout=ASK_SECONDS).topics[self.features]
        if found.error is not None:
            log.warning("no features: the models go on without", topic=self.features, reason=str(found.error))
            return []
        asked = [self._at(self.features, p, max(0, since_ms)) for p in sorted(found.partitions)]
        return list(self._consumer.offsets_for_times(asked, timeout=ASK_SECONDS))

    def poll(self, most: int, timeout: float) -> Found:
        """What came; raises LostOffsets, or what is fatal."""
        found = Found([], [], [])
        came = self._consumer.consume(most, timeout)
        if not self._features and all(map(is_, map(_ERROR, came), repeat(None))):
            found.messages.extend(came)
            return found
        for message in came:
            error, valid = message.error(), message.topic() == self.topic
            if error is None:
                (found.messages if valid else found.features).append(message)
            elif error.code() == self._error._PARTITION_EOF:
                if valid:
                    found.drained.append((int(message.partition() or 0), int(message.offset() or 0)))
            elif error.code() == self._error._AUTO_OFFSET_RESET:
                raise LostOffsets(f"{message.topic()}, partition {message.partition()}: {error.str()}")
            elif error.fatal():
                raise self._failure(error)
            else:
                log.warning("broker", reason=error.str())
        return found

    def hold(self, partition: int, held: bool) -> None:
        """Stops or goes on fetching a partition whose lane is full."""
        if held == (partition in self._paused):
            return
        at = [self._at(self.topic, partition)]
        if held:
            self._consumer.pause(at)
            self._paused.add(partition)
        else:
            self._consumer.resume(at)
            self._paused.discard(partition)

    def hold_features(self, held: bool) -> None:
        """Stops or goes on fetching features."""
        if held != self._features_held and self._features:
            (self._consumer.pause if held else self._consumer.resume)(self._features)
            self._features_held = held

    def ahead(self, partition: int, offset: int) -> int | None:
        """How many offsets the log holds from `offset` on, by the latest fetch; None before the first one."""
        _, high = self._consumer.get_watermark_offsets(self._at(self.topic, partition), cached=True)
        return max(0, high - offset) if high >= 0 else None

    def behind(self, offsets: Mapping[int, int]) -> int | None:
        """How many offsets the log holds from these on, asked of the broker; None when it does not answer."""
        try:
            return sum(max(0, self._kept(p).high - offset) for p, offset in offsets.items())
        except self._failure as error:
            log.warning("broker", reason=str(error))
            return None

    def answered(self) -> bool:
        """Whether a learner has ever answered: the topic `predictions` has, or had, a message."""
        name = topic(self._application, Stream.PREDICTIONS)
        try:
            found = self._consumer.list_topics(name, timeout=ASK_SECONDS).topics[name]
            ends = (
                self._consumer.get_watermark_offsets(self._at(name, p), timeout=ASK_SECONDS)[1]
                for p in found.partitions
            )
            return found.error is None and any(ends)
        except self._failure as error:
            log.warning("broker", reason=str(error))
            return False

    def close(self) -> None:
        """Leaves the broker."""
        self._consumer.close()
