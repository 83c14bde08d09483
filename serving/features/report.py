"""How far the latest features have come: counts, ages, delays, and where to read on.

It is stored in the transaction that stores the rows it counts, so after a kill nothing is counted twice.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime

import msgspec

from core.api.status import Freshness
from serving.ledger import Book

AGE_BOUNDS = (0.5, 1, 2, 3, 5, 10, 30, 60, 300, 3600, 86_400, 604_800)
"""Seconds. The upper ones hold history: its events are hours and days old when they are first seen."""

DELAY_BOUNDS = (0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 3600)

RECENT_SECONDS = 300
"""How far back the delays go that say how fresh features are now."""


class Histogram(msgspec.Struct, kw_only=True):
    """Counts per bucket, not accumulated; the last bucket has no bound."""

    counts: list[int]
    total: float = 0.0

    @classmethod
    def over(cls, bounds: tuple[float, ...]) -> Histogram:
        """An empty one."""
        return cls(counts=[0] * (len(bounds) + 1))

    def add(self, bounds: tuple[float, ...], value: float) -> None:
        """Counts a value in the bucket whose upper bound it does not exceed."""
        self.counts[bisect_left(bounds, value)] += 1
        self.total += value


class Report(msgspec.Struct, kw_only=True):
    """One application's topic `features`, read up to some offsets."""

    book: Book = msgspec.field(default_factory=Book)
    late: int = 0
    unreadable: int = 0
    """Messages that are no feature rows; passed over."""
    clock_ms: int = 0
    """The newest event time of a timely row, in ms since 1970; 0 before the first."""
    entities: int = 0
    """Whose features are held."""
    ages: Histogram = msgspec.field(default_factory=lambda: Histogram.over(AGE_BOUNDS))
    """`age_s` of every row: from event time."""
    delays: Histogram = msgspec.field(default_factory=lambda: Histogram.over(DELAY_BOUNDS))
    """Of a sample of rows: from the event's arrival at the broker until its features could be read."""
    recent: list[tuple[int, float]] = []
    """The newest of them: when (s since 1970), delay."""
    written: datetime | None = None

    def restart(self) -> None:
        """Counts from nothing: the topic is another one, or no longer holds what comes next."""
        empty = Report()
        for name in ("late", "unreadable", "ages", "delays"):
            setattr(self, name, getattr(empty, name))

    def sampled(self, now: float, delay: float) -> None:
        """Takes in the delay of one row."""
        self.delays.add(DELAY_BOUNDS, delay)
        self.recent = [one for one in self.recent if one[0] > now - RECENT_SECONDS]
        self.recent.append((int(now), round(delay, 3)))

    def freshness(self, now: float) -> Freshness | None:
        """Over the last `RECENT_SECONDS`; None when no row was looked at in that time."""
        delays = sorted(delay for at, delay in self.recent if at > now - RECENT_SECONDS)
        if not delays:
            return None
        last = len(delays) - 1
        return Freshness(p50=delays[round(0.5 * last)], p95=delays[round(0.95 * last)], samples=len(delays))

    @property
    def newest_event_time(self) -> datetime | None:
        """The event time up to which features are known."""
        return datetime.fromtimestamp(self.clock_ms / 1000, UTC) if self.clock_ms else None
