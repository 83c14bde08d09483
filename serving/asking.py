"""Questions to Redis whose failure is an answer: 503 that names it, within the time limit of its client."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from serving.problems import Problem
from serving.services import Services

T = TypeVar("T")


def ask_redis(services: Services, question: Callable[[], T]) -> T:
    """What `question` returns; raises Problem (503) when Redis is away. A Redis known to be is not asked."""
    from redis.exceptions import RedisError

    reached(services)
    try:
        return question()
    except (RedisError, OSError) as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"Redis is away: {error}") from None


def reached(services: Services) -> None:
    """Raises Problem (503) where Redis is known to be away."""
    if services.live.away:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"Redis is away: {services.live.away}")
