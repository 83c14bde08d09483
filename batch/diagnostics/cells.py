"""Arrays as a result holds them: plain numbers, short, with None where there is none.

arrays -> cells -> Panel -> JSON
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from core.diagnostics.shapes import Axis, Cell

if TYPE_CHECKING:
    from models.registered.inputs import Input

Array = npt.NDArray[Any]

DIGITS = 5
"""Significant digits: more can't be seen in a figure, and would double its bytes."""


def cells(values: Array | Sequence[float]) -> list[Cell]:
    """(n,) numbers, rounded; None for what is not finite."""
    return list(floats(values))


def floats(values: Array | Sequence[float]) -> list[float | None]:
    """(n,) as `cells`, typed as numbers."""
    return [_short(float(value)) for value in np.asarray(values, dtype=np.float64)]


def grid(values: Array) -> list[list[float | None]]:
    """(n, m) numbers, rounded, row by row."""
    return [floats(row) for row in np.asarray(values, dtype=np.float64)]


def written(values: Array, digits: int = 2) -> list[list[str]]:
    """(n, m) numbers as the text of their cells; empty for what is not finite."""
    return [[f"{value:.{digits}f}" if np.isfinite(value) else "" for value in row] for row in values]


def number(value: float) -> float | None:
    """One number, rounded; None if it is not finite."""
    return _short(float(value))


def times(values: Array) -> list[Cell]:
    """(n,) datetime64 in UTC as ISO-8601 texts."""
    return [f"{text}Z" for text in np.datetime_as_string(values.astype("datetime64[s]"))]


def named(one: Input) -> str:
    """An input's name as an axis shows it: one that holds a logarithm says so."""
    return f"ln(1 + {one.name})" if one.log else one.name


def axis(one: Input, **more: Any) -> Axis:
    """The axis of an input, with its unit; a logarithm has none."""
    return Axis(title=named(one), unit="" if one.log else one.unit, **more)


def ordered(names: Iterable[str], by: Array) -> list[int]:
    """Places of the names by falling value; what is not finite comes last, equal values by name."""
    listed = list(names)
    finite = np.where(np.isfinite(by), by, -np.inf)
    return sorted(range(len(listed)), key=lambda n: (-finite[n], listed[n]))


def _short(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
