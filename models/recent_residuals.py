"""How far answers were off lately, in standard deviations, as the quantiles that bound an interval."""

from __future__ import annotations

from array import array

KEPT = 4096
"""Residuals that count: older ones leave."""

BINS = 256
LOW, HIGH = -4.0, 8.0
"""Residuals are counted in bins of this range: delays reach further than early arrivals."""

LOW_SHARE, HIGH_SHARE = 0.1, 0.9
"""An interval leaves out a tenth on either side."""

REFRESH = 50
"""Residuals between two readings of the quantiles; there is none before the first reading."""


class RecentResiduals:
    """A ring of the bins of the last residuals, and how many lie in each."""

    def __init__(self, taken: int = 0, ring: bytes = b"") -> None:
        self.taken = taken
        self.spread: tuple[float, float] | None = None
        self._ring = bytearray(ring)
        self._counts = counts(ring)

    @property
    def ring(self) -> bytes:
        """The bins, a byte each; the oldest is at `taken` modulo KEPT once it is full."""
        return bytes(self._ring)

    def add(self, residual: float) -> None:
        """Counts a residual, and forgets the oldest."""
        share = (residual - LOW) / (HIGH - LOW)
        place = min(BINS - 1, max(0, int(share * BINS)))
        if self.taken < KEPT:
            self._ring.append(place)
        else:
            at = self.taken % KEPT
            self._counts[self._ring[at]] -= 1
            self._ring[at] = place
        self._counts[place] += 1
        self.taken += 1
        if self.taken % REFRESH == 0:
            self.spread = self._quantile(LOW_SHARE), self._quantile(HIGH_SHARE)

    def _quantile(self, share: float) -> float:
        """The residual below which `share` of them lie, straight within its bin."""
        wanted, below = share * len(self._ring), 0
        for n, count in enumerate(self._counts):
            if count and below + count >= wanted:
                return LOW + (HIGH - LOW) / BINS * (n + (wanted - below) / count)
            below += count
        return HIGH


def counts(ring: bytes) -> list[int]:
    """How many residuals of a ring lie in each bin."""
    found = array("q", bytes(8 * BINS)).tolist()
    for place in ring:
        found[place] += 1
    return found
