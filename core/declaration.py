"""What an application is made of.

A declaration is a value: fields, task, label delay, models, queries. Topics, tables, validation, DDL,
forms and screens are derived from it, so nothing about an application is said twice.

    Application -> names -> topics, tables, keys
                -> validation -> accepted or rejected events
                -> schemas -> Arrow (Delta), DDL (Flink), form
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from core.windows import (
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
)

Event = Mapping[str, Any]
"""One event as decoded JSON: nested groups are mappings, the event time is an ISO-8601 text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """What every field may say besides its kind."""

    help: str = ""
    nullable: bool = False
    """The event always has the field; its value may be null."""
    derive: Callable[[Event], Any] | None = None
    """Computes the value from the rest of the event: a form shows it and does not ask for it."""


@dataclass(frozen=True, slots=True)
class Identifier(_Options):
    """A name that is unique per event; never an input of a model."""

    name: str


@dataclass(frozen=True, slots=True)
class Entity(_Options):
    """Whom the event is about. The application's key is an entity; order holds within its value."""

    name: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventTime(_Options):
    """When it happened, UTC: ISO-8601 with an offset, with or without a fraction."""

    name: str


@dataclass(frozen=True, slots=True)
class Number(_Options):
    """A finite number within [low, high]; `form` narrows the range that a form offers."""

    name: str
    low: float
    high: float
    unit: str = ""
    integer: bool = False
    step: float | None = None
    form: tuple[float, float] | None = None

    @property
    def form_range(self) -> tuple[float, float]:
        """The range that a form offers: that of the data, where a declaration says no other."""
        return self.form or (self.low, self.high)


@dataclass(frozen=True, slots=True)
class Category(_Options):
    """One of `values`. An open vocabulary accepts new values as well; its `values` are the known ones."""

    name: str
    values: tuple[str, ...]
    open: bool = False


@dataclass(frozen=True, slots=True)
class Flag(_Options):
    """True or false."""

    name: str


@dataclass(frozen=True, slots=True)
class Text(_Options):
    """Free text of at most `longest` characters."""

    name: str
    longest: int = 500
    written: bool = False
    """People write it, in words: text diagnostics look at it."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in degrees, WGS 84."""

    south: float
    north: float
    west: float
    east: float


@dataclass(frozen=True, slots=True)
class Place(_Options):
    """A point: {"lat": degrees, "lon": degrees}. `area` is where forms draw from."""

    name: str
    area: Box

    @property
    def fields(self) -> tuple[Number, Number]:
        """The two coordinates as numbers; valid over the whole globe, offered within the area."""
        return (
            Number("lat", -90, 90, unit="°", step=1e-6, form=(self.area.south, self.area.north)),
            Number("lon", -180, 180, unit="°", step=1e-6, form=(self.area.west, self.area.east)),
        )


Leaf = Identifier | Entity | EventTime | Number | Category | Flag | Text


@dataclass(frozen=True, slots=True)
class Group(_Options):
    """A nested object."""

    name: str
    fields: tuple[Leaf, ...]


Field = Leaf | Place | Group


@dataclass(frozen=True, slots=True)
class Classification:
    """Tells how probable `positive` is as the value of `label`."""

    label: str
    positive: bool = True


@dataclass(frozen=True, slots=True)
class Regression:
    """Tells the number `label`. `naive` is the event's own field that answers it at no cost."""

    label: str
    unit: str
    floor: float
    naive: str


@dataclass(frozen=True, slots=True)
class Clustering:
    """Tells to which of `segments` groups an entity belongs, from what it did session by session."""

    entity: str
    session: str
    timeout: timedelta
    segments: int

    label: None = None


Task = Classification | Regression | Clustering


@dataclass(frozen=True, slots=True)
class Query:
    """A template of the SQL editor; the application's events are the table `data`."""

    title: str
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One stream and what is learned from it."""

    name: str
    title: str
    summary: str
    noun: str
    """What one event is, in the plural and in the field's words: "payments"."""
    icon: str
    """A Material symbol."""
    task: Task
    key: str
    """The entity by which events are produced, so that its events stay in order."""
    label_delay: timedelta | str
    """How long after the event its label is known: a span, or the name of a field that holds seconds."""
    fields: tuple[Field, ...]
    online: tuple[str, ...]
    """The live models by their recipe's name; the first one answers requests."""
    queries: tuple[Query, ...]
    batch: tuple[str, ...] = ()
    """The models trained on the history, by their recipe's name; the first one is the default."""
    windows: tuple[Windowed, ...] = ()
    """What is remembered of its entities: the features that the Flink job `features` computes."""
    ceiling: Mapping[str, float] = field(default_factory=dict, hash=False)
    """The best scores that a model can have, by metric id, where the stream's noise is known; else empty."""

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise ValueError(f"application {self.name!r}: " + "; ".join(problems))

    def field(self, name: str) -> Field:
        """The declared field `name`; raises KeyError with the names there are."""
        for one in self.fields:
            if one.name == name:
                return one
        raise KeyError(f"{self.name} has no field {name!r}; it has {', '.join(f.name for f in self.fields)}")

    @property
    def event_time(self) -> EventTime:
        """The field that says when it happened."""
        return next(f for f in self.fields if isinstance(f, EventTime))

    @property
    def identifier(self) -> Identifier:
        """The field that names the event."""
        return next(f for f in self.fields if isinstance(f, Identifier))

    @property
    def label(self) -> str | None:
        """The field that the model must not see; None where nothing is predicted."""
        return self.task.label


def leaves(application: Application) -> Iterator[tuple[str, Leaf]]:
    """Every leaf with its dotted path, in declared order: ("device_info.os", Category(...))."""
    for one in application.fields:
        if isinstance(one, Place | Group):
            for inner in one.fields:
                yield f"{one.name}.{inner.name}", inner
        else:
            yield one.name, one


def _problems(application: Application) -> Iterator[str]:
    names = [f.name for f in application.fields]
    for twice in sorted({n for n in names if names.count(n) > 1}):
        yield f"field {twice!r} is declared twice"
    for kind in (EventTime, Identifier):
        found = sum(isinstance(f, kind) for f in application.fields)
        if found != 1:
            yield f"needs exactly one {kind.__name__} field, has {found}"
    kinds = {f.name: type(f) for f in application.fields}
    if kinds.get(application.key) is not Entity:
        yield f"key {application.key!r} is not one of its Entity fields"
    for name, wanted in _references(application):
        if kinds.get(name) not in wanted:
            yield f"{name!r} is not one of its {' or '.join(k.__name__ for k in wanted)} fields"
    for path, leaf in leaves(application):
        if isinstance(leaf, Number) and not leaf.low <= leaf.form_range[0] <= leaf.form_range[1] <= leaf.high:
            yield f"{path!r}: form range {leaf.form_range} is not inside [{leaf.low}, {leaf.high}]"
    if not application.online:
        yield "needs at least one online model"
    yield from _window_problems(application)


def _references(application: Application) -> Iterator[tuple[str, tuple[type, ...]]]:
    """The names that the declaration mentions, with the kinds of field they must be."""
    match application.task:
        case Classification(label=label):
            yield label, (Flag,)
        case Regression(label=label, naive=naive):
            yield label, (Number,)
            yield naive, (Number,)
        case Clustering(entity=entity, session=session):
            yield entity, (Entity,)
            yield session, (Entity,)
    if isinstance(application.label_delay, str):
        yield application.label_delay, (Number,)


LARGEST_SUMMED = 1e9
"""Sums are kept in millionths as 64-bit integers: nine million such values fit."""

LONGEST_SPAN = timedelta(days=365)
"""Every row of a span is kept in the state of the job."""

_TAKES: dict[type, tuple[type, ...]] = {
    Sum: (Number,),
    Mean: (Number,),
    Max: (Number,),
    Distinct: (Entity, Category),
    Share: (Category, Flag),
    Switches: (Category,),
}
"""Which kinds of field an aggregate takes."""


def _window_problems(application: Application) -> Iterator[str]:
    named = [name for windowed in application.windows for name in names(windowed)]
    for twice in sorted({name for name in named if named.count(name) > 1}):
        yield f"feature {twice!r} is declared twice"
    fields: dict[str, Field] = dict(leaves(application)) | {f.name: f for f in application.fields}
    for windowed in application.windows:
        if not isinstance(fields.get(windowed.by), Entity):
            yield f"window by {windowed.by!r}: not one of its Entity fields"
        match windowed:
            case Window():
                yield from _take_problems(application, windowed, fields)
            case SinceLast() | DistanceFromLast() if windowed.by != application.key:
                yield f"{type(windowed).__name__} by {windowed.by!r}: order is kept for the key only"
            case DistanceFromLast(place=place) if not isinstance(fields.get(place), Place):
                yield f"DistanceFromLast {place!r}: not one of its Place fields"


def _take_problems(application: Application, window: Window, fields: Mapping[str, Field]) -> Iterator[str]:
    if window.span < timedelta(seconds=1) or window.span % timedelta(seconds=1):
        yield f"window by {window.by!r}: span {window.span} is not a number of whole seconds above 0"
    if window.span > LONGEST_SPAN:
        yield f"window by {window.by!r}: span {window.span} is longer than {LONGEST_SPAN.days} days"
    if not window.take:
        yield f"window by {window.by!r} over {window.span} takes nothing"
    for one in window.take:
        if isinstance(one, Count):
            continue
        what = f"{type(one).__name__}({one.field!r})"
        field, wanted = fields.get(one.field), _TAKES[type(one)]
        if one.field == application.label:
            yield f"{what}: the label is not known when a model is asked"
        elif not isinstance(field, wanted):
            yield f"{what}: not one of its {' or '.join(kind.__name__ for kind in wanted)} fields"
        elif isinstance(one, Sum | Mean) and isinstance(field, Number) and not _summable(field):
            yield f"{what}: values beyond {LARGEST_SUMMED:.0e} can't be added exactly"
        elif isinstance(one, Share) and not _has_value(field, one.value):
            yield f"{what}: {one.value!r} is not one of its values"


def _summable(number: Number) -> bool:
    return max(abs(number.low), abs(number.high)) <= LARGEST_SUMMED


def _has_value(field: Field | None, value: str | bool) -> bool:
    if isinstance(field, Category):
        return value in field.values
    return isinstance(value, bool)
