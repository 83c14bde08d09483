"""The lessons of `models.session_kmeans` compiled: what `run` does with many rows on flat arrays.

    codes, order -> run -> answers, settled entities;  it stops where centres must be laid (numpy does that)

The arithmetic is that of the body one by one, the very same functions; only what holds them differs.
"""

from __future__ import annotations

from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from models import centres, ecci_session
from models.centres import LEAST_STEP, NOWHERE
from models.compiled.identities import NONE, Table, find, first, insert, remove, table, touch
from models.ecci_session import CATEGORICAL, EVENTS, FRESH, INPUTS, SUMS, TALLIES, logarithm
from models.profiles import LONGEST, STARTS, WIDTH
from models.sessions import share

D = len(INPUTS)

ENTITY, SESSION, TIME = range(3)
FIRST_CODE = 3
PRICE = FIRST_CODE + len(CATEGORICAL)
SECONDS = PRICE + 1
COLUMNS = SECONDS + 1
"""Columns of the codes, 64-bit integers; price and seconds are floats' bits."""

AT_ONCE = 1024
"""Settled entities that are written before they are handed over."""

# Where the scalars stand.
CLOCK, SEEN, NEXT_LAY, LAID, TIMEOUT, MOST, WRITTEN = range(7)

_add = njit(cache=True)(ecci_session.add)
_vector = njit(cache=True)(ecci_session.vector)
_foresee = njit(cache=True)(ecci_session.foresee)
_nearest = njit(cache=True)(centres.nearest)
_join = njit(cache=True)(centres.join)
_move = njit(cache=True)(centres.move)
_observe = njit(cache=True)(centres.observe)
rescale = njit(cache=True)(centres.rescale)
_share = njit(cache=True)(share)


class Memory(NamedTuple):
    """All that the kernel works on. The last row of visits, sums and means is scratch."""

    scalars: Any
    visits: Table
    whose: Any
    """(most + 1, 2): customer and time of the last event of each session."""
    ints: Any
    sums: Any
    customers: Table
    held: Any
    """(most + 1, 2): sessions and segment of each customer."""
    weights: Any
    means: Any
    told: Any
    usual: Any
    spread: Any
    within: Any
    scale: Any
    centres: Any
    counts: Any
    tops: Any
    topped: Any
    fresh: Any
    vectors: Any
    """(AT_ONCE, d): of the settled."""
    places: Any
    """(AT_ONCE, 3): their segments, now and before, and the row whose lesson settled them."""


@njit(cache=True)
def _copy(source: Any, target: Any) -> None:
    """An assignment of slices compiles for a second; this does not."""
    for n in range(len(target)):
        target[n] = source[n]


@njit(cache=True)
def _clear(target: Any) -> None:
    for n in range(len(target)):
        target[n] = 0.0


@njit(cache=True)
def _place(m: Memory, code: Any, price: float, seconds: float) -> None:
    """Writes where the row's customer stands, the running session included, into the last row of means."""
    end = len(m.whose) - 1
    at = code[TIME] if code[TIME] != 0 else m.scalars[CLOCK]
    mean, ints, sums = m.means[end], m.ints[end], m.sums[end]
    customer, weight = find(m.customers, code[ENTITY]), 0.0
    if customer != NONE:
        _copy(m.means[customer], mean)
        weight = m.weights[customer]
    else:
        _clear(mean)
    visit = find(m.visits, code[SESSION])
    if visit != NONE and at - m.whose[visit, 1] > m.scalars[TIMEOUT]:
        _vector(m.ints[visit], m.sums[visit], m.usual, m.told)
        more = _share(m.ints[visit, EVENTS])
        _join(mean, weight, m.told, more)
        weight += more
        visit = NONE
    if visit != NONE:
        _copy(m.ints[visit], ints)
        _copy(m.sums[visit], sums)
    else:
        _copy(m.fresh, ints)
        _clear(sums)
    _add(ints, sums, code[FIRST_CODE:PRICE], price, seconds)
    _vector(ints, sums, m.usual, m.told)
    if weight > 0.0:
        _foresee(m.told, ints[EVENTS], mean)
    else:
        _foresee(m.told, ints[EVENTS], m.usual)
    _join(mean, weight, m.told, _share(ints[EVENTS]))


@njit(cache=True)
def _fold(m: Memory, visit: int) -> Any:
    """A session that is over joins its customer's mean; the customer's slot."""
    entity = m.whose[visit, 0]
    customer = find(m.customers, entity)
    if customer == NONE:
        if m.customers.head[0] >= m.scalars[MOST]:
            remove(m.customers, first(m.customers))
        customer = insert(m.customers, entity)
        m.held[customer, 0], m.held[customer, 1] = 0, NOWHERE
        m.weights[customer] = 0.0
        _clear(m.means[customer])
    _vector(m.ints[visit], m.sums[visit], m.usual, m.told)
    more = _share(m.ints[visit, EVENTS])
    _join(m.means[customer], m.weights[customer], m.told, more)
    m.weights[customer] += more
    m.held[customer, 0] += 1
    touch(m.customers, customer)
    return customer


@njit(cache=True)
def _settle(m: Memory, customer: int) -> None:
    """A session has joined its customer's mean, and the mean teaches the centres."""
    place, seen = m.means[customer], m.scalars[SEEN]
    if m.scalars[LAID]:
        segment = _nearest(place, m.centres, m.scale)
        written = m.scalars[WRITTEN]
        for n in range(len(place)):
            m.vectors[written, n] = place[n] * sqrt(m.scale[n])
        m.places[written, 0], m.places[written, 1] = segment, m.held[customer, 1]
        m.scalars[WRITTEN] += 1
        m.held[customer, 1] = segment
        m.counts[segment] += 1
        step = max(1.0 / m.counts[segment], LEAST_STEP)
        _move(place, m.centres[segment], step, m.within, max(1.0 / seen, LEAST_STEP))
    m.scalars[SEEN] += 1
    _observe(place, m.scalars[SEEN], m.usual, m.spread)
    rescale(m.scalars[SEEN], m.spread, m.within, m.scalars[LAID] != 0, m.scale)


@njit(cache=True)
def _count(m: Memory, segment: int, codes: Any) -> None:
    counts = m.tops[segment]
    for n in range(len(codes)):
        if codes[n] >= 0:
            counts[STARTS[n] + codes[n]] += 1
    m.topped[segment] += 1
    if m.topped[segment] >= LONGEST:
        m.topped[segment] //= 2
        for n in range(len(counts)):
            counts[n] //= 2


@njit(cache=True)
def _learn(m: Memory, code: Any, price: float, seconds: float) -> bool:
    """Takes one row; False when it must be given again after what `run` stops for was done."""
    if code[ENTITY] == 0 or code[SESSION] == 0:
        return True
    m.scalars[CLOCK] = max(m.scalars[CLOCK], code[TIME])
    while True:
        visit = first(m.visits)
        if visit == NONE:
            break
        silent = m.scalars[CLOCK] - m.whose[visit, 1] > m.scalars[TIMEOUT]
        if not silent and m.visits.head[0] < m.scalars[MOST]:
            break
        remove(m.visits, visit)
        _settle(m, _fold(m, visit))
        if m.scalars[SEEN] >= m.scalars[NEXT_LAY] or m.scalars[WRITTEN] == AT_ONCE:
            return False
    at = code[TIME] if code[TIME] != 0 else m.scalars[CLOCK]
    visit = find(m.visits, code[SESSION])
    if visit == NONE:
        visit = insert(m.visits, code[SESSION])
        m.whose[visit, 0], m.whose[visit, 1] = code[ENTITY], at
        _copy(m.fresh, m.ints[visit])
        _clear(m.sums[visit])
    m.whose[visit, 1] = max(m.whose[visit, 1], at)
    _add(m.ints[visit], m.sums[visit], code[FIRST_CODE:PRICE], price, seconds)
    touch(m.visits, visit)
    customer = find(m.customers, code[ENTITY])
    if customer != NONE and m.held[customer, 1] != NOWHERE:
        _count(m, m.held[customer, 1], code[FIRST_CODE:PRICE])
    return True


@njit(cache=True)
def run(m: Memory, codes: Any, floats: Any, order: Any, start: int, answers: Any) -> int:
    """Asks and teaches from `start` on; where it stopped, len(order) when it is through."""
    end = len(m.whose) - 1
    for position in range(start, len(order)):
        row = order[position]
        if row >= 0:
            if m.scalars[LAID]:
                _place(m, codes[row], floats[row, PRICE], floats[row, SECONDS])
                answers[row] = _nearest(m.means[end], m.centres, m.scale)
            else:
                answers[row] = np.nan
            continue
        before = m.scalars[WRITTEN]
        through = _learn(m, codes[~row], floats[~row, PRICE], floats[~row, SECONDS])
        for n in range(before, m.scalars[WRITTEN]):
            m.places[n, 2] = ~row
        if not through:
            return position
    return len(order)


_logarithm = njit(cache=True)(logarithm)


@njit(cache=True)
def logarithms(values: Any, least: float, out: Any) -> None:
    """Writes the logarithm of each value, at least `least`; NaN for null."""
    for n in range(len(values)):
        out[n] = _logarithm(values[n], least)


def memory(most: int, k: int) -> Memory:
    """Arrays for so many sessions, customers and segments."""
    integers: Any = np.int64
    return Memory(
        scalars=np.zeros(7, integers),
        visits=table(most),
        whose=np.zeros((most + 1, 2), integers),
        ints=np.zeros((most + 1, TALLIES), integers),
        sums=np.zeros((most + 1, SUMS)),
        customers=table(most),
        held=np.zeros((most + 1, 2), integers),
        weights=np.zeros(most + 1),
        means=np.zeros((most + 1, D)),
        told=np.zeros(D),
        usual=np.zeros(D),
        spread=np.zeros(D),
        within=np.zeros(D),
        scale=np.zeros(D),
        centres=np.zeros((k, D)),
        counts=np.zeros(k, integers),
        tops=np.zeros((k, WIDTH), integers),
        topped=np.zeros(k, integers),
        fresh=np.array(FRESH, integers),
        vectors=np.zeros((AT_ONCE, D)),
        places=np.zeros((AT_ONCE, 3), integers),
    )
