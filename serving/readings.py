"""Values that cost something to fetch and may hang: kept for a moment, waited for with a limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Generic, TypeVar

T = TypeVar("T")


class Away(Exception):
    """A dependency gives no answer at the moment; the text names it and says why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


class Reading(Generic[T]):
    """What `fetch` returns, at most `fresh_s` old.

    One fetch runs at a time, in a thread of its own; a caller waits for it at most `limit_s`. A fetch that
    hangs costs that one thread, however often it is asked for.
    """

    def __init__(self, name: str, fetch: Callable[[], T], fresh_s: float = 1.0, limit_s: float = 2.0) -> None:
        self.name = name
        self._fetch = fetch
        self._fresh_s = fresh_s
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._future: Future[T] | None = None
        self._ended = 0.0

    def __call__(self) -> T:
        """The value; raises Away when the fetch failed or has not come back in time."""
        try:
            return self._current().result(timeout=self._limit_s)
        except FutureTimeout:
            raise Away(self.name, f"no answer within {self._limit_s:g} s") from None
        except Exception as error:
            raise Away(self.name, f"{type(error).__name__}: {error}") from error

    def _current(self) -> Future[T]:
        with self._lock:
            future = self._future
            if future and (not future.done() or time.monotonic() - self._ended < self._fresh_s):
                return future
            self._future = future = Future()
            threading.Thread(
                target=self._run, args=(future,), name=f"reading-{self.name}", daemon=True
            ).start()
            return future

    def _run(self, future: Future[T]) -> None:
        try:
            value = self._fetch()
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the value
            self._ended = time.monotonic()
            future.set_exception(error)
        else:
            self._ended = time.monotonic()
            future.set_result(value)
