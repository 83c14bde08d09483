"""What a job tells while it works, and how it learns that it shall stop."""

from __future__ import annotations

from typing import Protocol

from core.batch import Stage


class Stopped(Exception):
    """Somebody asked the job to stop."""


class Progress(Protocol):
    """Given to all that takes longer than a second. Every call raises Stopped once a stop was asked."""

    def stage(self, stage: Stage, percent: float) -> None:
        """What is done from now on; `percent` of the whole job lies behind it (0..100)."""

    def line(self, text: str, **values: float) -> None:
        """A line of the live log, with its numbers by name."""

    def check(self) -> None:
        """Nothing to tell; call it inside loops."""


class Silent:
    """Progress that nobody watches and nobody stops: for scripts and tests."""

    def stage(self, stage: Stage, percent: float) -> None:
        """Says nothing."""

    def line(self, text: str, **values: float) -> None:
        """Says nothing."""

    def check(self) -> None:
        """Goes on."""
