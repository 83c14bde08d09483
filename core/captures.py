"""What outside programs have asked their models, and what these said: a bounded stream per application.

API: put -> stream (newest `most`), ids, counts by model -> newest, held -> API, batch worker

An id is taken once for as long as its capture is held: a batch that is sent again changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from core import names

if TYPE_CHECKING:
    from redis import Redis

CHUNK = 500
"""Captures that are put in at a time: Redis does nothing else meanwhile."""


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a model outside was asked about, and its answer."""

    id: str
    event: dict[str, Any]
    """As a request: without label; identifier and time may be null."""
    value: bool | int | float
    probability: float | None = None
    model: str = ""
    version: str = ""
    time: datetime
    """When the model answered."""
    received: datetime


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What is held of an application's captures."""

    count: int
    taken: int
    """Since the beginning, those that were pushed out by newer ones among them."""
    start: datetime | None = None
    end: datetime | None = None
    """When the oldest and the newest were received."""
    models: dict[str, int]


_PUT = """
local new, most = 0, tonumber(ARGV[1])
for i = 2, #ARGV, 3 do
  if redis.call('SADD', KEYS[2], ARGV[i]) == 1 then
    redis.call('XADD', KEYS[1], '*', 'id', ARGV[i], 'model', ARGV[i + 1], 'capture', ARGV[i + 2])
    redis.call('HINCRBY', KEYS[3], ARGV[i + 1], 1)
    new = new + 1
  end
end
redis.call('INCRBY', KEYS[4], new)
local over = redis.call('XLEN', KEYS[1]) - most
if over > 0 then
  for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', over)) do
    redis.call('XDEL', KEYS[1], entry[1])
    redis.call('SREM', KEYS[2], entry[2][2])
    if redis.call('HINCRBY', KEYS[3], entry[2][4], -1) <= 0 then
      redis.call('HDEL', KEYS[3], entry[2][4])
    end
  end
end
return new
"""


def put(redis: Redis, application: str, captures: Sequence[Capture], most: int) -> int:
    """Stores captures, of which at most `most` are held, and returns how many were new."""
    new = 0
    for start in range(0, len(captures), CHUNK):
        told: list[Any] = [most]
        for one in captures[start : start + CHUNK]:
            told += [one.id, one.model, msgspec.json.encode(one)]
        found: Any = redis.eval(_PUT, 4, *_keys(application), *told)
        new += int(found)
    return new


def newest(redis: Redis, application: str, count: int | None) -> list[Capture]:
    """The newest captures, newest first; all that are held without a count."""
    found: Any = redis.xrevrange(names.captures_key(application), count=count)
    return [msgspec.json.decode(fields[b"capture"], type=Capture) for _, fields in found]


def held(redis: Redis, application: str) -> Held:
    """What is held, by model."""
    stream, _, models, taken = _keys(application)
    with redis.pipeline() as pipe:
        pipe.xlen(stream)
        pipe.get(taken)
        pipe.xrange(stream, count=1)
        pipe.xrevrange(stream, count=1)
        pipe.hgetall(models)
        count, ever, first, last, by_model = pipe.execute()
    return Held(
        count=count,
        taken=int(ever or 0),
        start=_received(first),
        end=_received(last),
        models={name.decode(): int(n) for name, n in by_model.items()},
    )


def taken(redis: Redis, applications: Sequence[str]) -> dict[str, int]:
    """How many were ever taken, of each application."""
    found: Any = redis.mget([_keys(name)[3] for name in applications])
    return {name: int(count or 0) for name, count in zip(applications, found, strict=True)}


def _keys(application: str) -> tuple[str, str, str, str]:
    stream = names.captures_key(application)
    return stream, f"{stream}:ids", f"{stream}:models", f"{stream}:taken"


def _received(entries: Any) -> datetime | None:
    """The time in the id of a stream's entry."""
    if not entries:
        return None
    return datetime.fromtimestamp(int(entries[0][0].partition(b"-")[0]) / 1000, UTC)
