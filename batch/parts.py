"""Train, validation and test by time, with room between them in which labels become known. Pure.

    |---- train ----| labels become known |-- validation --| labels become known |-- test --|

No part may learn from a label before its time: every label of an earlier part is known when a later one
begins. Rows whose label would come later are left out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

SHARES = (0.6, 0.2, 0.2)
"""Of the rows: train, validation, test."""

Moments = npt.NDArray[np.int64]
"""Microseconds since 1970, UTC."""

Places = npt.NDArray[Any]
"""Row numbers, ascending."""


class Parts(NamedTuple):
    """The rows of each part, by number."""

    train: Places
    validation: Places
    test: Places

    @property
    def rows(self) -> int:
        """Of all three."""
        return len(self.train) + len(self.validation) + len(self.test)


def latest(times: Moments, known_at: Moments, rows: int) -> Parts | None:
    """The newest parts of `rows` rows in all; None when there are too few.

    times: (n,), ascending; known_at: (n,), when each label becomes known. Rows of one time stay together, so
    a part may get a few more.
    """
    train, validation, test = sizes(rows)
    every = np.arange(len(times))
    last = _newest(times, every, test)
    if last is None:
        return None
    middle = _newest(times, _before(times, known_at, last), validation)
    if middle is None:
        return None
    first = _newest(times, _before(times, known_at, middle), train)
    return None if first is None else Parts(first, middle, last)


def widest(times: Moments, known_at: Moments) -> Parts | None:
    """The parts that use as many of these rows as possible; None when not even one row each is possible."""
    found, low, high = latest(times, known_at, len(times)), 3, len(times)
    if found is not None:
        return found
    while low < high:
        middle = (low + high) // 2
        tried = latest(times, known_at, middle)
        if tried is None:
            high = middle
        else:
            found, low = tried, middle + 1
    return found


def sizes(rows: int) -> tuple[int, int, int]:
    """Rows of train, validation and test; at least one each."""
    test = max(1, round(SHARES[2] * rows))
    validation = max(1, round(SHARES[1] * rows))
    return max(1, rows - validation - test), validation, test


def _newest(times: Moments, among: Places, rows: int) -> Places | None:
    if len(among) < rows:
        return None
    start = np.searchsorted(times[among], times[among[-rows]], side="left")
    return among[start:]


def _before(times: Moments, known_at: Moments, part: Places) -> Places:
    """The rows before a part whose label is known when it begins."""
    begins = times[part[0]]
    earlier = int(np.searchsorted(times, begins, side="left"))
    return np.flatnonzero(known_at[:earlier] <= begins)
