"""What a learner holds as events go by: memory of its process, time and size of its snapshots.

events at the live rate -> lines of JSON -> a process with the whole roster -> figures at 10,000, 100,000 ...

The events are made outside, so that what is measured is the learner's process and nothing else.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import msgspec
import psutil

BASELINE = "the same process before its first event"

BATCH = 2000

GAP = timedelta(seconds=0.1)
"""Between two events: as many as wait for their labels on a live stream."""

HEAVY_SHARE = 0.2
"""Of the events that slow models take, as by default."""


def measure(events: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Per application and number of events: MiB resident, ms and kB of a snapshot, answers that wait."""
    from core.applications import APPLICATIONS

    figures: dict[str, Any] = {}
    for name in APPLICATIONS:
        command = [sys.executable, "-m", "tests.bench.growth", name]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdin is not None and child.stdout is not None  # noqa: PT018
            for body in _bodies(name, events):
                child.stdin.write(body + b"\n")
            child.stdin.close()
            for line in child.stdout:
                found = msgspec.json.decode(line)
                figures[f"{name}.{found.pop('events')}"] = found
                say(f"{name}: {found}")
    return figures


def _bodies(name: str, events: int) -> Iterator[bytes]:
    from core.applications import get
    from core.validation import Check, with_source
    from producers.registry import generator

    source, check = generator(name, seed=7), Check(get(name))
    began, never = datetime(2026, 3, 2, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    for n in range(events):
        yield with_source(check.encode(source.next(began + n * GAP), never).body, 0, n)


def _child(name: str) -> None:
    """Learns from the lines on standard input."""
    from learners.spare import spare_memory

    spare_memory()
    import numpy as np

    from core.applications import get
    from learners import memory
    from learners.learner import Learner
    from learners.process import calm_collector
    from learners.warm import warm_up

    calm_collector()
    application = get(name)
    warm_up(application)
    learner, done, tell_at = Learner.fresh(application, HEAVY_SHARE), 0, 10_000
    _tell({"events": 0, "rss_mib": _resident()})
    while values := [line[:-1] for line in islice(sys.stdin.buffer, BATCH)]:
        none = np.zeros(len(values), dtype=np.int64)
        learner.step(learner.reader.lessons(none, np.arange(done, done + len(values)), none, values))
        done += len(values)
        if done >= tell_at:
            tell_at *= 10
            began = time.process_time()
            _, payload = memory.snapshot(learner, datetime.now(UTC), "")
            spent = time.process_time() - began
            size = sum(map(len, payload.models.values())) + len(payload.loop)
            found = {"snapshot_ms": round(1000 * spent, 1), "snapshot_kb": round(size / 1000)}
            waiting = {"waiting": len(learner.awaiting)}
            _tell({"events": done, "rss_mib": _resident()} | found | waiting)


def _resident() -> int:
    return round(psutil.Process().memory_info().rss / 2**20)


def _tell(found: dict[str, Any]) -> None:
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _child(sys.argv[1])
