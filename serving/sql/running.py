"""The queries under way that can be stopped by name, each by its own caller only."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class AlreadyRuns(ValueError):
    """The caller has a query of that name under way."""


class Stop(threading.Event):
    """Set when a query has to stop; `by_caller` when its caller asked for it, and did not just hang up."""

    by_caller = False


class Running:
    """(caller, name) -> how to stop it; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queries: dict[tuple[str, str], Stop] = {}

    @contextmanager
    def named(self, caller: str, query: str | None, stop: Stop) -> Iterator[None]:
        """Makes a query known while the block runs; without a name, nobody can stop it."""
        if query is None:
            yield
            return
        key = (caller, query)
        with self._lock:
            if key in self._queries:
                raise AlreadyRuns(f"the query {query!r} is under way already: give each an id of its own")
            self._queries[key] = stop
        try:
            yield
        finally:
            with self._lock:
                del self._queries[key]

    def stop(self, caller: str, query: str) -> bool:
        """Stops a query; False where the caller has none of that name."""
        with self._lock:
            found = self._queries.get((caller, query))
        if found is not None:
            found.by_caller = True
            found.set()
        return found is not None

    def names(self, caller: str) -> list[str]:
        """What a caller has under way."""
        with self._lock:
            return sorted(query for who, query in self._queries if who == caller)
