"""What people ask of a learner, as a state that it is brought to: training, champion, a version.

API -> Redis hash (kept over restarts) -> the learner's publisher, about every second -> its loop
learner -> Redis hash of versions -> API: what can be gone back to

Raises what Redis raises.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from core import names

if TYPE_CHECKING:
    from redis import Redis


class Place(StrEnum):
    """Where the bytes of a version lie."""

    REDIS = "redis"
    MLFLOW = "mlflow"


class Reset(msgspec.Struct, frozen=True, kw_only=True):
    """Go back to a version; obeyed once, however often it is read."""

    id: str
    version: int
    asked: datetime


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of one learner."""

    training: bool = True
    champion: str | msgspec.UnsetType | None = msgspec.UNSET
    """The model that shall answer; None: by rule; unset: nobody has said, and it stays as it is."""
    reset: Reset | None = None
    """The newest one; the learner knows whether it has obeyed."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot that is kept for longer."""

    version: int
    created: datetime
    model: str
    """Its champion."""
    asked: int
    taught: int
    clock: datetime | None
    scores: dict[str, float | None]
    """Of the champion."""
    bytes: int
    place: Place
    run_id: str = ""


def read(redis: Redis, application: str) -> Control:
    """What is asked now; all as it is where nobody asked. Raises ValueError on a hash of another shape."""
    found: Any = redis.hgetall(names.control_key(application))
    return decode(found)


def decode(fields: dict[bytes, bytes]) -> Control:
    """The hash as it lies in Redis; raises ValueError that says what is wrong."""
    values = {name.decode(): msgspec.json.decode(text) for name, text in fields.items()}
    return msgspec.convert(values, Control)


def train(redis: Redis, application: str, on: bool) -> None:
    """Training on or off."""
    _ask(redis, application, "training", on)


def appoint(redis: Redis, application: str, champion: str | None) -> None:
    """A champion by hand; None: by rule."""
    _ask(redis, application, "champion", champion)


def reset(redis: Redis, application: str, version: int) -> Reset:
    """Back to a version."""
    asked = Reset(id=uuid4().hex, version=version, asked=datetime.now(UTC))
    _ask(redis, application, "reset", asked)
    return asked


def _ask(redis: Redis, application: str, field: str, value: Any) -> None:
    redis.hset(names.control_key(application), field, msgspec.json.encode(value))


def versions(redis: Redis, application: str) -> list[Version]:
    """What can be gone back to, newest first; a version stands once for each place that has it."""
    found: Any = redis.hvals(names.versions_key(application))
    kept = [msgspec.json.decode(text, type=Version) for text in found]
    return sorted(kept, key=lambda one: (-one.version, one.place))


def listed(one: Version) -> str:
    """The field under which the hash of versions has it: "mlflow:12"."""
    return f"{one.place}:{one.version}"


def replace_listed(redis: Redis, application: str, place: Place, kept: Iterable[Version]) -> None:
    """Makes the hash of versions name just these for a place."""
    key = names.versions_key(application)
    known: Any = redis.hkeys(key)
    fresh: dict[Any, Any] = {listed(one): msgspec.json.encode(one) for one in kept}
    gone = [name for name in known if name.decode().startswith(f"{place}:") and name.decode() not in fresh]
    with redis.pipeline(transaction=True) as pipe:
        if fresh:
            pipe.hset(key, mapping=fresh)
        if gone:
            pipe.hdel(key, *gone)
        pipe.execute()
