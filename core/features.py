"""The windowed features of an application: their names, units and meaning, derived from its declaration.

    Application.windows -> features -> columns of the topic and the table `features`, help in the screens

The Flink job `features` computes them, and nobody else does: models and trainers read its rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.declaration import Application, Number, leaves
from core.windows import (
    Aggregate,
    Count,
    DistanceFromLast,
    Distinct,
    Max,
    Mean,
    Share,
    SinceLast,
    Sum,
    Switches,
    Window,
    Windowed,
    names,
    span_name,
)

KEY = "key"
EVENT_TIME = "event_time"
LATE = "late"
AGE = "age_s"
"""Columns of a feature row beside its source and the features: the entity, the event time to the millisecond,
whether the row came behind the watermark, and how old the event was, in s, when the row was computed."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One column: a count is an integer, everything else a float; null on late rows."""

    name: str
    integer: bool
    unit: str
    help: str
    windowed: Windowed
    aggregate: Aggregate | None = None


def features(application: Application) -> tuple[Feature, ...]:
    """Every feature in declared order; empty where nothing is remembered."""
    known = _KNOWN.get(id(application))
    if known is None or known[0] is not application:
        known = _KNOWN[id(application)] = application, _derived(application)
    return known[1]


_KNOWN: dict[int, tuple[Application, tuple[Feature, ...]]] = {}
"""By the declaration's identity, whose hash takes longer than a prediction: requests ask often."""


def _derived(application: Application) -> tuple[Feature, ...]:
    units = {path: leaf.unit for path, leaf in leaves(application) if isinstance(leaf, Number)}
    return tuple(one for windowed in application.windows for one in _of(windowed, units))


def horizon(application: Application) -> timedelta:
    """How long an entity without a new row is remembered: the longest window, after which nothing is in any.

    A day where features are declared, but no window.
    """
    spans = [windowed.span for windowed in application.windows if isinstance(windowed, Window)]
    return max(spans, default=timedelta(days=1))


def as_of(
    application: Application, values: Mapping[str, float | int | None], last: datetime, now: datetime
) -> dict[str, float | int | None]:
    """What is known at `now` of an entity whose row before happened at `last`, from that row's features.

    The time since it is exact. A window that has passed since then knows nothing any more; one that has not
    is as it was, without the event of now. How far it has moved can't be told: null.
    """
    made: dict[str, float | int | None] = {}
    for one in features(application):
        match one.windowed:
            case SinceLast():
                made[one.name] = max(0.0, (now - last).total_seconds())
            case Window(span=span) if now - last <= span:
                made[one.name] = values.get(one.name)
            case _:
                made[one.name] = None
    return made


def _of(windowed: Windowed, units: dict[str, str]) -> Iterator[Feature]:
    match windowed:
        case Window(by=by, span=span, take=take):
            for name, one in zip(names(windowed), take, strict=True):
                what, unit = _meaning(one, units)
                integer = isinstance(one, Count | Distinct | Switches)
                yield Feature(
                    name, integer, unit, f"{what}, same {by}, last {span_name(span)}", windowed, one
                )
        case SinceLast(by=by):
            yield Feature(names(windowed)[0], False, "s", f"Time since the row before of this {by}", windowed)
        case DistanceFromLast(by=by, place=place):
            help_ = f"Distance from the {place} of the row before of this {by}"
            yield Feature(names(windowed)[0], False, "km", help_, windowed)


def _meaning(aggregate: Aggregate, units: dict[str, str]) -> tuple[str, str]:
    """What an aggregate tells, and its unit."""
    match aggregate:
        case Count():
            return "Rows", ""
        case Sum(field=field):
            return f"Sum of {field}", units[field]
        case Mean(field=field):
            return f"Mean of {field}", units[field]
        case Max(field=field):
            return f"Largest {field}", units[field]
        case Distinct(field=field):
            return f"Different values of {field}", ""
        case Share(field=field, value=value):
            return f"Share of rows with {field} {value}", ""
        case Switches(field=field):
            return f"Changes of {field} from row to row", ""
