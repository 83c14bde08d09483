"""Seconds that have passed: for what a loop does now and then."""

from __future__ import annotations


class Every:
    """Says when so many seconds have passed."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0

    def due(self, now: float) -> bool:
        """Whether it is time; then counts anew."""
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True

    def hurry(self) -> None:
        """It is time now."""
        self._next = 0.0

    def rest(self, seconds: float, now: float) -> None:
        """Not again before so many seconds have passed, if that is longer than usual."""
        self._next = max(self._next, now + seconds)
