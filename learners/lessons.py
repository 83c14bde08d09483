"""From messages of the valid topic to lessons: what models may see of many events, apart from their labels.

    bytes -> JSON -> Arrow -> Lessons(time, due, columns without label, truth)

Lessons are columns, one value per event, so that a model can take a thousand events in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import cached_property, lru_cache
from typing import Any, Self

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

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
from core.schemas import valid_schema
from models.base import Row, row
from models.columns import NULL, Column, Columns, identity

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Objects = npt.NDArray[np.object_]

MICROSECONDS = 1_000_000

REMEMBERED_NAMES = 200_000
"""Names of entities whose number is kept at hand."""

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
        self._schema = valid_schema(application)
        self._decode = msgspec.json.Decoder().decode
        self._leaves = [
            (path, leaf)
            for path, leaf in leaves(application)
            if path != application.label and isinstance(leaf, Number | Flag | Category | Entity | EventTime)
        ]
        self._features = [one.name for one in features(application)]
        self._delay = _delay(application)

    def lessons(self, partitions: Ints, offsets: Ints, sent: Ints, payloads: Sequence[bytes]) -> Lessons:
        """The lessons in these messages; raises BadEvent when any of them is none."""
        try:
            return self._lessons(partitions, offsets, sent, payloads)
        except (pa.ArrowException, ValueError, OverflowError) as error:
            raise BadEvent(f"the message is no event: {error}") from None

    def _lessons(self, partitions: Ints, offsets: Ints, sent: Ints, payloads: Sequence[bytes]) -> Lessons:
        table = _table(self._schema, payloads)
        application = self.application
        time = _microseconds(table[application.event_time.name])
        found = {
            SOURCE_PARTITION: table[SOURCE_PARTITION],
            SOURCE_OFFSET: table[SOURCE_OFFSET],
            application.identifier.name: table[application.identifier.name],
            application.key: table[application.key],
            application.event_time.name: table[application.event_time.name],
        }
        for name, column in found.items():
            if column.null_count:
                raise BadEvent(f"the event has no field {name!r}")
        return Lessons(
            partition=partitions,
            offset=offsets,
            source_partition=_integers(found[SOURCE_PARTITION]),
            source_offset=_integers(found[SOURCE_OFFSET]),
            time=time,
            due=time + self._delay(table),
            event_id=_objects(found[application.identifier.name].to_pylist()),
            entity=_objects(found[application.key].to_pylist()),
            truth=_truths(application, table),
            sent=sent,
            payload=_objects(payloads),
            windowed=np.full((len(time), len(self._features)), np.nan),
            columns={path: _column(leaf, _leaf(table, path)) for path, leaf in self._leaves},
        )

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

    def row(self, payload: bytes, windowed: Floats) -> Row:
        """The event in a message as a model sees it that takes one row at a time."""
        x = row(self.application, self.event(payload))
        for name, value in zip(self._features, windowed.tolist(), strict=True):
            x[name] = None if value != value else value
        return x


class Rows:
    """Events as models see them that take one row at a time; each is made when it is first asked for."""

    def __init__(self, reader: Reader, lessons: Lessons) -> None:
        self._reader = reader
        self._lessons = lessons
        self._made: dict[int, Row] = {}

    @cached_property
    def columns(self) -> Columns:
        """All of them as columns, their windowed features included; made once for all that read columns."""
        return with_features(self._reader.application, self._lessons)

    def __getitem__(self, n: int) -> Row:
        made = self._made.get(n)
        if made is None:
            made = self._made[n] = self._reader.row(self._lessons.payload[n], self._lessons.windowed[n])
        return made


def label_value(application: Application, truth: float) -> bool | int | float | None:
    """A truth as the label's own value: the class, the number, or None where there is none."""
    match application.task:
        case Classification(positive=positive):
            return positive if truth == 1.0 else not positive
        case Clustering():
            return None
        case _:
            label = dict(leaves(application))[application.label or ""]
            return int(truth) if isinstance(label, Number) and label.integer else truth


def with_features(application: Application, lessons: Lessons) -> Columns:
    """All that models read: the columns of the events, and those of their windowed features."""
    made = dict(lessons.columns)
    for n, one in enumerate(features(application)):
        made[one.name] = lessons.windowed[:, n]
    return made


def json_lines(payloads: Sequence[bytes]) -> bytes:
    """Messages as lines of JSON for Arrow; raises ValueError when one of them is no object, or no UTF-8.

    Arrow's reader passes over blank lines, and a lone `null` ends the process (pyarrow 25). It does not look
    into texts, and what it lets through must be JSON to those who decode one message.
    """
    if not all(one[:1] == b"{" and one[-1:] == b"}" for one in payloads):
        raise ValueError("not a JSON object")
    lines = b"\n".join(payloads)
    if not lines.isascii():
        lines.decode()
    return lines


def _table(schema: pa.Schema, payloads: Sequence[bytes]) -> pa.Table:
    if not payloads:
        return schema.empty_table()
    lines = json_lines(payloads)
    table = pa.json.read_json(
        pa.BufferReader(lines),
        # One block: a row may not lie across two.
        read_options=pa.json.ReadOptions(use_threads=False, block_size=len(lines) + 1),
        parse_options=pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
    )
    if table.num_rows != len(payloads):
        raise BadEvent(f"{len(payloads)} messages gave {table.num_rows} rows")
    return table.combine_chunks()


def _truths(application: Application, table: pa.Table) -> Floats:
    match application.task:
        case Clustering():
            return np.full(table.num_rows, np.nan)
        case Classification(label=label, positive=positive):
            column = table[label]
            made = pc.equal(column, pa.scalar(positive)).cast(pa.float64())
        case _:
            column = table[application.label or ""]
            made = column.cast(pa.float64())
    truths = np.asarray(made.to_numpy(), dtype=np.float64)
    if not np.isfinite(truths).all():
        raise BadEvent(f"the event has no field {application.label!r}")
    return truths


def _leaf(table: pa.Table, path: str) -> Any:
    outer, _, inner = path.partition(".")
    column = table[outer].combine_chunks()
    if inner:
        # `field` would look past the group's own nulls.
        column = pc.struct_field(column, inner)
    return column


def _column(leaf: Leaf, column: Any) -> Column:
    match leaf:
        case Number():
            made = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
            if np.isfinite(made).sum() != len(made) - column.null_count:
                raise BadEvent(f"{leaf.name!r} is not finite")  # Arrow takes the words NaN and Infinity
            return np.asarray(made, dtype=np.float64)
        case Flag():
            return np.asarray(pc.fill_null(column.cast(pa.int8()), NULL).to_numpy(zero_copy_only=False))
        case Category(values=values):
            code = pc.fill_null(pc.index_in(column, value_set=pa.array(values)), len(values))
            return np.asarray(pc.if_else(column.is_null(), pa.scalar(NULL, pa.int32()), code))
        case Entity():
            names = pc.dictionary_encode(column, null_encoding="encode")
            numbers = np.array([_number_of(name) for name in names.dictionary.to_pylist()], dtype=np.int64)
            return np.asarray(numbers[np.asarray(names.indices)])
        case _:
            return _microseconds(column)


def _microseconds(column: Any) -> Ints:
    return _integers(pc.fill_null(column.cast(pa.int64()), 0))


def _integers(column: Any) -> Ints:
    return np.asarray(column, dtype=np.int64)


def _objects(values: Sequence[Any]) -> Objects:
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


def _delay(application: Application) -> Callable[[pa.Table], Ints]:
    """How long after each event its label is known: a span, or the seconds in a field of the event."""
    declared = application.label_delay
    if isinstance(declared, timedelta):
        span = round(declared.total_seconds() * MICROSECONDS)
        return lambda table: np.full(table.num_rows, span, dtype=np.int64)

    def of_field(table: pa.Table) -> Ints:
        seconds = np.asarray(table[declared].cast(pa.float64()).to_numpy(), dtype=np.float64)
        if not np.isfinite(seconds).all():
            raise BadEvent(f"the event has no field {declared!r}")
        return np.rint(seconds * MICROSECONDS).astype(np.int64)

    return of_field
