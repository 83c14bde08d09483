"""From messages of the valid topic to lessons: what models may see of many events, apart from their labels.

    bytes -> JSON -> one struct per event -> Lessons(time, due, columns without label, truth)

Lessons are columns, one value per event, so that a model can take a thousand events in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import repeat
from operator import attrgetter, sub
from typing import Any, Self

import msgspec
import numpy as np
import numpy.typing as npt

from core.declaration import (
    Application,
    Category,
    Classification,
    Clustering,
    Entity,
    EventTime,
    Flag,
    Leaf,
    Number,
    leaves,
)
from core.features import features
from core.names import SOURCE_OFFSET, SOURCE_PARTITION
from learners.messages import Group, message
from models.base import Row, row
from models.columns import NULL, Column, Columns, identity

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Objects = npt.NDArray[np.object_]

MICROSECONDS = 1_000_000

BLOCK = 1000
"""Messages decoded at once: no more than the caches of a core hold as structs."""

REMEMBERED_NAMES = 200_000
"""Names of entities whose number is kept at hand."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_number_of = lru_cache(maxsize=REMEMBERED_NAMES)(identity)


class BadEvent(ValueError):
    """A message that can't become a lesson; the text says what is wrong with it."""


@dataclass(slots=True)
class Lessons:
    """Events in the order in which they are learned; every attribute has one value per event, (n,)."""

    partition: Ints
    offset: Ints
    """Where it lies in the valid topic."""
    source_partition: Ints
    source_offset: Ints
    """Where it lay in the events topic: its identity."""
    time: Ints
    due: Ints
    """Event time, and when the label is known: microseconds since 1970."""
    event_id: Objects
    entity: Objects
    truth: Floats
    """1.0 for the positive class, else 0.0; the number; NaN where the task has no label."""
    sent: Ints
    """When the broker took the message, milliseconds since 1970."""
    payload: Objects
    """The message's bytes."""
    windowed: Floats
    """The windowed features, (n, features); NaN while they are not known."""
    columns: Columns
    """What models read (see `models.columns`), without the label and without the windowed features."""

    def __len__(self) -> int:
        return len(self.time)

    def take(self, rows: Ints) -> Self:
        """These rows, in this order."""
        parts = {name: getattr(self, name)[rows] for name in _PLAIN}
        return type(self)(**parts, columns={path: one[rows] for path, one in self.columns.items()})

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """All rows of all parts; at least one part."""
        if len(parts) == 1:
            return parts[0]
        plain = {name: np.concatenate([getattr(one, name) for one in parts]) for name in _PLAIN}
        paths = parts[0].columns
        return cls(
            **plain, columns={path: np.concatenate([one.columns[path] for one in parts]) for path in paths}
        )


_PLAIN = tuple(one.name for one in fields(Lessons) if one.name != "columns")


class Reader:
    """Reads the messages of one application."""

    def __init__(self, application: Application) -> None:
        self.application = application
        made = message(application)
        self._one = msgspec.json.Decoder(made.type).decode
        self._groups = made.groups
        self._decode = msgspec.json.Decoder().decode
        self._leaves = [
            (path, leaf)
            for path, leaf in leaves(application)
            if path != application.label and isinstance(leaf, Number | Flag | Category | Entity | EventTime)
        ]
        self._features = [one.name for one in features(application)]
        self._made: list[Late] = []
        """Whose rows are there at the moment."""

    def lessons(self, partitions: Ints, offsets: Ints, sent: Ints, payloads: Sequence[bytes]) -> Lessons:
        """The lessons in these messages; raises BadEvent when any of them is none."""
        if len(payloads) > BLOCK:
            cuts = [slice(at, at + BLOCK) for at in range(0, len(payloads), BLOCK)]
            return Lessons.joined(
                [self.lessons(partitions[one], offsets[one], sent[one], payloads[one]) for one in cuts]
            )
        try:
            return self._lessons(partitions, offsets, sent, payloads)
        except (msgspec.MsgspecError, ValueError, OverflowError) as error:
            raise BadEvent(f"the message is no event: {error}") from None

    def _lessons(self, partitions: Ints, offsets: Ints, sent: Ints, payloads: Sequence[bytes]) -> Lessons:
        application = self.application
        cells = Cells(list(map(self._one, payloads)), self._groups)
        time = _microseconds(cells.of(application.event_time.name))
        return Lessons(
            partition=partitions,
            offset=offsets,
            source_partition=integers(cells.of(SOURCE_PARTITION)),
            source_offset=integers(cells.of(SOURCE_OFFSET)),
            time=time,
            due=time + self._delays(cells),
            event_id=_objects(cells.of(application.identifier.name)),
            entity=_objects(cells.of(application.key)),
            truth=_truths(application, cells),
            sent=sent,
            payload=_objects(payloads),
            windowed=np.full((len(time), len(self._features)), np.nan),
            columns={path: _column(leaf, cells.of(path)) for path, leaf in self._leaves},
        )

    def _delays(self, cells: Cells) -> Ints:
        """How long after each event its label is known: a span, or the seconds in a field of the event."""
        declared = self.application.label_delay
        if isinstance(declared, timedelta):
            span = round(declared.total_seconds() * MICROSECONDS)
            return np.full(len(cells), span, dtype=np.int64)
        return np.rint(floats(cells.of(declared)) * MICROSECONDS).astype(np.int64)

    def none(self) -> Lessons:
        """No lessons."""
        nothing = np.empty(0, dtype=np.int64)
        return self.lessons(nothing, nothing, nothing, [])

    def event(self, payload: bytes) -> dict[str, Any]:
        """The event in a message, without label and source."""
        event: dict[str, Any] = self._decode(payload)
        for name in (SOURCE_PARTITION, SOURCE_OFFSET, self.application.label):
            event.pop(name or "", None)
        return event

    def keep(self, late: Late) -> None:
        """Notes that a row was made."""
        self._made.append(late)

    def forget(self) -> None:
        """Drops the rows that were made: a step is over."""
        for one in self._made:
            one.forget()
        self._made.clear()

    def row(self, payload: bytes, windowed: Floats) -> Row:
        """The event in a message as a model sees it that takes one row at a time."""
        x = row(self.application, self.event(payload))
        for name, value in zip(self._features, windowed.tolist(), strict=True):
            x[name] = None if value != value else value
        return x


class Late:
    """An event that waits for its label, as models see it that take one row at a time.

    Tens of thousands may wait, and a row is a dictionary of two kilobytes: it is made when it is called for,
    kept for all models of the roster until `Reader.forget`, and made again when its label is known.
    """

    __slots__ = ("_payload", "_reader", "_row", "_windowed")

    def __init__(self, reader: Reader, payload: bytes, windowed: Floats) -> None:
        self._reader = reader
        self._payload = payload
        self._windowed = windowed.tobytes()
        self._row: Row | None = None

    def __call__(self) -> Row:
        """The row."""
        if self._row is None:
            self._row = self._reader.row(self._payload, np.frombuffer(self._windowed))
            self._reader.keep(self)
        return self._row

    def forget(self) -> None:
        """Drops the row."""
        self._row = None


class Rows:
    """Events of a batch as models see them: as columns, or one by one."""

    def __init__(self, reader: Reader, lessons: Lessons) -> None:
        self._reader = reader
        self._lessons = lessons
        self._late: dict[int, Late] = {}

    @cached_property
    def columns(self) -> Columns:
        """All of them as columns, their windowed features included; made once for all that read columns."""
        return with_features(self._reader.application, self._lessons)

    def __getitem__(self, n: int) -> Late:
        late = self._late.get(n)
        if late is None:
            one = self._lessons
            late = self._late[n] = Late(self._reader, one.payload[n], one.windowed[n])
        return late


def label_of(application: Application) -> Callable[[float], bool | int | float | None]:
    """What turns a truth into the label's own value: the class, the number, or None where there is none."""
    match application.task:
        case Classification(positive=positive):
            return lambda truth: positive if truth == 1.0 else not positive
        case Clustering():
            return lambda _: None
        case _:
            label = dict(leaves(application))[application.label or ""]
            return int if isinstance(label, Number) and label.integer else float


def label_value(application: Application, truth: float) -> bool | int | float | None:
    """A single truth as the label's own value."""
    return label_of(application)(truth)


def with_features(application: Application, lessons: Lessons) -> Columns:
    """All that models read: the columns of the events, and those of their windowed features."""
    made = dict(lessons.columns)
    for n, one in enumerate(features(application)):
        made[one.name] = lessons.windowed[:, n]
    return made


_NONE: Mapping[str, Group] = {}


class Cells:
    """Decoded messages, and their cells by dotted path."""

    def __init__(self, events: list[Any], groups: Mapping[str, Group] = _NONE) -> None:
        self._events = events
        self._groups = groups
        self._within: dict[str, list[Any]] = {}

    def __len__(self) -> int:
        return len(self._events)

    def of(self, path: str) -> list[Any]:
        """A cell per message; None is null, or missing."""
        outer, _, inner = path.partition(".")
        if not inner:
            return list(map(attrgetter(outer), self._events))
        group = self._within.get(outer)
        if group is None:
            nothing = self._groups[outer]()
            found = map(attrgetter(outer), self._events)
            group = self._within[outer] = [nothing if one is None else one for one in found]
        return list(map(attrgetter(inner), group))


def _truths(application: Application, cells: Cells) -> Floats:
    match application.task:
        case Clustering():
            return np.full(len(cells), np.nan)
        case Classification(label=label, positive=positive):
            return np.array([cell == positive for cell in cells.of(label)], dtype=np.float64)
        case _:
            return floats(cells.of(application.label or ""))


def _column(leaf: Leaf, cells: list[Any]) -> Column:
    match leaf:
        case Number():
            return floats(cells)
        case Flag():
            return np.fromiter(map(_FLAGS.__getitem__, cells), np.int8, len(cells))
        case Category(values=values):
            places = {value: n for n, value in enumerate(values)} | {None: NULL}
            return np.fromiter(map(places.get, cells, repeat(len(values))), np.int32, len(cells))
        case Entity():
            return np.fromiter(map(_number_of, cells), np.int64, len(cells))
        case _:
            return _microseconds(cells)


_FLAGS: dict[bool | None, int] = {None: NULL, False: 0, True: 1}


def floats(cells: Sequence[float | None]) -> Floats:
    """Numbers as a column, (n,); null is NaN."""
    try:
        return np.fromiter(cells, np.float64, len(cells))
    except TypeError:  # nulls, which most columns never have
        return np.fromiter([np.nan if one is None else one for one in cells], np.float64, len(cells))


def _microseconds(cells: Sequence[datetime | None]) -> Ints:
    spans = list(map(sub, [_EPOCH if one is None else one for one in cells], repeat(_EPOCH)))
    days, seconds, rest = (integers(list(map(part, spans))) for part in _PARTS)
    return (days * 86_400 + seconds) * MICROSECONDS + rest


_PARTS = attrgetter("days"), attrgetter("seconds"), attrgetter("microseconds")


def integers(cells: Sequence[int]) -> Ints:
    """Whole numbers as a column, (n,)."""
    return np.fromiter(cells, np.int64, len(cells))


def _objects(values: Sequence[Any]) -> Objects:
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made
