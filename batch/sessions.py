"""From rows to sessions to entities: what a clustering is taught on. Pure.

rows in order of time -> session: its last windowed features, the mean of all else -> entity: mean of sessions

Of a single row all three are the row itself: an entity is served in the form in which it was trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.registered.inputs import Input

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[Any]
"""(n,): the number of the group that a row belongs to, 0 and up."""


def sessions(inputs: Sequence[Input], column: Callable[[Input], Floats], groups: Groups) -> pd.DataFrame:
    """(s, inputs) of rows in order of time; `column` gives an input of every row, one at a time."""
    last = last_of(groups)
    return pd.DataFrame(
        {
            one.name: column(one)[last] if one.windowed else mean(column(one), groups, len(last))
            for one in inputs
        }
    )


def last_of(groups: Groups) -> Groups:
    """The last row of every group."""
    last = np.zeros(int(groups.max()) + 1 if len(groups) else 0, dtype=np.int64)
    last[groups] = np.arange(len(groups))
    return last


def mean(values: Floats, groups: Groups, size: int) -> Floats:
    """(size,): the mean of every group over the rows that have a value; NaN where none has."""
    there = ~np.isnan(values)
    number = np.bincount(groups[there], minlength=size).astype(np.float64)
    total = np.bincount(groups[there], weights=values[there], minlength=size)
    found: Floats = np.divide(total, number, out=np.full(size, np.nan), where=number > 0)
    return found


def means(frame: pd.DataFrame, groups: Groups, size: int) -> pd.DataFrame:
    """(size, inputs): every group's mean."""
    return pd.DataFrame({name: mean(frame[name].to_numpy(), groups, size) for name in frame})
