"""Labels that are not known yet: what was asked waits until the clock of event time reaches its due time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import Any

import msgspec

from models.base import Row

BEGINNING = datetime.min.replace(tzinfo=UTC)


class Told(msgspec.Struct, frozen=True, array_like=True):
    """What was answered before the label was known: by the model, and by the answer that costs nothing."""

    value: bool | int | float
    probability: float | None
    naive: float | None


class Awaiting(msgspec.Struct):
    """An event that was asked about; `told` is None when the model was not trained yet."""

    due: datetime
    partition: int
    offset: int
    event_id: str
    entity: str
    time: datetime
    x: Row
    truth: Any
    told: Told | None


class Pending:
    """The events whose labels are awaited, and the clock: the largest event time that was reached."""

    def __init__(self, clock: datetime = BEGINNING) -> None:
        self.clock = clock
        self._queue: list[tuple[datetime, int, int, Awaiting]] = []

    def __len__(self) -> int:
        return len(self._queue)

    def __iter__(self) -> Iterator[Awaiting]:
        return (entry[3] for entry in self._queue)

    def reach(self, time: datetime) -> None:
        """Moves the clock; it never goes back."""
        self.clock = max(self.clock, time)

    def add(self, awaiting: Awaiting) -> None:
        """Lets an event wait. Equal due times go by partition and offset, so the order outlives a restart."""
        heappush(self._queue, (awaiting.due, awaiting.partition, awaiting.offset, awaiting))

    def known(self) -> Iterator[Awaiting]:
        """Takes out, in order, every event whose label is known by now."""
        while self._queue and self._queue[0][0] <= self.clock:
            yield heappop(self._queue)[3]

    def oldest(self) -> dict[int, int]:
        """By partition, the least offset that still waits."""
        least: dict[int, int] = {}
        for _, partition, offset, _ in self._queue:
            least[partition] = min(offset, least.get(partition, offset))
        return least
