"""What the tally remembers of each topic it counts, as one value per application."""

from __future__ import annotations

import msgspec

from core.applications import APPLICATIONS
from core.names import Stream, topic

COUNTED: dict[str, tuple[str, Stream]] = {
    topic(name, stream): (name, stream) for name in APPLICATIONS for stream in (Stream.VALID, Stream.DLQ)
}
"""The topics that are counted row by row: topic -> application and stream."""


class Book(msgspec.Struct, kw_only=True, dict=True):
    """The rows of one topic up to some offsets."""

    topic_id: str = ""
    """The broker's own name of the topic: a topic made anew has another."""
    offsets: dict[int, int] = {}
    """Partition -> next offset to count."""
    rows: int = 0
    reasons: dict[str, int] = {}

    def __post_init__(self) -> None:
        self.drained: set[int] = set()
        """Partitions that were read to their end since the start; not stored."""

    def count(self, partition: int, offset: int, reason: str) -> None:
        """One row more, unless it lies before what was counted already."""
        if offset < self.offsets.get(partition, 0):
            return
        self.offsets[partition] = offset + 1
        self.rows += 1
        if reason:
            self.reasons[reason] = self.reasons.get(reason, 0) + 1

    @property
    def complete(self) -> bool:
        """Whether every partition was read to its end at least once."""
        return bool(self.offsets) and self.drained >= self.offsets.keys()

    def begin(self, topic_id: str, bounds: dict[int, tuple[int, int]]) -> None:
        """Starts from the stored offsets where the log still holds them, else from its beginning.

        bounds: partition -> first offset of the log and the one after its last.
        """
        same = self.topic_id == topic_id or not (self.topic_id and topic_id)
        held = all(p in bounds and bounds[p][0] <= at <= bounds[p][1] for p, at in self.offsets.items())
        if not (same and held):
            self.rows, self.reasons, self.offsets = 0, {}, {}
        self.topic_id = topic_id or self.topic_id
        self.offsets = {p: self.offsets.get(p, first) for p, (first, _) in bounds.items()}
        self.drained.clear()


class Ledger(msgspec.Struct, kw_only=True):
    """The books of one application."""

    books: dict[Stream, Book] = msgspec.field(
        default_factory=lambda: {Stream.VALID: Book(), Stream.DLQ: Book()}
    )
