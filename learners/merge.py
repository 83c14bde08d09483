"""Brings the partitions of a topic into the order of event time; pure: it is told what came, and when.

    partition 0 -> lane 0 --.
    partition 1 -> lane 1 ---> the earliest first
    partition 2 -> lane 2 --'

Within a lane the order stays: a row that is earlier than one before it counts as if it were as late. A lane
without a row holds the others back, for its next one may be earlier, unless its partition is drained or has
been silent for a while: ten times as long where more is known to come, for then it is the broker that is
slow. So a backfill of several partitions is learned in the order in which it happened, and a partition that
nobody writes to, or that can't be read, stops nothing for ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from learners.lessons import Ints, Lessons

PATIENCE = 10
"""How many times longer a silent partition is waited for, when it holds more or nothing is known of it."""

_LONG_AGO = -(2**62)


@dataclass(slots=True)
class _Lane:
    heard: float
    drained: bool = False
    expected: bool = True
    waiting: int = 0
    reached: int = _LONG_AGO
    """The latest event time of its rows so far, microseconds."""


class Merge:
    """Lanes, one per partition; times are seconds of a clock that never goes back."""

    def __init__(self, partitions: Iterable[int], idle_seconds: float, now: float) -> None:
        self._lanes = {partition: _Lane(heard=now) for partition in partitions}
        self._idle = idle_seconds
        self._pool: Lessons | None = None
        self._keys: Ints = np.empty(0, dtype=np.int64)

    def add(self, lessons: Lessons, now: float) -> None:
        """Rows came; those of one partition in the order of their offsets."""
        if not len(lessons):
            return
        keys = lessons.time.copy()
        for partition in np.unique(lessons.partition).tolist():
            lane, mine = self._lanes[partition], lessons.partition == partition
            lane.heard, lane.drained = now, False
            lane.waiting += int(mine.sum())
            keys[mine] = np.maximum.accumulate(np.maximum(keys[mine], lane.reached))
            lane.reached = int(keys[mine][-1])
        parts = [lessons] if self._pool is None else [self._pool, lessons]
        self._pool = Lessons.joined(parts)
        self._keys = np.concatenate([self._keys, keys])

    def drain(self, partition: int, now: float) -> None:
        """The partition has nothing more at the moment."""
        lane = self._lanes[partition]
        lane.heard, lane.drained = now, True

    def expect(self, partition: int, more: bool) -> None:
        """Whether the partition is known to hold more; until it is said, it may."""
        self._lanes[partition].expected = more

    def take(self, now: float, most: int) -> Lessons | None:
        """The next lessons in order, at most so many; None while a lane holds the others back."""
        if self._pool is None or not all(
            one.waiting or self._passes(one, now) for one in self._lanes.values()
        ):
            return None
        pool = self._pool
        order = np.lexsort((pool.offset, pool.partition, self._keys))
        free = min(most, self._free(pool.partition[order], now))
        taken, left = order[:free], np.sort(order[free:])
        self._pool = pool.take(left) if len(left) else None
        self._keys = self._keys[left]
        lessons = pool.take(taken)
        for partition, rows in zip(*np.unique(lessons.partition, return_counts=True), strict=True):
            self._lanes[int(partition)].waiting -= int(rows)
        return lessons

    def _free(self, partitions: Ints, now: float) -> int:
        """How many of the ordered rows come before anything that a lane might still bring."""
        free = len(partitions)
        for partition, lane in self._lanes.items():
            if lane.waiting and not self._passes(lane, now):
                free = min(free, int(np.flatnonzero(partitions == partition)[-1]) + 1)
        return free

    def waiting(self, partition: int) -> int:
        """Rows in a partition's lane."""
        return self._lanes[partition].waiting

    def empty(self, partition: int) -> bool:
        """Whether all that the partition holds has been taken."""
        lane = self._lanes[partition]
        return lane.drained and not lane.waiting

    def _passes(self, lane: _Lane, now: float) -> bool:
        return lane.drained or now - lane.heard >= self._idle * (PATIENCE if lane.expected else 1)
