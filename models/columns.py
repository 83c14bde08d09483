"""Many rows at once: a column per field, in the form that compiled models read.

    rows -> from_rows -> Columns;  bytes of messages -> the learners' reader -> the same Columns

| kind of field             | column                                                                         |
|---------------------------|--------------------------------------------------------------------------------|
| Number, windowed feature  | float64, NaN is null                                                           |
| Flag                      | int8: 0, 1, or NULL                                                            |
| Category                  | int32: position in the declared values, len(values) is any other, or NULL      |
| Entity                    | int64: a hash of the name (`identity`), or 0 for null                          |
| EventTime                 | int64: microseconds since 1970, UTC, or 0 for null                             |

Identifiers and texts are no input of a model and have no column.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from core.declaration import Application, Category, Entity, EventTime, Flag, Leaf, Number, leaves
from core.features import features
from models.base import Row

NULL = -1
"""A flag or a category that is null or missing."""

Column = npt.NDArray[Any]
Columns = Mapping[str, Column]
"""Dotted path of a field, or name of a windowed feature -> one value per row."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def identity(name: str | None) -> int:
    """An entity as a number: 63 bits of its hash, the same in every process; never 0, which is null."""
    if name is None:
        return 0
    return (int.from_bytes(blake2b(name.encode(errors="replace"), digest_size=8).digest(), "big") >> 1) or 1


def microseconds(time: Any) -> int:
    """An event time, as text or moment, since 1970; 0 when there is none."""
    if isinstance(time, str):
        time = datetime.fromisoformat(time)
    return (time - _EPOCH) // _MICROSECOND if isinstance(time, datetime) else 0


def from_rows(application: Application, rows: Sequence[Row]) -> Columns:
    """Rows (dictionaries by dotted path, as `models.row` makes them) as columns; what is missing is null."""
    made: dict[str, Column] = {}
    for path, leaf in leaves(application):
        column = _column(leaf, [x.get(path) for x in rows])
        if column is not None:
            made[path] = column
    for one in features(application):
        made[one.name] = _floats(x.get(one.name) for x in rows)
    return made


def _column(leaf: Leaf, cells: Sequence[Any]) -> Column | None:
    match leaf:
        case Number():
            return _floats(cells)
        case Flag():
            return np.array([NULL if cell is None else int(cell) for cell in cells], dtype=np.int8)
        case Category(values=values):
            places = {value: n for n, value in enumerate(values)} | {None: NULL}
            return np.array([places.get(cell, len(values)) for cell in cells], dtype=np.int32)
        case Entity():
            return np.array([identity(cell) for cell in cells], dtype=np.int64)
        case EventTime():
            return np.array([microseconds(cell) for cell in cells], dtype=np.int64)
    return None


def _floats(cells: Iterable[Any]) -> Column:
    return np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
