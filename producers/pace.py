"""When live events are due. Pure: the caller brings the clock."""

from __future__ import annotations

from math import inf


class Pace:
    """An even schedule of `rate` events per second, counted from `start` so that no drift adds up.

    Small delays are caught up. What is more than `patience` seconds overdue is let go: a stream that
    stood still for an hour goes on at its rate instead of pouring out an hour at once.
    Times are seconds of one monotonic clock.
    """

    def __init__(self, rate: float, start: float, patience: float = 2.0) -> None:
        if not 0 <= rate < inf:
            raise ValueError(f"rate is {rate}; it must be a finite number of events/s, 0 or more")
        self._rate = rate
        self._start = start
        self._patience = patience
        self._done = 0

    def due(self, now: float) -> int:
        """How many events to send now; they then count as sent."""
        if not self._rate:
            return 0
        ripe = int((now - self._start) * self._rate) + 1
        waiting = ripe - self._done
        most = int(self._patience * self._rate) + 1
        if waiting > most:
            self._start = now - (self._done + most - 1) / self._rate
            waiting = most
        self._done += max(0, waiting)
        return max(0, waiting)

    def wait(self, now: float) -> float:
        """Seconds until the next event is due; infinite at rate 0."""
        if not self._rate:
            return inf
        return max(0.0, self._start + self._done / self._rate - now)
