"""What every generator is: a pure, seeded source of complete events, one per given time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, ClassVar, TypeVar

from core.declaration import Application

T = TypeVar("T")

_NO_OFFSET = timedelta(0)


class Generator(ABC):
    """Gives one event per call of `next`; it reads no clock, opens nothing and keeps bounded memory.

    seed: decides the population (users, drivers, products, ...), which outlives restarts.
    stretch: decides, with the seed, what happens and all identifiers. The same seed, stretch and times
    give the same events; another stretch goes on with the same population and fresh identifiers.
    """

    application: ClassVar[Application]

    def __init__(self, seed: int, stretch: int = 0) -> None:
        name = self.application.name
        self._rng = Random(f"{name}/{seed}/{stretch}")
        self._populate(Random(f"{name}/{seed}"))
        self._clock = datetime.min.replace(tzinfo=UTC)
        self._derived = [(field.name, field.derive) for field in self.application.fields if field.derive]
        self.truth: dict[str, Any] = {}
        """What lay behind the last event and is not in it: for evaluation only, never for a model."""
        self._shift = 0.0

    def next(self, time: datetime, shift: float = 0.0) -> dict[str, Any]:
        """The next event, at `time`: UTC, and not before the last one. Raises ValueError otherwise.

        shift: how far the world has moved from the usual one, 0 to 1; each generator says what moves.
        """
        if time.utcoffset() != _NO_OFFSET:
            raise ValueError(f"event time {time.isoformat()} is not UTC")
        if time < self._clock:
            raise ValueError(
                f"event time {time.isoformat()} is before the last one, {self._clock.isoformat()}"
            )
        self._clock = time
        self._shift = shift
        return self._event(time)

    @abstractmethod
    def _populate(self, rng: Random) -> None:
        """Draws all that stays the same across restarts."""

    @abstractmethod
    def _event(self, time: datetime) -> dict[str, Any]:
        """The event at `time`; sets `truth`."""

    def _derive(self, event: dict[str, Any]) -> None:
        """Adds the fields that the declaration computes from the others."""
        for name, derive in self._derived:
            event[name] = derive(event)

    def _pick(self, values: Sequence[T]) -> T:
        """One of `values`, each as probable as the other; half the cost of `Random.choice`."""
        return values[int(self._rng.random() * len(values))]

    def _fresh_id(self) -> str:
        """A random UUID (version 4) as text, several times as fast as the standard library's."""
        text = f"{self._rng.getrandbits(128) & _UUID_MASK | _UUID_VERSION:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


# RFC 9562: version 4 in the high half of byte 6, variant 10 in the top bits of byte 8.
_UUID_VERSION = 0x4 << 76 | 0x2 << 62
_UUID_MASK = (1 << 128) - 1 ^ (0xF << 76 | 0x3 << 62)
