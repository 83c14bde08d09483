"""Streaming k-means on the running means of customers' sessions: a River clusterer.

event -> visit of its session -> (ends by timeout) -> customer's running mean -> nearest centre moves
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import Any, Self

import msgspec
import numpy as np
from river import base

from core.declaration import Application, Clustering
from core.records import Segment
from models.base import BadModel, Row, Settled, require
from models.ecci_session import FIELDS, INPUTS, WEIGHTS, Visit, profile, vector
from models.kmeans import kmeans

BUFFER = 300
"""Vectors that are gathered before the first centres are laid."""

LEAST_STEP = 0.002
"""Centres never move by less than this share of the way: they follow slow change."""

SMALLEST_VARIANCE = 1e-12

NOWHERE = -1
"""The segment of a customer before there are centres."""

_N = len(INPUTS)
_SQUARED_WEIGHTS = np.array(WEIGHTS) ** 2


class Customer(msgspec.Struct, array_like=True):
    """A customer's sessions so far: how many, the mean of their vectors, the segment at the last end."""

    sessions: int
    mean: list[float]
    segment: int


class _State(msgspec.Struct, array_like=True, tag="session_kmeans.1"):
    params: dict[str, Any]
    clock: float
    visits: list[tuple[str, Visit]]
    customers: list[tuple[str, Customer]]
    seen: int
    means: list[float]
    squares: list[float]
    buffer: list[tuple[list[float], list[float]]]
    centres: list[list[float]]
    counts: list[int]
    profiles: list[list[float]]


class SessionKMeans(base.Clusterer):
    """Tells to which segment a customer belongs, the running session included.

    A session ends when it was silent for `timeout_s` of event time; its vector then joins the customer's
    running mean. The first 300 such means lay the centres (k-means++ with ten restarts), later ones move the
    nearest centre by max(1/n, 0.002) of the way. Inputs are standardised by their running variance and
    weighted; centres are kept in input units, so the scale may change under them. Centres are laid once and
    then only move: a segment's number keeps its meaning.

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
        takes about 400 bytes, so 10,000 of each stay below 15 MB.
    seed
        Of the first centres.
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
        self._clock = float("-inf")
        self._visits: OrderedDict[str, Visit] = OrderedDict()
        self._customers: OrderedDict[str, Customer] = OrderedDict()
        self._sizes = [0] * k
        self._seen = 0
        self._means = np.zeros(_N)
        self._squares = np.zeros(_N)
        self._scale = np.zeros(_N)
        self._usual = [0.0] * _N
        self._buffer: list[tuple[list[float], list[float]]] = []
        self._centres = np.empty((0, _N))
        self._counts: list[int] = []
        self._profiles = np.empty((0, _N))

    @classmethod
    def build(cls, application: Application) -> Self:
        """A fresh model; raises ValueError when the application is no clustering or lacks its fields."""
        task = application.task
        if not isinstance(task, Clustering):
            raise ValueError(f"session_kmeans finds segments, and the task of {application.name} is another")
        require(application, FIELDS, "session_kmeans")
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
        if not self.trained:
            return 0
        at = _seconds(x.get(self.time), self._clock)
        customer = self._customers.get(x.get(self.entity) or "")
        mean, sessions = (customer.mean, customer.sessions) if customer else ([0.0] * _N, 0)
        visit = self._visits.get(x.get(self.session) or "")
        if visit is not None and at - visit.last > self.timeout_s:
            mean, sessions = _joined(mean, sessions, vector(visit, self._usual)), sessions + 1
            visit = None
        running = visit.copy() if visit is not None else Visit(entity="", last=at)
        running.add(x)
        return self._nearest(_joined(mean, sessions, vector(running, self._usual)))

    def learn_one(self, x: Row, y: Any = None) -> None:
        """Takes one event: sessions that are over by its time settle, then its own session goes on.

        An event without customer or session teaches nothing.
        """
        self.settled = []
        entity, session = x.get(self.entity), x.get(self.session)
        if not entity or not session:
            return
        at = _seconds(x.get(self.time), self._clock)
        self._clock = max(self._clock, at)
        self._sweep()
        visit = self._visits.get(session)
        if visit is None:
            visit = self._visits[session] = Visit(entity=entity, last=at)
        visit.last = max(visit.last, at)
        visit.add(x)
        self._visits.move_to_end(session)

    def _sweep(self) -> None:
        """Settles the sessions that are over, and the longest silent one when there are too many."""
        while self._visits:
            visit = next(iter(self._visits.values()))
            if self._clock - visit.last <= self.timeout_s and len(self._visits) < self.most:
                break
            self._visits.popitem(last=False)
            self._settle(visit)

    def _settle(self, visit: Visit) -> None:
        """A session is over: it joins its customer's mean, and the mean teaches the centres."""
        told, natural = vector(visit, self._usual), profile(visit, self._usual)
        customer = self._customers.get(visit.entity)
        if customer is None:
            customer = self._customers[visit.entity] = Customer(sessions=0, mean=[0.0] * _N, segment=NOWHERE)
            self._forget()
        customer.mean = _joined(customer.mean, customer.sessions, told)
        customer.sessions += 1
        self._customers.move_to_end(visit.entity)
        if self.trained:
            self._move(customer, natural)
        self._observe(np.array(customer.mean))
        if not self.trained:
            self._buffer.append((customer.mean, natural))
            if len(self._buffer) >= BUFFER:
                self._lay()

    def _forget(self) -> None:
        if len(self._customers) > self.most:
            _, gone = self._customers.popitem(last=False)
            if gone.segment != NOWHERE:
                self._sizes[gone.segment] -= 1

    def _move(self, customer: Customer, natural: list[float]) -> None:
        segment, before = self._nearest(customer.mean), customer.segment
        placed = np.array(customer.mean)
        self.settled.append(
            Settled((placed * np.sqrt(self._scale)).tolist(), segment, None if before == NOWHERE else before)
        )
        self._counts[segment] += 1
        step = max(1.0 / self._counts[segment], LEAST_STEP)
        self._centres[segment] += (placed - self._centres[segment]) * step
        self._profiles[segment] += (np.array(natural) - self._profiles[segment]) * step
        if before != NOWHERE:
            self._sizes[before] -= 1
        self._sizes[segment] += 1
        customer.segment = segment

    def _observe(self, placed: np.ndarray[Any, np.dtype[np.float64]]) -> None:
        """Running mean and variance of the inputs (Welford, Technometrics 4, 1962)."""
        self._seen += 1
        off = placed - self._means
        self._means += off / self._seen
        self._squares += off * (placed - self._means)
        self._rescale()

    def _rescale(self) -> None:
        """Squared weight over variance, per input; 0 for an input that never varied."""
        variance = self._squares / max(1, self._seen)
        varied = variance > SMALLEST_VARIANCE
        self._scale = np.where(varied, _SQUARED_WEIGHTS / np.where(varied, variance, 1.0), 0.0)
        self._usual = self._means.tolist()

    def _lay(self) -> None:
        """The first centres, from the buffer; every customer known so far gets a segment."""
        placed, natural = (np.array(part) for part in zip(*self._buffer, strict=True))
        root = np.sqrt(self._scale)
        _, labels = kmeans(placed * root, self.k, self.seed)
        whole = placed.mean(axis=0), natural.mean(axis=0)
        members = [labels == n for n in range(self.k)]
        self._centres = np.array([placed[m].mean(axis=0) if m.any() else whole[0] for m in members])
        self._profiles = np.array([natural[m].mean(axis=0) if m.any() else whole[1] for m in members])
        self._counts = [int(m.sum()) for m in members]
        self._buffer = []
        for customer in self._customers.values():
            customer.segment = self._nearest(customer.mean)
            self._sizes[customer.segment] += 1

    def _nearest(self, placed: list[float]) -> int:
        off = self._centres - placed
        off *= off
        off *= self._scale
        return int(off.sum(axis=1).argmin())

    def segments(self) -> list[Segment]:
        """Every segment: the customers whose last session left them there, and their visits' mean inputs."""
        return [
            Segment(number=n, size=self._sizes[n], profile=dict(zip(INPUTS, told, strict=True)))
            for n, told in enumerate(self._profiles.tolist())
        ]

    def to_bytes(self) -> bytes:
        """Numbers and names in msgpack."""
        return msgspec.msgpack.encode(
            _State(
                params=self._get_params(),
                clock=self._clock,
                visits=list(self._visits.items()),
                customers=list(self._customers.items()),
                seen=self._seen,
                means=self._means.tolist(),
                squares=self._squares.tolist(),
                buffer=self._buffer,
                centres=self._centres.tolist(),
                counts=self._counts,
                profiles=self._profiles.tolist(),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Goes on from `to_bytes`; raises BadModel when the bytes are of another model or shape."""
        try:
            state = msgspec.msgpack.decode(data, type=_State)
        except msgspec.MsgspecError as error:
            raise BadModel(f"these bytes are not a session_kmeans: {error}") from None
        if len(state.means) != _N:
            raise BadModel(f"the model was taught on {len(state.means)} inputs, this code makes {_N}")
        model = cls(**state.params)
        model._clock = state.clock
        model._visits = OrderedDict(state.visits)
        model._customers = OrderedDict(state.customers)
        model._seen = state.seen
        model._means, model._squares = np.array(state.means), np.array(state.squares)
        if state.seen:
            model._rescale()
        model._buffer = state.buffer
        model._centres = np.array(state.centres).reshape(-1, _N)
        model._profiles = np.array(state.profiles).reshape(-1, _N)
        model._counts = state.counts
        for customer in model._customers.values():
            if customer.segment != NOWHERE:
                model._sizes[customer.segment] += 1
        return model


def _joined(mean: list[float], sessions: int, told: list[float]) -> list[float]:
    """The mean after one more vector."""
    if sessions == 0:
        return told
    share = 1.0 / (sessions + 1)
    return [m + (v - m) * share for m, v in zip(mean, told, strict=True)]


def _seconds(time: Any, otherwise: float) -> float:
    """Seconds since 1970 of an event time, as text or moment; `otherwise` when there is none."""
    if isinstance(time, str):
        time = datetime.fromisoformat(time)
    return time.timestamp() if isinstance(time, datetime) else otherwise
