"""What is remembered of queries, in Redis: each caller's history, each application's saved queries.

query -> names.sql_history_key(application, caller)    a list of JSON, newest first, bounded
save  -> names.sql_saved_key(application)              a hash, name -> JSON, bounded
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from core import names
from core.api.sql import RanQuery, SavedQuery

if TYPE_CHECKING:
    from redis import Redis

log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")

MOST_REMEMBERED: Final = 100
MOST_SAVED: Final = 100
REMEMBERED_FOR: Final = timedelta(days=90)
PAUSE_S: Final = 5.0
"""After a failure nothing is written for so long: queries must not wait for a Redis that is away."""


class TooMany(ValueError):
    """There is no room for another saved query."""


class History:
    """Each caller's newest queries."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._away_until = 0.0

    def add(self, application: str, caller: str, ran: RanQuery) -> None:
        """Remembers a query; without Redis it is forgotten, and the log says so."""
        from redis.exceptions import RedisError

        if time.monotonic() < self._away_until:
            return
        key = names.sql_history_key(application, caller)
        try:
            with self._redis.pipeline(transaction=True) as pipe:
                pipe.lpush(key, msgspec.json.encode(ran))
                pipe.ltrim(key, 0, MOST_REMEMBERED - 1)
                pipe.expire(key, REMEMBERED_FOR)
                pipe.execute()
        except RedisError as error:
            self._away_until = time.monotonic() + PAUSE_S
            log.warning("sql history not written", application=application, error=str(error))

    def read(self, application: str, caller: str) -> list[RanQuery]:
        """Newest first; raises RedisError."""
        found: Any = self._redis.lrange(names.sql_history_key(application, caller), 0, -1)
        return [msgspec.json.decode(one, type=RanQuery) for one in found]

    def clear(self, application: str, caller: str) -> None:
        """Forgets all of it; raises RedisError."""
        self._redis.delete(names.sql_history_key(application, caller))


class Saved:
    """Queries that people gave a name, for all who use the application."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def read(self, application: str) -> list[SavedQuery]:
        """By name; raises RedisError."""
        found: Any = self._redis.hgetall(names.sql_saved_key(application))
        queries = [msgspec.json.decode(one, type=SavedQuery) for one in found.values()]
        return sorted(queries, key=lambda one: one.name)

    def save(self, application: str, query: SavedQuery) -> None:
        """Keeps a query, in the place of the one of that name; raises TooMany, RedisError."""
        key = names.sql_saved_key(application)
        added: Any = self._redis.hset(key, query.name, msgspec.json.encode(query))
        kept: Any = self._redis.hlen(key)
        if added and kept > MOST_SAVED:
            self._redis.hdel(key, query.name)
            raise TooMany(f"there are {MOST_SAVED} saved queries already: delete one first")

    def delete(self, application: str, name: str) -> bool:
        """Whether there was one; raises RedisError."""
        gone: Any = self._redis.hdel(names.sql_saved_key(application), name)
        return bool(gone)
