"""Snapshots of models that have learned, sealed as a learner seals them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import msgspec
from redis import Redis

from core.applications import APPLICATIONS
from core.declaration import Application, Classification
from core.names import learner_key, snapshot_key
from core.records import LearnerReport, LearnerState, Segment
from core.snapshots import Header, Payload, schema_hash, seal
from models import build, row
from tests.serving.conftest import KEY
from tests.serving.rows import event

CLASSIFIER = next(app for app in APPLICATIONS.values() if isinstance(app.task, Classification))


@cache
def learned(name: str) -> bytes:
    """The bytes of a model of the application that has had enough lessons to answer."""
    application = APPLICATIONS[name]
    model = build(application)
    for seed in range(20_000):
        if model.trained:
            return model.to_bytes()
        x = row(application, event(application, seed))
        model.learn_one(x, _label(application, seed))
    raise AssertionError(f"{name} is not trained after {seed} lessons")


def fresh(name: str) -> bytes:
    """The bytes of a model that knows nothing."""
    return build(APPLICATIONS[name]).to_bytes()


def snapshot(
    name: str, payload: bytes, version: int = 1, key: bytes = KEY.encode(), **header: object
) -> bytes:
    application = APPLICATIONS[name]
    values: dict[str, object] = {
        "application": name,
        "model": application.online[0],
        "version": version,
        "schema": schema_hash(application),
        "created": datetime.now(UTC),
        "asked_offsets": {},
        "taught_offsets": {},
        "asked": 10,
        "taught": 9,
        "clock": None,
        "scores": {"score": 0.5},
        "threshold": 0.25,
    }
    made = Header(**values | header)  # type: ignore[arg-type]
    return seal(made, Payload(models={made.model: payload}, loop=b""), key)


def put_snapshot(redis: Redis, name: str, model: bytes, version: int = 1, **header: object) -> None:
    redis.set(snapshot_key(name), snapshot(name, model, version, **header))  # type: ignore[arg-type]


def put_report(redis: Redis, name: str, **values: object) -> None:
    known: dict[str, object] = {
        "application": name,
        "state": LearnerState.LIVE,
        "pid": 1,
        "heartbeat": datetime.now(UTC),
        "champion": APPLICATIONS[name].online[0],
        "version": 1,
        "asked": 12,
        "taught": 11,
        "naive": {"score": 0.1},
        "run_id": "0123",
        "segments": [Segment(number=n, size=1, profile={"price": float(n)}) for n in range(20)],
    }
    redis.set(learner_key(name), msgspec.json.encode(LearnerReport(**known | values)))  # type: ignore[arg-type]


def _label(application: Application, seed: int) -> object:
    if application.label is None:
        return None
    return seed % 5 == 0 if isinstance(application.task, Classification) else 600 + seed % 100
