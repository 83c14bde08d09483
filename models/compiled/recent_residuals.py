"""The last residuals and their quantiles, compiled: as `models.recent_residuals` counts them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from models.base import Floats
from models.recent_residuals import BINS, HIGH, HIGH_SHARE, KEPT, LOW, LOW_SHARE, REFRESH, counts


class Residuals(NamedTuple):
    """Flat arrays that a residual changes in place."""

    ring: npt.NDArray[np.uint8]
    counts: npt.NDArray[np.int64]
    spread: Floats
    """Low and high quantile; NaN before the first reading."""


def restored(ring: bytes, spread: tuple[float, float] | None) -> Residuals:
    """Goes on from the ring of either body."""
    full = np.zeros(KEPT, np.uint8)
    full[: len(ring)] = np.frombuffer(ring, np.uint8)
    return Residuals(full, np.array(counts(ring), np.int64), np.array(spread or (np.nan, np.nan)))


def spread_told(residuals: Residuals) -> tuple[float, float] | None:
    """The quantiles, or None before the first reading."""
    low, high = residuals.spread.tolist()
    return None if np.isnan(low) else (low, high)


@njit(cache=True)
def add(residuals: Residuals, taken: int, residual: float) -> None:
    """Counts a residual, the one after `taken` others, and forgets the oldest."""
    share = (residual - LOW) / (HIGH - LOW)
    place = min(BINS - 1, max(0, int(share * BINS)))
    if taken >= KEPT:
        residuals.counts[residuals.ring[taken % KEPT]] -= 1
    residuals.ring[taken % KEPT] = place
    residuals.counts[place] += 1
    if (taken + 1) % REFRESH == 0:
        inside = min(taken + 1, KEPT)
        residuals.spread[0] = _quantile(residuals.counts, LOW_SHARE, inside)
        residuals.spread[1] = _quantile(residuals.counts, HIGH_SHARE, inside)


@njit(cache=True)
def _quantile(inside: npt.NDArray[np.int64], share: float, total: int) -> float:
    wanted, below = share * total, 0
    for n in range(BINS):
        count = inside[n]
        if count and below + count >= wanted:
            bound: float = LOW + (HIGH - LOW) / BINS * (n + (wanted - below) / count)
            return bound
        below += count
    return HIGH
