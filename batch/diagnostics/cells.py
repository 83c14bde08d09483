"""What axes and heat maps are made of: names of inputs, rounded numbers, texts in cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from batch.diagnostics.subject import Floats
from core.diagnostics.shapes import Axis

if TYPE_CHECKING:
    from models.registered.inputs import Input

DIGITS = 5
"""Significant digits: more can't be seen in a figure, and would double its bytes."""


def rounded(value: float) -> float | None:
    """One number; None if it is not finite."""
    return float(f"{float(value):.{DIGITS}g}") if np.isfinite(value) else None


def floats(values: Floats | Sequence[float]) -> list[float | None]:
    """(n,) numbers, rounded; None for what is not finite."""
    return [rounded(value) for value in np.asarray(values, dtype=np.float64).tolist()]


def grid(values: Floats) -> list[list[float | None]]:
    """(n, m) numbers, rounded, row by row."""
    return [floats(row) for row in np.asarray(values, dtype=np.float64)]


def written(values: Floats, digits: int = 2) -> list[list[str]]:
    """(n, m) numbers as the text of their cells; empty for what is not finite."""
    return [[f"{value:.{digits}f}" if np.isfinite(value) else "" for value in row] for row in values]


def named(one: Input) -> str:
    """An input's name as an axis shows it: one that holds a logarithm says so."""
    return f"ln(1 + {one.name})" if one.log else one.name


def axis(one: Input, **more: Any) -> Axis:
    """The axis of an input, with its unit; a logarithm has none."""
    return Axis(title=named(one), unit="" if one.log else one.unit, **more)


def ordered(names: Iterable[str], by: Floats) -> list[int]:
    """Places of the names by falling value; what is not finite comes last, equal values by name."""
    listed = list(names)
    finite = np.where(np.isfinite(by), by, -np.inf)
    return sorted(range(len(listed)), key=lambda n: (-finite[n], listed[n]))
