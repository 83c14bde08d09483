"""The learner's loop: messages in, answers and taught models out, without a broker and with one.

valid messages -> decode -> ask -> teach -> score               (in memory)
topic valid -> the same -> publish -> topic predictions, Redis  (a real broker and Redis)
"""

from __future__ import annotations

import dataclasses
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from core.applications import APPLICATIONS
from core.connect.redis import client
from core.declaration import Application
from core.names import Stream, topic
from core.settings import Settings
from core.validation import Check, with_source
from infra.local import broker, readiness, stores, supervise
from infra.local.program import stop_order
from infra.local.programs import programs
from learners import memory
from learners.answers import answers_producer
from learners.learner import Learner
from learners.loop import Loop
from learners.process import calm_collector
from learners.publish import Publisher
from learners.source import Source
from learners.start import plan
from learners.tracking import Tracker
from learners.warm import warm_up
from models.roster import is_naive
from producers.registry import generator
from tests.e2e.stack import Stack, wait_for
from tests.e2e.topics import send

BASELINE = "the same messages through the same code one at a time, the champion alone; and decoding alone"

BATCH = 2000
WARM = 2000
"""Events before the clock runs: loops are loaded, arrays have grown."""

ONE_BY_ONE = 3000

SPAN = timedelta(days=14)

Bodies = list[tuple[bytes, bytes]]
"""Key and value of valid messages, in the order of event time."""


def measure(events: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Per application: events/s in memory and through the broker; snapshots and memory at the end."""
    figures: dict[str, Any] = {}
    made = {name: _messages(application, events, say) for name, application in APPLICATIONS.items()}
    for name, application in APPLICATIONS.items():
        alone = _champion_alone(application)
        say(f"{name}: in memory")
        figures[name] = {
            "decode_events_per_s": _decoded(application, made[name]),
            "one_by_one_events_per_s": _in_memory(alone, made[name][: WARM + ONE_BY_ONE], 1)["events_per_s"],
            "champion": _in_memory(alone, made[name], BATCH),
            "roster": _in_memory(application, made[name][: min(events, 20_000)], BATCH),
        }
    with tempfile.TemporaryDirectory() as folder:
        for name, rate in _through_broker(Path(folder) / "s", made, say).items():
            figures[name]["broker_events_per_s"] = rate
    return figures


def _messages(application: Application, events: int, say: Callable[[str], None]) -> Bodies:
    say(f"{application.name}: making {events} events")
    source, check = generator(application.name, seed=7), Check(application)
    began, never = datetime(2026, 3, 2, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    made = []
    for n in range(events):
        accepted = check.encode(source.next(began + SPAN * (n / events)), never)
        made.append((accepted.key.encode(), with_source(accepted.body, 0, n)))
    return made


def _champion_alone(application: Application) -> Application:
    """The application with its first model only: what the others cost is told apart."""
    return dataclasses.replace(application, online=application.online[:1])


def _decoded(application: Application, made: Bodies) -> int:
    learner, began = Learner.fresh(application, 1.0), time.process_time()
    for at in range(0, len(made), BATCH):
        _read(learner, made, at, BATCH)
    return round(len(made) / (time.process_time() - began))


def _read(learner: Learner, made: Bodies, at: int, size: int) -> Any:
    values = [value for _, value in made[at : at + size]]
    none = np.zeros(len(values), dtype=np.int64)
    return learner.reader.lessons(none, np.arange(at, at + len(values)), none, values)


def _in_memory(application: Application, made: Bodies, size: int) -> dict[str, Any]:
    """Events/s of one core, and what is there at the end."""
    learner = Learner.fresh(application, 0.2)
    learner.step(_read(learner, made, 0, WARM))
    began = time.process_time()
    for at in range(WARM, len(made), size):
        learner.step(_read(learner, made, at, size))
    seconds = time.process_time() - began
    began = time.perf_counter()
    _, payload = memory.snapshot(learner, datetime.now(UTC), "")
    return {
        "events_per_s": round((len(made) - WARM) / seconds),
        "events": len(made),
        "models": [name for name in application.online if not is_naive(name)],
        "snapshot_ms": round(1000 * (time.perf_counter() - began), 1),
        "snapshot_kb": round((sum(map(len, payload.models.values())) + len(payload.loop)) / 1000),
        "waiting": len(learner.awaiting),
        "rss_mb": round(psutil.Process().memory_info().rss / 1e6),
    }


def _through_broker(var: Path, made: dict[str, Bodies], say: Callable[[str], None]) -> dict[str, int]:
    """Events/s of each learner by itself, its answers published."""
    stack = Stack(var, {})
    read, found = stack.read, {}
    try:
        broker.prepare(read)
        stores.prepare_redis(read)
        supervise.launch(read, programs(read))
        supervise.start(read, "broker", "redis")
        for part in ("broker", "redis"):
            wait_for(part, lambda part=part: not readiness.CHECKS[part](read), 90)  # type: ignore[misc]
        broker.create_topics(read)
        for name, bodies in made.items():
            say(f"{name}: through the broker")
            send(read.broker.url, topic(name, Stream.VALID), bodies)
            found[name] = _loop(_champion_alone(APPLICATIONS[name]), read, len(bodies))
    finally:
        supervise.stop_all(read, stop_order(programs(read)))
    return found


def _loop(application: Application, read: Settings, events: int) -> int:
    stop = threading.Event()
    publisher = Publisher(application.name, client(read.redis.url), b"bench", read.learners.recent, version=0)
    source = Source(read.broker.url, application.name)
    kept = source.kept(stop, lambda _: None)
    start = plan(source.topic, {}, {}, kept, "stop")
    warm_up(application)
    learner = Learner.fresh(application, 1.0)
    learner.next_offsets = dict(start.begin)
    producer = answers_producer(read.broker.url, "bench-learner")
    tracker = Tracker(read.mlflow.url, application.name, {}, "", 1e6)
    publisher.start()
    calm_collector()
    loop = Loop(learner, source, producer, publisher, tracker, read.learners, start, 0.0)
    source.begin(start.begin, None)
    threading.Thread(target=_end_at, args=(learner, events, stop), daemon=True).start()
    began, cpu = time.monotonic(), time.process_time()
    loop.run(stop)
    producer.flush(30)
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    publisher.close(5)
    source.close()
    # Threads of the clients share the cores with the broker here: the slower of both clocks counts.
    return round(events / max(seconds, cpu))


def _end_at(learner: Learner, events: int, stop: threading.Event) -> None:
    while learner.asked < events:
        time.sleep(0.01)
    stop.set()
