"""The compiled body of `models.session_kmeans`: the same lessons on flat arrays, many rows a call.

columns -> encode -> codes -> follow -> run (compiled) -> answers, settled
                                          `-> stops to lay centres (numpy), and goes on
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any, NamedTuple, Self

import msgspec
import numpy as np
import numpy.typing as npt
from numba import njit

from core.records import Segment
from models import centres, ecci_session
from models.base import Codes, Floats, Order, Settled
from models.centres import LEAST_STEP, NOWHERE, Laid, later, lay
from models.compiled.identities import NONE, Table, fill, find, first, insert, remove, slots, table, touch
from models.ecci_session import (
    CATEGORICAL,
    EVENTS,
    FRESH,
    INPUTS,
    NUMERIC,
    SUMS,
    TALLIES,
    logarithm,
)
from models.profiles import LONGEST, STARTS, WIDTH, Tops, describe
from models.session_kmeans import SessionKMeans, State, decoded
from models.sessions import SessionsState, share

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
_rescale = njit(cache=True)(centres.rescale)
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
    """(AT_ONCE, 2): their segments, now and before."""


@njit(cache=True)
def _place(m: Memory, code: Any, price: float, seconds: float) -> None:
    """Writes where the row's customer stands, the running session included, into the last row of means."""
    end = len(m.whose) - 1
    at = code[TIME] if code[TIME] != 0 else m.scalars[CLOCK]
    mean, ints, sums = m.means[end], m.ints[end], m.sums[end]
    customer, weight = find(m.customers, code[ENTITY]), 0.0
    if customer != NONE:
        mean[:] = m.means[customer]
        weight = m.weights[customer]
    else:
        mean[:] = 0.0
    visit = find(m.visits, code[SESSION])
    if visit != NONE and at - m.whose[visit, 1] > m.scalars[TIMEOUT]:
        _vector(m.ints[visit], m.sums[visit], m.usual, m.told)
        more = _share(m.ints[visit, EVENTS])
        _join(mean, weight, m.told, more)
        weight += more
        visit = NONE
    if visit != NONE:
        ints[:] = m.ints[visit]
        sums[:] = m.sums[visit]
    else:
        ints[:] = m.fresh
        sums[:] = 0.0
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
        m.means[customer, :] = 0.0
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
    _rescale(m.scalars[SEEN], m.spread, m.within, m.scalars[LAID] != 0, m.scale)


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
        m.ints[visit, :] = m.fresh
        m.sums[visit, :] = 0.0
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
        elif not _learn(m, codes[~row], floats[~row, PRICE], floats[~row, SECONDS]):
            return position
    return len(order)


_logarithm = njit(cache=True)(logarithm)


@njit(cache=True)
def _logarithms(values: Any, least: float, out: Any) -> None:
    for n in range(len(values)):
        out[n] = _logarithm(values[n], least)


def _memory(most: int, k: int) -> Memory:
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
        places=np.zeros((AT_ONCE, 2), integers),
    )


class CompiledSessionKMeans:
    """Streaming k-means on customers' sessions, many rows a call."""

    def __init__(self, state: State) -> None:
        self._params = state.params
        one = SessionKMeans(**state.params)
        self._names = one.entity, one.session, one.time
        self._k, self._seed = one.k, one.seed
        self.settled: list[Settled] = []
        self._m = m = _memory(one.most, one.k)
        visits, sums, customers, means = state.sessions.arrays()
        fill(m.visits, visits[:, 0].copy())
        fill(m.customers, customers[:, 0].copy())
        m.whose[: len(visits)], m.ints[: len(visits)] = visits[:, 1:3], visits[:, 3:]
        m.sums[: len(visits)] = sums
        m.held[: len(customers)], m.means[: len(customers)] = customers[:, 1:], means[:, 1:]
        m.weights[: len(customers)] = means[:, 0]
        laid = len(state.centres) > 0
        timeout = round(one.timeout_s * 1e6)
        m.scalars[:] = state.sessions.clock, state.seen, state.next_lay, laid, timeout, one.most, 0
        for mine, its in zip(
            (m.usual, m.spread, m.within), (state.usual, state.spread, state.within), strict=True
        ):
            mine[:] = its
        if laid:
            m.centres[:] = state.centres
        m.counts[:], m.tops[:], m.topped[:] = state.counts, state.tops, state.told
        if state.seen:
            _rescale(state.seen, m.spread, m.within, laid, m.scale)

    @property
    def trained(self) -> bool:
        """Whether the centres are laid."""
        return bool(self._m.scalars[LAID])

    def encode(self, columns: Mapping[str, Codes]) -> Codes:
        """(n, 12) integers: customer, session, time, codes of the categories, bits of two logarithms."""
        entity, session, time = (columns[name] for name in self._names)
        codes = np.empty((len(entity), COLUMNS), dtype=np.int64)
        codes[:, ENTITY], codes[:, SESSION], codes[:, TIME] = entity, session, time
        for n, path in enumerate(CATEGORICAL):
            codes[:, FIRST_CODE + n] = columns[path]
        floats = codes.view(np.float64)
        for place, path, least in zip((PRICE, SECONDS), NUMERIC, (0.01, 1.0), strict=True):
            _logarithms(columns[path], least, floats[:, place])
        return codes

    def follow(self, codes: Codes, truths: Floats, order: Order, answers: Floats) -> None:
        """Asks and teaches in the given order; `settled` then tells the entities that the lessons settled."""
        self.settled = []
        floats, at = codes.view(np.float64), 0
        while True:
            at = run(self._m, codes, floats, order, at, answers)
            self._hand_over()
            if self._m.scalars[SEEN] >= self._m.scalars[NEXT_LAY]:
                self._lay()
            if at == len(order):
                return

    def _hand_over(self) -> None:
        m = self._m
        written = int(m.scalars[WRITTEN])
        m.scalars[WRITTEN] = 0
        for vector, (segment, before) in zip(
            m.vectors[:written].tolist(), m.places[:written].tolist(), strict=True
        ):
            self.settled.append(Settled(vector, segment, None if before == NOWHERE else before))

    def _lay(self) -> None:
        m = self._m
        seen, before = int(m.scalars[SEEN]), m.centres if self.trained else None
        m.scalars[NEXT_LAY] = later(seen)
        own = slots(m.customers)
        laid = lay(m.means[own], m.held[own, 0], m.scale, before, self._k, self._seed)
        if laid is not None:
            self._take(laid, own)
            _rescale(seen, m.spread, m.within, True, m.scale)

    def _take(self, laid: Laid, own: npt.NDArray[np.int64]) -> None:
        m = self._m
        if not self.trained:
            m.within[:] = laid.within
        m.centres[:], m.counts[:] = laid.centres, laid.counts
        m.held[own, 1] = np.where(m.held[own, 1] == NOWHERE, laid.segments, m.held[own, 1])
        m.scalars[LAID] = 1

    def segments(self) -> list[Segment]:
        """Every segment with its size and profile, by number."""
        m, own = self._m, slots(self._m.customers)
        tops = Tops(self._k)
        tops.counts, tops.told = m.tops.tolist(), m.topped.tolist()
        return describe(m.means[own], m.held[own, 1], m.centres.tolist() if self.trained else [], tops)

    def to_bytes(self) -> bytes:
        """All that the model knows, as `SessionKMeans` writes it."""
        m, visits, own = self._m, slots(self._m.visits), slots(self._m.customers)
        live = np.column_stack((m.visits.keys[visits], m.whose[visits], m.ints[visits]))
        sessions = SessionsState(
            clock=int(m.scalars[CLOCK]),
            visits=live.tobytes(),
            sums=m.sums[visits].tobytes(),
            customers=np.column_stack((m.customers.keys[own], m.held[own])).tobytes(),
            means=np.column_stack((m.weights[own], m.means[own])).tobytes(),
        )
        return msgspec.msgpack.encode(
            State(
                params=self._params,
                sessions=sessions,
                seen=int(m.scalars[SEEN]),
                next_lay=int(m.scalars[NEXT_LAY]),
                usual=m.usual.tolist(),
                spread=m.spread.tolist(),
                within=m.within.tolist(),
                centres=m.centres.tolist() if self.trained else [],
                counts=m.counts.tolist(),
                tops=m.tops.tolist(),
                told=m.topped.tolist(),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Goes on from the bytes of either body; raises BadModel."""
        return cls(decoded(data))
