"""A table of identities in the order of their last touch, compiled: what an OrderedDict is to the other body.

    identity -> (open addressing, linear probing) -> slot -> a row of the owner's arrays
    slots -> (a ring of links) -> the longest untouched first

Identities are hashes already, so their low bits choose the place. Zero is no identity.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

NONE = -1

COUNT, FREE = 0, 1


class Table(NamedTuple):
    """The arrays of a table of at most `most` identities."""

    keys: Any
    """(most,): slot -> identity."""
    after: Any
    """(most + 1,): slot -> the next one; the last row is the ring's head."""
    before: Any
    places: Any
    """(a power of two,): slot + 1 where an identity is, 0 where none."""
    spare: Any
    """(most,): slots that were given back."""
    head: Any
    """(2,): identities, and slots in `spare`."""


def table(most: int) -> Table:
    """An empty table."""
    ring = np.full(most + 1, most, dtype=np.int64)
    return Table(
        keys=np.zeros(most, dtype=np.int64),
        after=ring,
        before=ring.copy(),
        places=np.zeros(1 << (2 * most).bit_length(), dtype=np.int32),
        spare=np.arange(most, dtype=np.int64)[::-1].copy(),
        head=np.array([0, most], dtype=np.int64),
    )


@njit(cache=True)
def find(table: Table, key: int) -> Any:
    """The slot of an identity; NONE where it is unknown."""
    last = len(table.places) - 1
    place = key & last
    while table.places[place] != 0:
        slot = table.places[place] - 1
        if table.keys[slot] == key:
            return slot
        place = (place + 1) & last
    return NONE


@njit(cache=True)
def _unlink(table: Table, slot: int) -> None:
    table.after[table.before[slot]] = table.after[slot]
    table.before[table.after[slot]] = table.before[slot]


@njit(cache=True)
def _link(table: Table, slot: int) -> None:
    ring = len(table.keys)
    newest = table.before[ring]
    table.after[newest], table.before[slot] = slot, newest
    table.after[slot], table.before[ring] = ring, slot


@njit(cache=True)
def first(table: Table) -> Any:
    """The slot that was untouched for longest; NONE of an empty table."""
    slot = table.after[len(table.keys)]
    return slot if slot < len(table.keys) else NONE


@njit(cache=True)
def touch(table: Table, slot: int) -> None:
    """The slot becomes the one touched last."""
    _unlink(table, slot)
    _link(table, slot)


@njit(cache=True)
def insert(table: Table, key: int) -> Any:
    """The slot of a new identity, touched last. There must be room."""
    table.head[FREE] -= 1
    slot = table.spare[table.head[FREE]]
    last = len(table.places) - 1
    place = key & last
    while table.places[place] != 0:
        place = (place + 1) & last
    table.places[place] = slot + 1
    table.keys[slot] = key
    table.head[COUNT] += 1
    _link(table, slot)
    return slot


@njit(cache=True)
def remove(table: Table, slot: int) -> None:
    """Forgets the identity of a slot; those that probed past its place move up (Knuth, TAOCP 6.4, R)."""
    _unlink(table, slot)
    table.spare[table.head[FREE]] = slot
    table.head[FREE] += 1
    table.head[COUNT] -= 1
    last = len(table.places) - 1
    hole = table.keys[slot] & last
    while table.places[hole] != slot + 1:
        hole = (hole + 1) & last
    place = hole
    while True:
        place = (place + 1) & last
        moved = table.places[place]
        if moved == 0:
            break
        home = table.keys[moved - 1] & last
        if ((place - home) & last) >= ((place - hole) & last):
            table.places[hole] = moved
            hole = place
    table.places[hole] = 0


@njit(cache=True)
def slots(table: Table) -> Any:
    """(n,): every slot, the longest untouched first."""
    found = np.empty(table.head[COUNT], dtype=np.int64)
    slot = len(table.keys)
    for n in range(len(found)):
        slot = table.after[slot]
        found[n] = slot
    return found


@njit(cache=True)
def fill(table: Table, keys: Any) -> None:
    """Inserts these identities, one after the other, into an empty table: they get the slots from 0 on."""
    for key in keys:
        insert(table, key)
