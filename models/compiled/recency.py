"""A bounded set of entities in order of their last use, compiled: what a dictionary is one by one.

    key -> table (open addressing) -> slot -> (arrays of the caller)
           a chain through the slots holds them from the oldest to the newest

Keys are hashes already (`models.columns.identity`), so their low bits say where the table begins to look.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

NONE = -1

OLDEST, NEWEST, HELD = 0, 1, 2
"""Places in `ends`: the slots at both ends of the chain, and how many are in use."""


class Recency(NamedTuple):
    """Flat arrays; slots are 0 to most - 1."""

    keys: npt.NDArray[np.int64]
    older: npt.NDArray[np.int64]
    newer: npt.NDArray[np.int64]
    table: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]


def empty(most: int) -> Recency:
    """Room for `most` entities, of which there are none yet."""
    places = 4
    while places < 2 * most:
        places *= 2
    return Recency(
        keys=np.zeros(most, np.int64),
        older=np.full(most, NONE, np.int64),
        newer=np.full(most, NONE, np.int64),
        table=np.full(places, NONE, np.int64),
        ends=np.array([NONE, NONE, 0], np.int64),
    )


def slots(recency: Recency) -> npt.NDArray[np.int64]:
    """The slots in use, the oldest first."""
    found = np.empty(recency.ends[HELD], np.int64)
    slot = recency.ends[OLDEST]
    for n in range(len(found)):
        found[n] = slot
        slot = recency.newer[slot]
    return found


@njit(cache=True)
def find(recency: Recency, key: int) -> int:
    """The slot of a key, or NONE."""
    mask = len(recency.table) - 1
    place = key & mask
    while recency.table[place] != NONE:
        slot = recency.table[place]
        if recency.keys[slot] == key:
            return int(slot)
        place = (place + 1) & mask
    return NONE


@njit(cache=True)
def use(recency: Recency, key: int) -> tuple[int, bool]:
    """The slot of a key, now the newest, and whether it is new; a full set lets the oldest go for it."""
    slot = find(recency, key)
    known = slot != NONE
    if known:
        _unchain(recency, slot)
    else:
        if recency.ends[HELD] < len(recency.keys):
            slot = recency.ends[HELD]
            recency.ends[HELD] += 1
        else:
            slot = recency.ends[OLDEST]
            _unchain(recency, slot)
            _leave_table(recency, recency.keys[slot])
        recency.keys[slot] = key
        _enter_table(recency, key, slot)
    newest = recency.ends[NEWEST]
    recency.older[slot] = newest
    recency.newer[slot] = NONE
    if newest == NONE:
        recency.ends[OLDEST] = slot
    else:
        recency.newer[newest] = slot
    recency.ends[NEWEST] = slot
    return slot, not known


@njit(cache=True)
def _unchain(recency: Recency, slot: int) -> None:
    older, newer = recency.older[slot], recency.newer[slot]
    if older == NONE:
        recency.ends[OLDEST] = newer
    else:
        recency.newer[older] = newer
    if newer == NONE:
        recency.ends[NEWEST] = older
    else:
        recency.older[newer] = older


@njit(cache=True)
def _enter_table(recency: Recency, key: int, slot: int) -> None:
    mask = len(recency.table) - 1
    place = key & mask
    while recency.table[place] != NONE:
        place = (place + 1) & mask
    recency.table[place] = slot


@njit(cache=True)
def _leave_table(recency: Recency, key: int) -> None:
    """Empties the place of a key, and moves up those after it that looked past it (Knuth 6.4 R)."""
    mask = len(recency.table) - 1
    hole = key & mask
    while recency.keys[recency.table[hole]] != key:
        hole = (hole + 1) & mask
    place = (hole + 1) & mask
    while recency.table[place] != NONE:
        home = recency.keys[recency.table[place]] & mask
        if ((place - home) & mask) >= ((place - hole) & mask):
            recency.table[hole] = recency.table[place]
            hole = place
        place = (place + 1) & mask
    recency.table[hole] = NONE
