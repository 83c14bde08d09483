from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from core.applications import APPLICATIONS
from core.declaration import Application
from core.names import learner_key, snapshot_key
from models import OnlineModel, restore
from serving.live_models import LiveModels
from serving.meters import Meters
from tests.serving.conftest import make_settings
from tests.serving.models import CLASSIFIER, fresh, put_report, put_snapshot, snapshot

NAME = CLASSIFIER.name


class Decoded:
    """Counts how often a model is decoded."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, application: Application, name: str, data: bytes) -> OnlineModel:
        self.times += 1
        return restore(application, name, data)


@pytest.fixture
def decoded() -> Decoded:
    return Decoded()


@pytest.fixture
def live(redis: Redis, redis_url: str, tmp_path: Path, decoded: Decoded) -> LiveModels:
    return LiveModels(make_settings(tmp_path, redis_url), Meters(), decoded)


def version(live: LiveModels) -> int | None:
    model = live.view(NAME).live
    return model.header.version if model else None


def test_a_new_snapshot_replaces_the_old_one(live: LiveModels, redis: Redis) -> None:
    live.poll(redis)
    assert version(live) is None
    for number in (1, 2):
        put_snapshot(redis, NAME, fresh(NAME), number)
        live.poll(redis)
        assert version(live) == number
    assert not live.away


def test_the_same_snapshot_is_decoded_once(live: LiveModels, redis: Redis, decoded: Decoded) -> None:
    put_snapshot(redis, NAME, fresh(NAME))
    for _ in range(3):
        live.poll(redis)
    assert decoded.times == 1


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (snapshot(NAME, fresh(NAME), 2, key=b"another key"), "signature"),
        (snapshot(NAME, fresh(NAME), 2) + b"\0", "signature"),
        (b"rubbish", "not a snapshot"),
        (snapshot(NAME, fresh(NAME), 2, schema="0000"), "made for fields"),
        (snapshot(NAME, fresh(NAME), 2, model="none"), "none"),
        (snapshot(NAME, b"not a model", 2), ""),
    ],
)
def test_a_bad_snapshot_leaves_the_old_model(
    live: LiveModels, redis: Redis, blob: bytes, reason: str
) -> None:
    put_snapshot(redis, NAME, fresh(NAME), 1)
    live.poll(redis)
    redis.set(snapshot_key(NAME), blob)
    for _ in range(2):
        live.poll(redis)
    assert version(live) == 1
    assert reason in live.view(NAME).refused
    assert live.view(NAME).refused
    meter = live._meters.refused_snapshots.labels(NAME)
    assert meter._value.get() == 1, "a bad snapshot is counted once, not every second"
    put_snapshot(redis, NAME, fresh(NAME), 3)
    live.poll(redis)
    assert version(live) == 3
    assert not live.view(NAME).refused


def test_a_snapshot_of_another_application_is_refused(live: LiveModels, redis: Redis) -> None:
    other = next(name for name in APPLICATIONS if name != NAME)
    redis.set(snapshot_key(NAME), snapshot(other, fresh(other)))
    live.poll(redis)
    assert version(live) is None
    assert other in live.view(NAME).refused


def test_nothing_is_decoded_before_its_signature(live: LiveModels, redis: Redis, decoded: Decoded) -> None:
    redis.set(snapshot_key(NAME), snapshot(NAME, fresh(NAME), key=b"another key"))
    live.poll(redis)
    assert decoded.times == 0


def test_reports_come_along_and_rubbish_is_none(live: LiveModels, redis: Redis) -> None:
    put_report(redis, NAME, taught=5)
    live.poll(redis)
    report = live.view(NAME).report
    assert report
    assert report.taught == 5
    redis.set(learner_key(NAME), b"{")
    live.poll(redis)
    assert live.view(NAME).report is None
