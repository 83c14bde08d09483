"""Windowed features of seeded events, computed the slow and plain way, for models that read them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from typing import Any

from core.applications.area import haversine_km
from core.declaration import Application
from core.features import Feature, features, horizon
from core.windows import Count, DistanceFromLast, Distinct, Max, Mean, Share, SinceLast, Sum, Window

Event = dict[str, Any]
Past = deque[tuple[float, Event]]


def windowed(application: Application, events: Sequence[Event], gap: float) -> Iterator[dict[str, Any]]:
    """The features of each event, by name; events are `gap` s apart. Raises TypeError of what is unknown."""
    past: dict[tuple[str, str], Past] = defaultdict(deque)
    wanted, kept_s = features(application), horizon(application).total_seconds()
    for n, event in enumerate(events):
        now = n * gap
        yield {
            one.name: _value(one, past[one.windowed.by, event[one.windowed.by]], event, now) for one in wanted
        }
        for by in {one.windowed.by for one in wanted}:
            rows = past[by, event[by]]
            rows.append((now, event))
            while rows[0][0] < now - kept_s:
                rows.popleft()


def _value(one: Feature, past: Past, event: Event, now: float) -> float | int | None:
    match one.windowed:
        case SinceLast():
            return now - past[-1][0] if past else None
        case DistanceFromLast(place=place):
            return haversine_km(past[-1][1][place], event[place]) if past else None
        case Window(span=span):
            inside = [e for time, e in past if time >= now - span.total_seconds()]
            return _taken(one.aggregate, [*inside, event])


def _taken(aggregate: Any, rows: Sequence[Event]) -> float | int | None:
    if isinstance(aggregate, Count):
        return len(rows)
    cells = [row[aggregate.field] for row in rows if row[aggregate.field] is not None]
    match aggregate:
        case Distinct():
            return len(set(cells))
        case Share(value=value):
            return cells.count(value) / len(rows)
        case Sum() | Mean() | Max() if not cells:
            return None
        case Sum():
            return float(sum(cells))
        case Mean():
            return float(sum(cells)) / len(cells)
        case Max():
            return float(max(cells))
    raise TypeError(f"{type(aggregate).__name__} is not computed here")
