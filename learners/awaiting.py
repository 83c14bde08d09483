"""Labels that are not known yet: what was asked waits until the clock of event time reaches its due time.

    lessons -> rows of growing arrays -> (clock reaches the due time) -> steps: who is asked, who is taught

Rows stay where they are while they wait, so that models and scores can keep what they made of them in arrays
of their own, by the same row. Now and then the rows that are done are thrown out, and all arrays with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from learners.lessons import Floats, Ints, Lessons, Objects

BEGINNING = -(2**62)
"""The clock before any event, microseconds."""

FIRST_ROOM = 1024


class Growing:
    """An array with room at its end: (rows, ...) of one kind, filled with `empty`."""

    def __init__(self, kind: Any, empty: Any = 0, width: tuple[int, ...] = ()) -> None:
        self._empty = empty
        self.all = np.full((FIRST_ROOM, *width), empty, dtype=kind)

    def put(self, at: int, values: npt.NDArray[Any]) -> None:
        """Writes rows from `at` on; grows to twice the size when there is no room."""
        room = len(self.all)
        while room < at + len(values):
            room *= 2
        if room > len(self.all):
            grown = np.full((room, *self.all.shape[1:]), self._empty, dtype=self.all.dtype)
            grown[: len(self.all)] = self.all
            self.all = grown
        self.all[at : at + len(values)] = values

    def keep(self, rows: Ints) -> None:
        """Throws out all but these rows, which move to the front."""
        kept = self.all[rows]
        room = max(FIRST_ROOM, 1 << len(rows).bit_length())
        self.all = np.full((room, *self.all.shape[1:]), self._empty, dtype=self.all.dtype)
        self.all[: len(rows)] = kept


class Awaiting:
    """The events whose labels are awaited, and the clock: the largest event time that was reached."""

    def __init__(self, clock: int = BEGINNING) -> None:
        self.clock = clock
        self.size = 0
        """Rows in use, those that are done among them."""
        self._columns = {
            "partition": Growing(np.int64),
            "offset": Growing(np.int64),
            "time": Growing(np.int64),
            "due": Growing(np.int64),
            "sent": Growing(np.int64),
            "truth": Growing(np.float64, np.nan),
            "event_id": Growing(object, None),
            "entity": Growing(object, None),
            "payload": Growing(object, None),
        }
        self._alive = Growing(np.bool_, False)
        self._bare = Growing(np.bool_, False)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __getattr__(self, name: str) -> npt.NDArray[Any]:
        try:
            return self.__dict__["_columns"][name].all[: self.size]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(name) from None

    partition: Ints
    offset: Ints
    time: Ints
    due: Ints
    sent: Ints
    truth: Floats
    event_id: Objects
    entity: Objects
    payload: Objects

    @property
    def bare(self) -> npt.NDArray[np.bool_]:
        """Which rows came without their windowed features."""
        return np.asarray(self._bare.all[: self.size])

    @property
    def rows(self) -> Ints:
        """The rows that wait."""
        return np.flatnonzero(self._alive.all[: self.size])

    def add(self, lessons: Lessons) -> int:
        """Lets events wait; the row of the first of them."""
        first = self.size
        for name, column in self._columns.items():
            column.put(first, getattr(lessons, name))
        self._alive.put(first, np.ones(len(lessons), dtype=np.bool_))
        self._bare.put(first, bare(lessons))
        self.size += len(lessons)
        self._count += len(lessons)
        return first

    def steps(self, first: int) -> Ints:
        """The order of what comes next: row i is asked (i), or taught (~i); moves the clock.

        Rows from `first` on are asked, in their order. After each of them every label that is known by its
        time is taught: by due time, then partition and offset, so the order outlives a restart.
        """
        times = self.time[first:]
        if not len(times):
            return np.empty(0, dtype=np.int64)
        clock = np.maximum.accumulate(np.maximum(times, self.clock))
        self.clock = int(clock[-1])
        waiting = self.rows
        known = waiting[self.due[waiting] <= self.clock]
        # A label is known at the first event whose clock has reached it, and not before its own event.
        at = np.maximum(np.searchsorted(clock, self.due[known], side="left"), known - first)
        asks = np.arange(len(times))
        none = np.zeros(len(asks), dtype=np.int64)
        rows = np.concatenate([asks + first, ~known])
        order = np.lexsort(
            (
                np.concatenate([none, self.offset[known]]),
                np.concatenate([none, self.partition[known]]),
                np.concatenate([none, self.due[known]]),
                np.concatenate([none, np.ones(len(known), dtype=np.int64)]),
                np.concatenate([asks, at]),
            )
        )
        return rows[order]

    def done(self, rows: Ints) -> None:
        """These were taught: they wait no more."""
        self._alive.all[rows] = False
        self._count -= len(rows)

    def tidy(self) -> Ints | None:
        """Throws out what is done when it is most of the room; the rows that are kept, in order, or None."""
        if self.size < FIRST_ROOM or self._count * 2 > self.size:
            return None
        kept = self.rows
        for column in (*self._columns.values(), self._alive, self._bare):
            column.keep(kept)
        self.size = len(kept)
        return kept

    def oldest(self) -> dict[int, int]:
        """By partition, the least offset that still waits."""
        rows = self.rows
        partitions, offsets = self.partition[rows], self.offset[rows]
        return {int(p): int(offsets[partitions == p].min()) for p in np.unique(partitions)}

    def since_ms(self) -> int:
        """When the broker took the oldest event that waits, milliseconds since 1970; 0 when none does."""
        rows = self.rows
        return int(self.sent[rows].min()) if len(rows) else 0

    def by_partition(self) -> Iterator[tuple[int, Ints]]:
        """Each partition with the rows that wait in it, by offset."""
        rows = self.rows
        partitions = self.partition[rows]
        for partition in np.unique(partitions):
            mine = rows[partitions == partition]
            yield int(partition), mine[np.argsort(self.offset[mine])]


def bare(lessons: Lessons) -> npt.NDArray[np.bool_]:
    """Which events came without the windowed features that they should have."""
    if not lessons.windowed.shape[1]:
        return np.zeros(len(lessons), dtype=np.bool_)
    return np.asarray(np.isnan(lessons.windowed).all(axis=1))
