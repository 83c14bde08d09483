"""The clients of Redis, with retries and time limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis import Redis
    from redis.asyncio import Redis as AsyncRedis


def client(url: str, timeout_seconds: float = 2.0, retries: int = 3) -> Redis:
    """A client whose calls fail within a few seconds rather than hang; values are bytes."""
    from redis import Redis, exceptions
    from redis.backoff import ExponentialBackoff
    from redis.retry import Retry

    return Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=retries),
        retry_on_error=[exceptions.ConnectionError, exceptions.TimeoutError],
        health_check_interval=15,
    )


def async_client(url: str, timeout_seconds: float) -> AsyncRedis:
    """A client for an event loop; a call fails within the time limit and is not tried again."""
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    return Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), retries=0),
    )
