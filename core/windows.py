"""What an application remembers of an entity: the kinds of windowed features that a declaration may hold.

    Window(by="user_id", span=timedelta(hours=1), take=(Count(), Sum("amount")))
        -> user_id_1h_count, user_id_1h_sum_amount

A row's window holds the row itself, all rows of its entity with the same time (to the millisecond), and
those at most `span` earlier: SQL's RANGE BETWEEN span PRECEDING AND CURRENT ROW. Late rows are in no window.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows."""


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of a number, in whole millionths; null when every value is null."""

    field: str


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of a number over the rows that have it; null when none has."""

    field: str


@dataclass(frozen=True, slots=True)
class Max:
    """The largest value of a number; null when every value is null."""

    field: str


@dataclass(frozen=True, slots=True)
class Distinct:
    """How many different values of an entity or a category; null is none."""

    field: str


@dataclass(frozen=True, slots=True)
class Share:
    """The share of rows, 0 to 1, in which a category or a flag has this value."""

    field: str
    value: str | bool


@dataclass(frozen=True, slots=True)
class Switches:
    """How many rows have another value of a category than the entity's row before; null is no value.

    The row before may lie outside the window. An entity's rows are taken in the order of the key's.
    """

    field: str


Aggregate = Count | Sum | Mean | Max | Distinct | Share | Switches


@dataclass(frozen=True, slots=True)
class Window:
    """Aggregates over the rows of an entity within `span`."""

    by: str
    span: timedelta
    take: tuple[Aggregate, ...]


@dataclass(frozen=True, slots=True)
class SinceLast:
    """Seconds since the entity's row before; null on its first."""

    by: str


@dataclass(frozen=True, slots=True)
class DistanceFromLast:
    """Kilometres, on a sphere, from the place of the entity's row before; null on its first."""

    by: str
    place: str


Windowed = Window | SinceLast | DistanceFromLast


def span_name(span: timedelta) -> str:
    """A span as it stands in names: "10m", "24h", "90s"."""
    seconds = round(span.total_seconds())
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def aggregate_name(aggregate: Aggregate) -> str:
    """What is taken, as it stands in names: "sum_amount", "share_event_type_purchase"."""
    match aggregate:
        case Count():
            words = "count"
        case Share(field=field, value=value):
            words = f"share_{field}_{value}"
        case _:
            words = f"{type(aggregate).__name__}_{aggregate.field}"
    return re.sub(r"\W+", "_", words).strip("_").lower()


def names(windowed: Windowed) -> list[str]:
    """The names of the features that a declared window gives, in order."""
    match windowed:
        case Window(by=by, span=span, take=take):
            return [f"{by}_{span_name(span)}_{aggregate_name(one)}" for one in take]
        case SinceLast(by=by):
            return [f"{by}_since_last_s"]
        case DistanceFromLast(by=by):
            return [f"{by}_km_from_last"]
