"""Rows of further pages, kept for whoever asked, for a while.

They are kept, not computed again: a query without ORDER BY may give its rows in another order each time, and
an OFFSET makes every page dearer than the one before. They live in this process's memory, within bounds of
bytes, number and time; a cursor names a result by 128 random bits and is worth nothing to anyone else.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST_PER_CALLER = 8
"""Results of one caller: one more takes the place of their oldest, of nobody else's."""

_CURSOR = re.compile(r"([A-Za-z0-9_-]{22})\.(\d{1,7})", re.ASCII)


class NoResult(LookupError):
    """The cursor leads nowhere: never given out, someone else's, of another application, or expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What the pages of one query need."""

    caller: str
    application: str
    names: list[str]
    types: list[str]
    kept: bytes
    """Arrow IPC of all rows that there are pages of."""
    rows: int
    page: int
    """Rows of a page."""
    whole: bool
    """Whether the query has no rows beyond these."""
    version: int
    table_rows: int
    versions: dict[str, int]


class Results:
    """The results that are kept; safe to share between threads."""

    def __init__(self, seconds: float, most_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._most_bytes = most_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, Result]] = OrderedDict()

    def keep(self, result: Result) -> str | None:
        """The cursor of the second page; None where the result is larger than all that may be kept."""
        if len(result.kept) > self._most_bytes:
            return None
        key = secrets.token_urlsafe(16)
        with self._lock:
            self._expire()
            mine = [one for one, (_, kept) in self._kept.items() if kept.caller == result.caller]
            for old in mine[: max(0, len(mine) + 1 - MOST_PER_CALLER)]:
                del self._kept[old]
            self._kept[key] = (self._clock() + self.seconds, result)
            while self.bytes > self._most_bytes:
                self._kept.popitem(last=False)
        return cursor(key, result.page)

    def find(self, text: str, caller: str, application: str) -> tuple[Result, str, int]:
        """The result of a cursor, its key, and the first row of the page; raises NoResult."""
        found = _CURSOR.fullmatch(text)
        if found:
            with self._lock:
                self._expire()
                _, result = self._kept.get(found[1], (0.0, None))
            offset = int(found[2])
            mine = result and (result.caller, result.application) == (caller, application)
            if result and mine and offset < result.rows:
                return result, found[1], offset
        raise NoResult(
            f"the cursor is unknown or has expired: a result is kept for {self.seconds:g} s; ask again"
        )

    @property
    def bytes(self) -> int:
        """Of all results."""
        return sum(len(result.kept) for _, result in self._kept.values())

    def _expire(self) -> None:
        now = self._clock()
        for key in [key for key, (until, _) in self._kept.items() if until < now]:
            del self._kept[key]


def cursor(key: str, offset: int) -> str:
    """The cursor of the page that starts at a row."""
    return f"{key}.{offset}"
