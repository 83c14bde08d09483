"""The compiled body of `models.session_kmeans`: the same lessons on flat arrays, many rows a call.

columns -> encode -> codes -> follow -> run (compiled) -> answers, settled
                                          `-> stops to lay centres (numpy), and goes on
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt

from core.records import Segment
from models.base import Codes, Floats, Order, Settled
from models.centres import NOWHERE, Laid, later, lay
from models.compiled.identities import fill, slots
from models.compiled.session_kernels import (
    CLOCK,
    COLUMNS,
    ENTITY,
    FIRST_CODE,
    LAID,
    NEXT_LAY,
    PRICE,
    SECONDS,
    SEEN,
    SESSION,
    TIME,
    WRITTEN,
    logarithms,
    memory,
    rescale,
    run,
)
from models.ecci_session import CATEGORICAL, NUMERIC
from models.profiles import Tops, describe
from models.session_kmeans import SessionKMeans, State, decoded
from models.sessions import SessionsState


class CompiledSessionKMeans:
    """Streaming k-means on customers' sessions, many rows a call."""

    def __init__(self, state: State) -> None:
        self._params = state.params
        one = SessionKMeans(**state.params)
        self._names = one.entity, one.session, one.time
        self._k, self._seed = one.k, one.seed
        self.settled: list[Settled] = []
        self.settled_rows: list[int] = []
        self._m = m = memory(one.most, one.k)
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
            rescale(state.seen, m.spread, m.within, laid, m.scale)

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
            logarithms(columns[path], least, floats[:, place])
        return codes

    def follow(self, codes: Codes, truths: Floats, order: Order, answers: Floats) -> None:
        """Asks and teaches in the given order; `settled` then tells the entities that the lessons settled."""
        self.settled, self.settled_rows = [], []
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
        for vector, (segment, before, row) in zip(
            m.vectors[:written].tolist(), m.places[:written].tolist(), strict=True
        ):
            self.settled.append(Settled(vector, segment, None if before == NOWHERE else before))
            self.settled_rows.append(row)

    def _lay(self) -> None:
        m = self._m
        seen, before = int(m.scalars[SEEN]), m.centres if self.trained else None
        m.scalars[NEXT_LAY] = later(seen)
        own = slots(m.customers)
        laid = lay(m.means[own], m.held[own, 0], m.scale, before, self._k, self._seed)
        if laid is not None:
            self._take(laid, own)
            rescale(seen, m.spread, m.within, True, m.scale)

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
