"""How long after an event was produced it is checked, has its features, and has its answer.

producers at a rate -> whole stack -> this reader: time of arrival - time at which it was produced
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from confluent_kafka import OFFSET_END, TopicPartition

from core.applications import APPLICATIONS
from core.connect import kafka
from core.names import Stream, topic
from tests.e2e.flow import flow
from tests.e2e.stack import Stack, wait_for

BASELINE = "the same stack at the lower rate, in the same run"

SETTINGS = {
    "MILLRACE_PRODUCERS__RATE": "1",
    "MILLRACE_PRODUCERS__BACKFILL_EVENTS": "12000",
    "MILLRACE_PRODUCERS__MALFORMED_SHARE": "0",
}

WARM_S = 30.0
"""Before anything counts: the JVM compiles, models load."""

DRAIN_S = 30.0
"""After the producers have ended, for what is on its way."""

Say = Callable[[str], None]
Place = tuple[str, int, int]
"""Application, source partition, source offset."""

FIRST_SEEN = {"valid_ms": Stream.VALID, "features_ms": Stream.FEATURES, "prediction_ms": Stream.PREDICTIONS}
"""As learners and screens read: ahead of transactions, as a reader may that knows repeats by their source."""

COMMITTED = {"valid_committed_ms": Stream.VALID, "features_committed_ms": Stream.FEATURES}
"""As Delta reads."""


class _Source(msgspec.Struct):
    source_partition: int
    source_offset: int


class Arrivals:
    """When each event's message was first seen on the topics of one stream of all applications."""

    def __init__(self, url: str, stream: Stream, committed: bool) -> None:
        self.produced: dict[Place, float] = {}
        """Unix seconds at which the broker's client stamped an event; only filled on `events`."""
        self.seen: dict[Place, float] = {}
        self._stream = stream
        level = "read_committed" if committed else "read_uncommitted"
        self._consumer = kafka.consumer(
            url, f"bench-{stream}-{level}", **{"isolation.level": level, "enable.partition.eof": False}
        )
        names = {topic(name, stream): name for name in APPLICATIONS}
        known = self._consumer.list_topics(timeout=10).topics
        self._consumer.assign([TopicPartition(t, n, OFFSET_END) for t in names for n in known[t].partitions])
        self._names = names
        self._decode = msgspec.json.Decoder(_Source).decode
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{stream} {level}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            messages = self._consumer.consume(5000, timeout=0.01)
            now = time.time()
            for message in messages:
                if message.error():
                    continue
                name = self._names[message.topic() or ""]
                if self._stream is Stream.EVENTS:
                    place = name, message.partition() or 0, message.offset() or 0
                    self.produced[place] = message.timestamp()[1] / 1000
                else:
                    source = self._decode(message.value() or b"")
                    self.seen.setdefault((name, source.source_partition, source.source_offset), now)

    def close(self) -> None:
        """Ends the reading."""
        self._stop.set()
        self._thread.join()
        self._consumer.close()


def measure(rates: list[float], seconds: float, state: str, say: Say) -> dict[str, Any]:
    """Per rate (events/s over all applications): ms p50, p95, p99 to each stream, and the share seen."""
    folder = Path(tempfile.mkdtemp(prefix="millrace-bench-"))
    stack = Stack(folder, SETTINGS | {"MILLRACE_FLINK__STATE": state})
    figures: dict[str, Any] = {}
    try:
        started = stack.local("up", "--detach")
        if started.returncode:
            raise RuntimeError(started.stdout + started.stderr)
        for rate in rates:
            say(f"{rate:.0f} events/s for {WARM_S + seconds:.0f} s")
            figures[f"{rate:.0f}"] = _at(stack, rate, seconds)
            say(f"{figures[f'{rate:.0f}']}")
    finally:
        stack.local("down")
        shutil.rmtree(folder, ignore_errors=True)
    late = [one["prediction_ms"]["p95"] for one in figures.values()]
    return {"state": state} | figures | {"ratio": round(late[-1] / late[0], 2)}


def _at(stack: Stack, rate: float, seconds: float) -> dict[str, Any]:
    """Figures of the events that were produced between the warm-up's end and the producers' end."""
    url = stack.read.broker.url
    wait_for("nothing is on its way", lambda: _idle(stack), 180)
    wanted = FIRST_SEEN | COMMITTED
    readers = {name: Arrivals(url, one, name in COMMITTED) for name, one in wanted.items()}
    events = Arrivals(url, Stream.EVENTS, committed=False)
    with flow(stack, rate):
        time.sleep(WARM_S)
        begin = time.time()
        time.sleep(seconds)
        end = time.time()
    time.sleep(DRAIN_S)
    for reader in (events, *readers.values()):
        reader.close()
    counted = {place: at for place, at in events.produced.items() if begin <= at < end}
    return {"events": len(counted)} | {name: _spread(counted, one.seen) for name, one in readers.items()}


def _idle(stack: Stack) -> bool:
    return all((stack.application(name)["lag"] or 0) < 10 for name in APPLICATIONS)


def _spread(produced: dict[Place, float], seen: dict[Place, float]) -> dict[str, float]:
    delays = np.array([seen[place] - at for place, at in produced.items() if place in seen]) * 1000
    if not len(delays):
        return {"seen": 0.0}
    p50, p95, p99 = np.percentile(delays, (50, 95, 99))
    figures = {"p50": p50, "p95": p95, "p99": p99}
    return {name: round(float(value), 1) for name, value in figures.items()} | {
        "seen": round(len(delays) / len(produced), 5)
    }
