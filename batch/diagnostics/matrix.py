"""The numeric inputs of some rows as a matrix: gaps filled, columns scaled.

data frame -> numbers and flags -> filled -> scaled -> projections, rankings
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from batch.diagnostics.subject import Floats, Unanswerable

if TYPE_CHECKING:
    import pandas as pd

    from models.registered.inputs import Input


class Matrix(NamedTuple):
    """Columns that vary, without gaps."""

    inputs: tuple[Input, ...]
    values: Floats
    """(n, inputs) in the inputs' own units."""
    filled: int
    """Cells that were null and hold their column's median."""
    constant: tuple[str, ...]
    """Inputs left out: they have one value only."""

    @property
    def note(self) -> str:
        """What a reader must know of the columns."""
        said = []
        if self.constant:
            said.append(f"Left out, for they never vary here: {', '.join(self.constant)}.")
        if self.filled:
            said.append(f"{self.filled:,} missing values were replaced by their column's median.")
        return " ".join(said)


def matrix(frame: pd.DataFrame, inputs: Sequence[Input], least: int = 2) -> Matrix:
    """The numbers and flags of a frame.

    Raises Unanswerable when fewer than `least` columns vary, or there are fewer than 10 rows.
    """
    if len(frame) < FEWEST:
        raise Unanswerable(f"{len(frame)} rows are too few: at least {FEWEST} are needed")
    numeric = [one for one in inputs if one.kind != "category"]
    raw = np.array([frame[one.name].to_numpy(np.float64) for one in numeric]).reshape(-1, len(frame)).T
    values, gaps = fill(raw)
    varies = np.ptp(values, axis=0) > 0
    kept = tuple(one for one, keep in zip(numeric, varies, strict=True) if keep)
    if len(kept) < least:
        raise Unanswerable(f"{len(kept)} numeric inputs vary: at least {least} are needed")
    constant = tuple(one.name for one, keep in zip(numeric, varies, strict=True) if not keep)
    return Matrix(kept, values[:, varies], int(gaps[:, varies].sum()), constant)


FEWEST = 10
"""Rows of which a picture can tell anything."""


def fill(values: Floats) -> tuple[Floats, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    """(n, m) with each null replaced by its column's median (0 where all are null), and where they were."""
    gaps = ~np.isfinite(values)
    if not gaps.any():
        return values, gaps
    known = np.where(gaps, np.nan, values)
    some = ~gaps.all(axis=0)
    medians = np.zeros(values.shape[1])
    medians[some] = np.nanmedian(known[:, some], axis=0)
    return np.where(gaps, medians, values), gaps


def scale(values: Floats) -> Floats:
    """(n, m) with mean 0 and standard deviation 1 per column; a constant column becomes 0."""
    spread = values.std(axis=0)
    scaled: Floats = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return scaled


def stretch(values: Floats) -> Floats:
    """(n, m) with 0 for the smallest and 1 for the largest of each column; a constant column becomes 0."""
    low, span = values.min(axis=0), np.ptp(values, axis=0)
    stretched: Floats = (values - low) / np.where(span > 0, span, 1.0)
    return stretched
