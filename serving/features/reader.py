"""The latest features of an entity, at the time of a request.

They are as of the entity's last timely event: a window's value does not decay by itself. A count over ten
minutes that was 5 an hour ago still says 5, so whoever uses it must look at `event_time`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from core import names
from core.declaration import Application
from core.features import EVENT_TIME, features
from core.names import SOURCE_OFFSET, SOURCE_PARTITION

if TYPE_CHECKING:
    from redis import Redis
    from redis.asyncio import Redis as AsyncRedis

CHUNK = 1000
"""Entities of one command: Redis answers others between two of them."""

Value = int | float | None


@dataclass(frozen=True, slots=True)
class Latest:
    """What is remembered of an entity as of its last timely event."""

    entity: str
    event_time: datetime
    """Of that event, cut to milliseconds."""
    values: Mapping[str, Value]
    """Feature -> value, in the declared order."""
    source_partition: int
    source_offset: int

    def age_s(self, now: datetime) -> float:
        """Seconds since the event; never negative, whatever the clocks say."""
        return max(0.0, (now - self.event_time).total_seconds())


def latest(redis: Redis, application: Application, entity: str) -> Latest | None:
    """The latest features of an entity, which is a value of the application's key.

    None when there are none: never seen, only late rows so far, not seen for as long as the longest
    window, or the job `features` does not run. Raises Redis's errors.
    """
    return many(redis, application, [entity])[0]


def many(redis: Redis, application: Application, entities: Sequence[str]) -> list[Latest | None]:
    """The same for several entities at once, in their order; one question to Redis."""
    if not entities:
        return []
    found: Any = redis.hmget(names.features_key(application.name), [one.encode() for one in entities])
    return [
        None if text is None else _latest(application, entity, text)
        for entity, text in zip(entities, found, strict=True)
    ]


def of_all(redis: Redis, application: Application, entities: Iterable[str]) -> dict[str, Latest]:
    """Those of many entities that are remembered; one round through Redis, in chunks. Raises its errors."""
    wanted = list(dict.fromkeys(entities))
    key, pipeline = names.features_key(application.name), redis.pipeline(transaction=False)
    for at in range(0, len(wanted), CHUNK):
        pipeline.hmget(key, [one.encode() for one in wanted[at : at + CHUNK]])
    texts = [text for chunk in pipeline.execute() for text in chunk]
    return {
        entity: _latest(application, entity, text)
        for entity, text in zip(wanted, texts, strict=True)
        if text is not None
    }


async def looked_up(redis: AsyncRedis, application: Application, entity: str) -> Latest | None:
    """As `latest`, on the event loop: a change of thread costs three times the look-up itself."""
    found: Any = await redis.hmget(names.features_key(application.name), [entity.encode()])
    return None if found[0] is None else _latest(application, entity, found[0])


def _latest(application: Application, entity: str, text: bytes) -> Latest:
    row = msgspec.json.decode(text)
    return Latest(
        entity=entity,
        event_time=datetime.fromisoformat(row[EVENT_TIME]),
        # A feature that was declared after this row was made is not known of it.
        values={one.name: row.get(one.name) for one in features(application)},
        source_partition=row[SOURCE_PARTITION],
        source_offset=row[SOURCE_OFFSET],
    )
