"""When past events happened: over a span of time, busier by day than by night. Pure.

span, number of events -> hours weighted by HOURLY -> event times, ascending
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

HOUR = timedelta(hours=1)

# fmt: off
HOURLY = (
    0.4, 0.3, 0.25, 0.25, 0.3, 0.5, 0.8, 1.2, 1.4, 1.3, 1.2, 1.2,
    1.3, 1.2, 1.1, 1.1, 1.3, 1.5, 1.6, 1.5, 1.3, 1.0, 0.8, 0.6,
)
# fmt: on
"""How busy each hour of the day is (UTC), relative to the others."""


def times(events: int, start: datetime, end: datetime, rng: Random) -> Iterator[datetime]:
    """Ascending UTC times within [start, end): one in each of `events` equal shares of the activity.

    Raises ValueError where the span is empty or the number negative.
    """
    if events < 0:
        raise ValueError(f"{events} events; it must be 0 or more")
    if start >= end:
        raise ValueError(f"the span from {start.isoformat()} to {end.isoformat()} is empty")
    total = sum(weight for _, _, weight in _pieces(start, end))
    pieces = _pieces(start, end)
    begun, until, weight = next(pieces)
    before = 0.0
    for n in range(events):
        place = (n + rng.random()) / events * total
        while before + weight < place:
            before += weight
            begun, until, weight = next(pieces, (until, end, 1.0))
        moment = begun + (until - begun) * ((place - before) / weight)
        yield min(moment, end - timedelta(microseconds=1))


def _pieces(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, float]]:
    """The span cut at full hours: (begin, end, activity)."""
    begun = start
    while begun < end:
        until = min(end, begun.replace(minute=0, second=0, microsecond=0) + HOUR)
        yield begun, until, HOURLY[begun.hour] * ((until - begun) / HOUR)
        begun = until
