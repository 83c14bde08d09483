"""Against a real Redis on a free port."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis import Redis

from core import names
from core.connect.redis import client
from core.records import Judged, LearnerReport, LearnerState, Prediction
from core.snapshots import Header, Payload, unseal
from learners.publish import Publisher, Written

KEY = b"key"
NOW = datetime(2026, 11, 21, tzinfo=UTC)


class Server:
    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._folder = folder
        self.start()

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._process = subprocess.Popen(command, cwd=self._folder, stdout=subprocess.DEVNULL)
        with Redis(port=self.port) as redis:
            until(lambda: ping(redis))

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def ping(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except OSError:
        return False
    except Exception:  # noqa: BLE001 - not up yet
        return False


def until(true: Callable[[], Any], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path)
    yield started
    started.stop()


@pytest.fixture
def redis(server: Server) -> Iterator[Redis]:
    with client(f"redis://127.0.0.1:{server.port}/0") as one:
        yield one


@pytest.fixture
def publisher(redis: Redis) -> Iterator[Publisher]:
    one = Publisher("toy", redis, KEY, recent=5, version=7)
    one.start()
    yield one
    one.close(5)


def answer(event_id: str, event: dict[str, Any]) -> tuple[str, Written]:
    one = Prediction(
        application="toy",
        event_id=event_id,
        entity="e",
        event_time=NOW,
        source_partition=0,
        source_offset=1,
        model="m",
        version=7,
        value=True,
        probability=0.9,
        threshold=0.5,
        asked_at=NOW,
    )
    return event_id, partial(msgspec.json.encode, msgspec.structs.asdict(one) | {"event": event})


def judged(event_id: str, truth: bool) -> Judged:
    return Judged(
        application="toy",
        event_id=event_id,
        entity="e",
        event_time=NOW,
        known_time=NOW + timedelta(minutes=1),
        model="m",
        value=True,
        probability=0.9,
        truth=truth,
        event={"amount": 5, "device_info": {"os": "iOS"}},
    )


def header(asked: int = 1) -> Header:
    return Header(
        application="toy",
        model="m",
        version=0,
        schema="s",
        created=NOW,
        asked_offsets={0: asked},
        taught_offsets={0: 0},
        asked=asked,
        taught=0,
        clock=NOW,
    )


def report() -> LearnerReport:
    return LearnerReport(
        application="toy", state=LearnerState.LIVE, pid=1, heartbeat=NOW, champion="m", version=0, asked=3
    )


def test_snapshots_are_signed_and_counted_without_gaps(publisher: Publisher, redis: Redis) -> None:
    for n in (1, 2):
        publisher.offer_snapshot(header(n), Payload(models={"m": b"m"}, loop=b"l"))
        wait_for_version(publisher, 7 + n)
    found, payload = unseal(redis.get(names.snapshot_key("toy")), KEY)  # type: ignore[arg-type]
    assert (found.version, found.asked, payload.models) == (9, 2, {"m": b"m"})


def test_the_report_tells_the_snapshot_that_was_written(publisher: Publisher, redis: Redis) -> None:
    publisher.offer_snapshot(header(), Payload(models={"m": b"m"}, loop=b"l"))
    publisher.offer_report(report())
    assert publisher.close(5)
    told = msgspec.json.decode(redis.get(names.learner_key("toy")), type=LearnerReport)  # type: ignore[arg-type]
    assert told.version == 8
    assert told.snapshot_created == NOW
    assert told.asked == 3


def wait_for_version(publisher: Publisher, version: int) -> None:
    until(lambda: publisher.version == version)


def shown(redis: Redis) -> list[str]:
    return [msgspec.json.decode(one)["event_id"] for one in redis.lrange(names.recent_key("toy"), 0, -1)]


def test_newest_answers_first_with_their_truths(publisher: Publisher, redis: Redis) -> None:
    for n in range(20):
        publisher.offer_answers([answer(f"id{n}", {"amount": n})])
        publisher.offer_truths([(f"id{n}", n % 2 == 0)])
    until(lambda: redis.hlen(names.truths_key("toy")) == 5)
    assert shown(redis) == [f"id{n}" for n in (19, 18, 17, 16, 15)]
    first = msgspec.json.decode(redis.lindex(names.recent_key("toy"), 0))  # type: ignore[arg-type]
    assert first["event"] == {"amount": 19}
    assert first["probability"] == 0.9
    publisher.offer_answers([answer("id20", {})])
    until(lambda: shown(redis)[0] == "id20")
    truths = redis.hgetall(names.truths_key("toy"))
    assert truths == {b"id19": b"false", b"id18": b"true", b"id17": b"false", b"id16": b"true"}


def test_the_next_process_shows_no_answer_twice(publisher: Publisher, redis: Redis) -> None:
    for n in range(4):
        publisher.offer_answers([answer(f"id{n}", {})])
    assert publisher.close(5)
    after = Publisher("toy", redis, KEY, recent=5, version=8)
    after.start()
    for n in (2, 3, 4):
        after.offer_answers([answer(f"id{n}", {})])
    after.offer_truths([("id0", True)])
    assert after.close(5)
    assert shown(redis) == ["id4", "id3", "id2", "id1", "id0"]
    assert redis.hgetall(names.truths_key("toy")) == {b"id0": b"true"}


def test_the_newest_answers_whose_labels_became_known(publisher: Publisher, redis: Redis) -> None:
    for n in range(8):
        publisher.offer_judged([partial(msgspec.json.encode, judged(f"id{n}", n % 2 == 0))])
    key = names.judged_key("toy")
    until(lambda: redis.llen(key) == 5)
    listed: Any = redis.lrange(key, 0, -1)
    found = [msgspec.json.decode(one, type=Judged) for one in listed]
    assert found == [judged(f"id{n}", n % 2 == 0) for n in (7, 6, 5, 4, 3)]


def test_truths_of_answers_that_are_not_shown_are_not_kept(publisher: Publisher, redis: Redis) -> None:
    publisher.offer_truths([("never answered", True)])
    publisher.offer_answers([answer("id0", {})])
    publisher.offer_truths([("id0", 7.5)])
    assert publisher.close(5)
    assert redis.hgetall(names.truths_key("toy")) == {b"id0": b"7.5"}


def test_history_is_a_stream_of_points(publisher: Publisher, redis: Redis) -> None:
    for n in range(700):
        publisher.offer_point({"time": NOW, "asked": n, "scores": {"mae": None}})
    until(lambda: redis.xlen(names.history_key("toy")) == 700)
    newest: Any = redis.xrevrange(names.history_key("toy"), count=1)
    last = newest[0][1]
    assert msgspec.json.decode(last[b"point"]) == {
        "time": "2026-11-21T00:00:00Z",
        "asked": 699,
        "scores": {"mae": None},
    }


def test_redis_away_loses_nothing_that_is_newest(publisher: Publisher, redis: Redis, server: Server) -> None:
    publisher.offer_report(report())
    until(lambda: redis.exists(names.learner_key("toy")))
    server.stop()
    for n in range(3):
        publisher.offer_snapshot(header(n), Payload(models={"m": b"m"}, loop=b"l"))
        publisher.offer_answers([answer(f"id{n}", {})])
        publisher.offer_truths([(f"id{n}", n == 0)])
        publisher.offer_judged([partial(msgspec.json.encode, judged(f"id{n}", True))])
        publisher.offer_point({"asked": n})
        publisher.offer_report(report())
        time.sleep(0.3)
    server.start()
    until(lambda: redis.exists(names.learner_key("toy")))
    found, _ = unseal(redis.get(names.snapshot_key("toy")), KEY)  # type: ignore[arg-type]
    assert (found.version, found.asked) == (8, 2)
    assert shown(redis) == ["id2", "id1", "id0"]
    assert redis.hlen(names.truths_key("toy")) == redis.llen(names.judged_key("toy")) == 3
    assert redis.xlen(names.history_key("toy")) == 3
    assert publisher.is_alive()
