"""Streaming k-means on the running means of customers' sessions: a River clusterer.

event -> its session -> (ends by timeout) -> customer's running mean -> nearest centre moves
"""

from __future__ import annotations

from math import sqrt
from typing import Any, Self

import msgspec
import numpy as np
from river import base

from core.declaration import Application
from core.records import Segment
from models.base import BadModel, Row, Settled
from models.centres import (
    FIRST,
    LEAST_STEP,
    NOWHERE,
    later,
    lay,
    move,
    nearest,
    observe,
    rescale,
)
from models.ecci_session import INPUTS
from models.profiles import WIDTH, Tops, describe
from models.sessions import Customer, Sessions, SessionsState, of

D = len(INPUTS)


class State(msgspec.Struct, array_like=True, tag="session_kmeans.2"):
    """What the model knows; both of its bodies write it."""

    params: dict[str, Any]
    sessions: SessionsState
    seen: int
    next_lay: int
    usual: list[float]
    spread: list[float]
    within: list[float]
    centres: list[list[float]]
    """None before they are laid."""
    counts: list[int]
    tops: list[list[int]]
    told: list[int]


class SessionKMeans(base.Clusterer):
    """Tells to which segment a customer belongs, the running session included.

    A session ends when it was silent for `timeout_s` of event time; its vector then joins the customer's
    running mean, a long one with more weight. After 300 sessions the centres are laid (k-means++ with ten
    restarts); from then on each ended session moves the nearest centre by max(1/n, 0.002) of the way. After
    600, 1,200, 2,400 and so on they are laid anew from customers who are known better by then, and each takes
    the number of the former centre that it stands for: a segment's number keeps its meaning. Inputs are
    measured by their variance within the segments and weighted.

    Parameters
    ----------
    entity, session, time
        The fields that name the customer, the session and the event time.
    timeout_s
        Seconds of silence after which a session is over.
    k
        How many segments.
    most
        Customers, and live sessions, that are remembered at most; the longest unseen go first. A customer
        takes about 1 kB here and 160 bytes in a snapshot, so 10,000 of each stay below 30 MB.
    seed
        Of the centres that are laid.
    """

    def __init__(
        self,
        entity: str = "customer_id",
        session: str = "session_id",
        time: str = "timestamp",
        timeout_s: float = 900.0,
        k: int = 6,
        most: int = 10_000,
        seed: int = 42,
    ) -> None:
        self.entity = entity
        self.session = session
        self.time = time
        self.timeout_s = timeout_s
        self.k = k
        self.most = most
        self.seed = seed
        self.settled: list[Settled] = []
        self._sessions = Sessions((entity, session, time), timeout_s, most)
        self._seen = 0
        self._next_lay = FIRST
        self._usual = [0.0] * D
        self._spread = [0.0] * D
        self._within = [0.0] * D
        self._scale = [0.0] * D
        self._centres: list[list[float]] = []
        self._counts = [0] * k
        self._tops = Tops(k)

    @classmethod
    def build(cls, application: Application) -> Self:
        """A fresh model; raises ValueError when the application is no clustering or lacks its fields."""
        task = of(application, "session_kmeans")
        return cls(
            entity=task.entity,
            session=task.session,
            time=application.event_time.name,
            timeout_s=task.timeout.total_seconds(),
            k=task.segments,
        )

    @property
    def trained(self) -> bool:
        """Whether the centres are laid: after 300 sessions have ended."""
        return len(self._centres) > 0

    def predict_one(self, x: Row) -> int:
        """The segment of the customer, this event's session included; 0 before the centres are laid."""
        if not self._centres:
            return 0
        place = self._sessions.place(self._sessions.read(x), self._usual)
        return nearest(place, self._centres, self._scale)

    def learn_one(self, x: Row, y: Any = None) -> None:
        """Takes one event: sessions that are over by its time settle, then its own session goes on.

        An event without customer or session teaches nothing.
        """
        self.settled = []
        event = self._sessions.read(x)
        if not event.entity or not event.session:
            return
        for visit in self._sessions.over(event):
            self._settle(self._sessions.fold(visit, self._usual))
        self._sessions.go_on(event)
        customer = self._sessions.customers.get(event.entity)
        if customer is not None and customer.segment != NOWHERE:
            self._tops.add(customer.segment, event.codes)

    def _settle(self, customer: Customer) -> None:
        """A session has joined its customer's mean, and the mean teaches the centres."""
        if self._centres:
            self._move(customer)
        self._seen += 1
        observe(customer.mean, self._seen, self._usual, self._spread)
        rescale(self._seen, self._spread, self._within, self.trained, self._scale)
        if self._seen >= self._next_lay:
            self._lay()

    def _move(self, customer: Customer) -> None:
        place, before = customer.mean, customer.segment
        segment = customer.segment = nearest(place, self._centres, self._scale)
        vector = [value * sqrt(weight) for value, weight in zip(place, self._scale, strict=True)]
        self.settled.append(Settled(vector, segment, None if before == NOWHERE else before))
        self._counts[segment] += 1
        step = max(1.0 / self._counts[segment], LEAST_STEP)
        move(place, self._centres[segment], step, self._within, max(1.0 / self._seen, LEAST_STEP))

    def _lay(self) -> None:
        """The centres are laid; customers get their segment now if they had none, else when they settle."""
        self._next_lay = later(self._seen)
        customers = list(self._sessions.customers.values())
        laid = lay(
            np.array([one.mean for one in customers]),
            np.array([one.sessions for one in customers]),
            np.array(self._scale),
            np.array(self._centres) if self._centres else None,
            self.k,
            self.seed,
        )
        if laid is None:
            return
        if not self._centres:
            self._within = laid.within.tolist()
        self._centres, self._counts = laid.centres.tolist(), laid.counts.tolist()
        for customer, segment in zip(customers, laid.segments.tolist(), strict=True):
            if customer.segment == NOWHERE:
                customer.segment = segment
        rescale(self._seen, self._spread, self._within, True, self._scale)

    def segments(self) -> list[Segment]:
        """Every segment: the customers whose last session left them there, and what they are like."""
        customers = self._sessions.customers.values()
        return describe(
            np.array([one.mean for one in customers]).reshape(-1, D),
            np.array([one.segment for one in customers], dtype=np.int64),
            self._centres,
            self._tops,
        )

    def to_bytes(self) -> bytes:
        """Numbers in msgpack."""
        return msgspec.msgpack.encode(
            State(
                params=self._get_params(),
                sessions=self._sessions.state(),
                seen=self._seen,
                next_lay=self._next_lay,
                usual=self._usual,
                spread=self._spread,
                within=self._within,
                centres=self._centres,
                counts=self._counts,
                tops=self._tops.counts,
                told=self._tops.told,
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Goes on from `to_bytes`; raises BadModel when the bytes are of another model or shape."""
        state = decoded(data)
        model = cls(**state.params)
        model._sessions.restore(state.sessions)
        model._seen, model._next_lay = state.seen, state.next_lay
        model._usual, model._spread, model._within = state.usual, state.spread, state.within
        model._centres, model._counts = state.centres, state.counts
        model._tops.counts, model._tops.told = state.tops, state.told
        if state.seen:
            rescale(state.seen, state.spread, state.within, model.trained, model._scale)
        return model


def decoded(data: bytes) -> State:
    """The state behind the bytes of either body; raises BadModel when they are of another model or shape."""
    try:
        state = msgspec.msgpack.decode(data, type=State)
    except msgspec.MsgspecError as error:
        raise BadModel(f"these bytes are not a session_kmeans: {error}") from None
    if any(len(part) != D for part in (state.usual, state.spread, state.within, *state.centres)):
        raise BadModel(f"the model was taught on {len(state.usual)} inputs, this code makes {D}")
    if any(len(part) != WIDTH for part in state.tops):
        raise BadModel(f"the model counts {len(state.tops[0])} values, this code {WIDTH}")
    return state
