"""Sums over the last five minutes of event time, in bounded memory: a ring of 30 slots of 10 s; compiled.

A label lies in the slot of the time at which it was known. The newest slot is still filling, so that the sums
are over the last 290 to 300 s. A label that lies further back than the ring is left out.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

SLOTS: Final = 30
SLOT_US: Final = 10_000_000
EMPTY: Final = -(2**62)

Slots = npt.NDArray[np.int64]
"""(30,): which ten seconds since 1970 a slot holds."""

Tallies = npt.NDArray[np.float64]
"""(30, 2): count and sum."""


def empty() -> tuple[Slots, Tallies]:
    """A ring that holds nothing."""
    return np.full(SLOTS, EMPTY, dtype=np.int64), np.zeros((SLOTS, 2))


@njit(cache=True)
def add(slots: Slots, tallies: Tallies, at_us: int, value: float) -> None:
    """Adds a value at its time."""
    slot = at_us // SLOT_US
    place = slot % SLOTS
    if slots[place] < slot:
        slots[place] = slot
        tallies[place, 0] = 0.0
        tallies[place, 1] = 0.0
    elif slots[place] > slot:
        return
    tallies[place, 0] += 1
    tallies[place, 1] += value


@njit(cache=True)
def mean(slots: Slots, tallies: Tallies, clock_us: int) -> float:
    """The mean of what lies within five minutes of the clock; NaN of nothing."""
    newest = clock_us // SLOT_US
    count, total = 0.0, 0.0
    for place in range(SLOTS):
        if newest - SLOTS < slots[place] <= newest:
            count += tallies[place, 0]
            total += tallies[place, 1]
    return total / count if count else np.nan
