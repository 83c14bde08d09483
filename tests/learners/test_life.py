"""A whole life against a real Redis and a small MLflow: flushed, begun again, reset, gaps in the log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from redis import Redis

from core import control, names
from core import settings as all_settings
from core.applications import APPLICATIONS
from core.control import Place
from core.settings import Settings
from core.snapshots import Header, unseal
from learners import life as lives
from learners.life import Life
from learners.loop import Loop
from learners.process import _finish
from learners.publish import Publisher
from learners.source import LostOffsets, Source
from learners.tracking import RESET_FROM
from tests.learners.fake_mlflow import FakeMlflow
from tests.learners.in_memory import Broker, Topic, final, light, loop_over
from tests.learners.streams import messages
from tests.learners.waiting import until

APP = light(next(iter(APPLICATIONS.values())))
COUNT = 1500
KEY = "a key of the tests"


class Process:
    """One process of a learner: a life, its loop, and what surrounds it."""

    def __init__(self, tmp_path: Path, redis: Redis, mlflow: FakeMlflow, count: int = COUNT) -> None:
        url = f"redis://127.0.0.1:{redis.connection_pool.connection_kwargs['port']}/0"
        self.redis, self.mlflow = redis, mlflow
        self.options = Settings(
            var=tmp_path,
            secret=KEY,
            redis=all_settings.Redis(url=url),
            mlflow=all_settings.Mlflow(url=mlflow.url),
            flink=all_settings.Flink(jobs="ingest,lakehouse"),
            learners=all_settings.Learners(snapshot_seconds=0.01, tracking_seconds=0.05, heavy_share=1.0),
        )
        self.stop = threading.Event()
        self.topic = Topic(messages(APP, count), self.stop)
        self.publisher = Publisher(APP.name, redis, KEY.encode(), recent=5, version=0)
        self.life = Life(APP, self.options, redis, self.publisher)
        self.told: list[str] = []

    def begin(self) -> Loop:
        self.publisher.start()
        return self.life.begin(cast(Source, self.topic), self.stop, self.told.append)

    def run(self) -> Loop:
        """From the beginning to a clean end, with what resets it meets."""
        loop = self.begin()
        while (asked := loop.run(self.stop)) is not None:
            loop = self.life.returned(loop, asked)
        if self.mlflow.is_up:
            # The list of versions is written by the publisher: it must have it before it ends.
            until(lambda: self.life.tracker._open and self.publisher._versions is None)
        _finish(loop, self.publisher, self.life.tracker)
        return loop

    def header(self) -> Header:
        """Of the snapshot in Redis."""
        blob: Any = self.redis.get(names.snapshot_key(APP.name))
        return unseal(blob, KEY.encode())[0]


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr("learners.life.answers_producer", lambda *_: made)
    monkeypatch.setattr("learners.loop.SNAPSHOT_REST", 0)
    return made


Started = Callable[..., Process]


@pytest.fixture
def started(tmp_path: Path, store: Redis, mlflow: FakeMlflow, broker: Broker) -> Started:
    return lambda count=COUNT: Process(tmp_path, store, mlflow, count)


def undisturbed() -> object:
    stop = threading.Event()
    loop, _, _ = loop_over(APP, Topic(messages(APP, COUNT), stop))
    loop.run(stop)
    return final(loop)


def test_a_flushed_redis_costs_nothing(started: Started, store: Redis, broker: Broker) -> None:
    first = started(900)
    first.run()
    version = first.header().version
    store.flushall()
    second = started()
    loop = second.run()
    assert final(loop) == undisturbed(), "nothing learned twice, nothing left out"
    assert second.header().version > version, "no number is given twice"
    sources = [(one["source_partition"], one["source_offset"]) for one in broker.delivered]
    assert len(sources) == len(set(sources)), "and nothing asked twice"
    runs = list(second.mlflow.runs.values())
    assert [run["status"] for run in runs] == ["FINISHED", "FINISHED"]
    assert runs[0]["tags"]["begun_from"] == "the earliest event"
    assert runs[1]["tags"]["begun_from"] == f"version {version}"
    assert runs[1]["tags"]["taught_at_start"] != "0"
    listed = [one.version for one in control.versions(store, APP.name) if one.place is Place.MLFLOW]
    assert version in listed, "the list of versions comes back as well"


def test_redis_comes_before_mlflow(started: Started) -> None:
    first = started(900)
    first.run()
    first.mlflow.runs.clear()
    second = started()
    assert final(second.run()) == undisturbed()


def test_who_never_answered_does_not_wait_for_mlflow(started: Started) -> None:
    first = started(400)
    first.mlflow.close()
    begun = time.monotonic()
    loop = first.begin()
    assert time.monotonic() - begun < 5
    assert loop._learner.asked == 0
    assert not first.told
    first.publisher.close(5)


def test_who_has_answered_waits_for_mlflow_and_says_so(
    started: Started, mlflow: FakeMlflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lives, "MLFLOW_WAIT_S", 1.5)
    one = started(400)
    one.topic.has_answers = True
    mlflow.close()
    loop = one.begin()
    assert "waiting for MLflow" in one.told[0]
    assert loop._learner.asked == 0, "in the end the earliest event"
    one.publisher.close(5)


@pytest.mark.parametrize("flushed", [False, True], ids=["from Redis", "from MLflow"])
def test_a_gap_in_the_log_stops_every_start(started: Started, store: Redis, flushed: bool) -> None:
    started(400).run()
    if flushed:
        store.flushall()
    second = started()
    second.topic.low = 300
    with pytest.raises(LostOffsets, match=r"the log holds 300 to .*ON_LOST_OFFSETS=skip"):
        second.begin()
    second.publisher.close(5)
    allowed = second.options.learners.model_copy(update={"on_lost_offsets": "skip"})
    third = started()
    third.topic.low = 300
    third.life._options = third.options.model_copy(update={"learners": allowed})
    loop = third.begin()
    assert min(loop._learner.next_offsets.values()) == 300
    third.publisher.close(5)


def test_a_reset_goes_on_from_the_version_in_a_new_run(
    started: Started, store: Redis, broker: Broker
) -> None:
    first = started(600)
    first.run()
    target = first.header().version
    second = started()
    asked: list[control.Reset] = []

    def before_poll() -> None:
        if second.topic.polls == 4:
            second.publisher.control = control.Control(reset=control.reset(store, APP.name, target))
            asked.append(second.publisher.control.reset)  # type: ignore[arg-type]

    second.topic.before_poll = before_poll
    loop = second.run()
    assert final(loop) == undisturbed(), "what came after the version was learned again, and once"
    header = second.header()
    assert header.reset == asked[0].id
    runs = second.mlflow.runs
    reset = runs[loop._tracker.run_id]
    assert reset["tags"][RESET_FROM] == str(target)
    assert [run["status"] for run in runs.values()] == ["FINISHED"] * 3
    kept = {one.version: one for one in control.versions(store, APP.name)}
    left = [one for one in kept.values() if one.version > target and 600 < one.asked < COUNT]
    assert left, "the state that was left is a version"
    assert header.version > left[0].version, "numbers go on"


def test_a_reset_whose_events_are_lost_changes_nothing(started: Started, store: Redis) -> None:
    started(400).run()
    second = started()
    target = second.header().version

    def before_poll() -> None:
        if second.topic.polls == 4:
            second.topic.low = 300
            second.publisher.control = control.Control(reset=control.reset(store, APP.name, target))

    second.topic.before_poll = before_poll
    loop = second.run()
    assert final(loop)[0] == undisturbed()[0]  # type: ignore[index]
    assert f"not reset to version {target}: " in loop.report(loop._state).error
    assert "the log holds 300" in loop.report(loop._state).error
