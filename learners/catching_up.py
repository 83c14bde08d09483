"""How far a learner is from the end that its topic had at the start: only who reached it once is up to date.

ends at the start -> read (messages, drained partitions), asked about -> what is left -> starting | live
"""

from __future__ import annotations

from collections.abc import Mapping

from learners.lessons import Lessons


class CatchingUp:
    """Offsets still to be taken, partition by partition; the topic's transactions leave gaps between them."""

    def __init__(self, begin: Mapping[int, int], ends: Mapping[int, int]) -> None:
        """`begin`: where reading starts; `ends`: where each partition ended then."""
        self._ends = {p: end for p, end in ends.items() if begin.get(p, end) < end}
        self._read = {p: begin[p] for p in self._ends}
        """Partition -> up to where it was read."""
        self._last: dict[int, int] = {}
        """Partition -> its last event before the end, as far as one was read."""

    def __bool__(self) -> bool:
        """Whether anything may be left: once nothing is, nothing will be again."""
        return bool(self._ends)

    def received(self, lessons: Lessons) -> None:
        """Notes what was read."""
        for partition, end in self._ends.items():
            offsets = lessons.offset[lessons.partition == partition]
            if len(offsets):
                self.reached(partition, int(offsets.max()) + 1)
                before = offsets[offsets < end]
                if len(before):
                    self._last[partition] = max(int(before.max()), self._last.get(partition, -1))

    def reached(self, partition: int, offset: int) -> None:
        """A partition was read up to this offset."""
        if partition in self._ends:
            self._read[partition] = max(offset, self._read[partition])

    def left(self, asked: Mapping[int, int]) -> int:
        """How many offsets are left, given the next one of each partition that will be asked about.

        What was asked about before the start and is only read again counts until it is read.
        """
        for partition, end in list(self._ends.items()):
            through = asked.get(partition, 0) > self._last.get(partition, -1)
            if self._read[partition] >= end and through:
                del self._ends[partition]
        return sum(max(0, end - self._at(p, asked)) for p, end in self._ends.items())

    def _at(self, partition: int, asked: Mapping[int, int]) -> int:
        return min(self._read[partition], asked.get(partition, self._read[partition]))
