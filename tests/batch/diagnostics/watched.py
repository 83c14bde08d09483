"""Progress that remembers what it was told, and is stopped after so many calls."""

from __future__ import annotations

from dataclasses import dataclass, field

from batch.progress import Stopped
from core.batch import Stage


@dataclass
class Watched:
    """Stops at the call after `calls`."""

    calls: int = 10**9
    told: list[str] = field(default_factory=list)

    def stage(self, stage: Stage, percent: float) -> None:
        """Counts."""
        self.check()

    def line(self, text: str, **values: float) -> None:
        """Remembers, and counts."""
        self.told.append(text)
        self.check()

    def check(self) -> None:
        """Counts; raises Stopped when the calls are used up."""
        self.calls -= 1
        if self.calls < 0:
            raise Stopped
