"""Brings the partitions of a topic into the order of event time; pure: it is told what came, and when.

    partition 0 -> lane 0 --.
    partition 1 -> lane 1 ---> the earliest head first
    partition 2 -> lane 2 --'

A lane without a message holds the others back, for its next one may be earlier, unless its partition is
drained or has been silent for a while: ten times as long where more is known to come, for then it is the
broker that is slow. So a backfill of several partitions is learned in the order in which it happened, and a
partition that nobody writes to, or that can't be read, stops nothing for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush, heapreplace

from learners.lessons import Lesson

PATIENCE = 10
"""How many times longer a silent partition is waited for, when it holds more or nothing is known of it."""


@dataclass(slots=True)
class _Lane:
    heard: float
    drained: bool = False
    expected: bool = True
    lessons: deque[Lesson] = field(default_factory=deque)


class Merge:
    """Lanes, one per partition; times are seconds of a clock that never goes back."""

    def __init__(self, partitions: Iterable[int], idle_seconds: float, now: float) -> None:
        self._lanes = {partition: _Lane(heard=now) for partition in partitions}
        self._idle = idle_seconds
        self._heads: list[tuple[datetime, int]] = []

    def add(self, lesson: Lesson, now: float) -> None:
        """A message came; those of one partition come in the order of their offsets."""
        lane = self._lanes[lesson.partition]
        lane.heard, lane.drained = now, False
        lane.lessons.append(lesson)
        if len(lane.lessons) == 1:
            heappush(self._heads, (lesson.time, lesson.partition))

    def drain(self, partition: int, now: float) -> None:
        """The partition has nothing more at the moment."""
        lane = self._lanes[partition]
        lane.heard, lane.drained = now, True

    def expect(self, partition: int, more: bool) -> None:
        """Whether the partition is known to hold more; until it is said, it may."""
        self._lanes[partition].expected = more

    def take(self, now: float, most: int) -> list[Lesson]:
        """The next lessons in order, at most so many; none while a lane holds the others back."""
        taken: list[Lesson] = []
        if not all(lane.lessons or self._passes(lane, now) for lane in self._lanes.values()):
            return taken
        while self._heads and len(taken) < most:
            partition = self._heads[0][1]
            lane = self._lanes[partition]
            taken.append(lane.lessons.popleft())
            if lane.lessons:
                heapreplace(self._heads, (lane.lessons[0].time, partition))
                continue
            heappop(self._heads)
            if not self._passes(lane, now):
                break
        return taken

    def waiting(self, partition: int) -> int:
        """Messages in a partition's lane."""
        return len(self._lanes[partition].lessons)

    def empty(self, partition: int) -> bool:
        """Whether all that the partition holds has been taken."""
        lane = self._lanes[partition]
        return lane.drained and not lane.lessons

    def _passes(self, lane: _Lane, now: float) -> bool:
        return lane.drained or now - lane.heard >= self._idle * (PATIENCE if lane.expected else 1)
