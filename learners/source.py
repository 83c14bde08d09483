"""The valid topic as the learner reads it: ahead of Flink's commits, and never silently past a gap.

saved offsets, what the log holds -> where to begin (or LostOffsets) -> messages, drained partitions
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from core.connect import kafka
from core.names import Stream, consumer_group, topic

log = structlog.get_logger("millrace.learner")

ASK_SECONDS = 5.0
LONGEST_PAUSE_S = 5.0


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
        "that is kept, or delete the snapshot to learn from the beginning"
    )


class Source:
    """Reads every partition of an application's valid topic, uncommitted messages included.

    Reading ahead of commits saves half a checkpoint interval; what an aborted transaction left behind is
    written again later, and the learner knows repeats by their source offsets.
    """

    def __init__(self, url: str, application: str) -> None:
        from confluent_kafka import KafkaError, KafkaException, TopicPartition

        self._error: Any = KafkaError
        self._failure: type[Exception] = KafkaException
        self._at: Any = TopicPartition
        self.topic = topic(application, Stream.VALID)
        self._consumer = kafka.consumer(
            url, consumer_group("learner", application), **{"isolation.level": "read_uncommitted"}
        )
        self._paused: set[int] = set()

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

    def begin(self, offsets: Mapping[int, int]) -> None:
        """Reads from these offsets on."""
        self._consumer.assign([self._at(self.topic, p, offset) for p, offset in offsets.items()])

    def poll(self, most: int, timeout: float) -> tuple[list[Any], list[tuple[int, int]]]:
        """(messages, drained partitions with their end offset); raises LostOffsets, or what is fatal."""
        messages: list[Any] = []
        drained: list[tuple[int, int]] = []
        for message in self._consumer.consume(most, timeout):
            error = message.error()
            if error is None:
                messages.append(message)
            elif error.code() == self._error._PARTITION_EOF:
                drained.append((int(message.partition() or 0), int(message.offset() or 0)))
            elif error.code() == self._error._AUTO_OFFSET_RESET:
                raise LostOffsets(f"{self.topic}, partition {message.partition()}: {error.str()}")
            elif error.fatal():
                raise self._failure(error)
            else:
                log.warning("broker", reason=error.str())
        return messages, drained

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

    def ahead(self, partition: int, offset: int) -> int | None:
        """How many offsets the log holds from `offset` on, by the latest fetch; None before the first one."""
        _, high = self._consumer.get_watermark_offsets(self._at(self.topic, partition), cached=True)
        return max(0, high - offset) if high >= 0 else None

    def close(self) -> None:
        """Leaves the broker."""
        self._consumer.close()
