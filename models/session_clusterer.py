"""What the rival clusterings of customers share: sessions, a standard scale, bytes.

event -> its session -> (ends by timeout) -> customer's running mean, standardised -> a stream clusterer

They get the very vectors that session_kmeans gets, foresight included, but none of its centres.
"""

from __future__ import annotations

from abc import abstractmethod
from math import sqrt
from typing import Any, ClassVar, Self, TypedDict

import msgspec
import numpy as np
from river import base

from core.declaration import Application
from core.records import Segment
from models.base import BadModel, Row, Settled
from models.centres import FIRST, NOWHERE, observe, rescale
from models.ecci_session import INPUTS
from models.profiles import describe
from models.sessions import Customer, Sessions, SessionsState, of

D = len(INPUTS)

WARM = 100
"""Sessions by which the scale is learned before the clusterer is taught."""


class State(msgspec.Struct, array_like=True, tag="session_clusterer.1"):
    """What such a model knows."""

    recipe: str
    params: dict[str, Any]
    sessions: SessionsState
    seen: int
    usual: list[float]
    spread: list[float]
    payload: bytes


class SessionParams(TypedDict, total=False):
    """The parameters of a SessionClusterer; those that are missing have its defaults."""

    entity: str
    session: str
    time: str
    timeout_s: float
    most: int


class SessionClusterer(base.Clusterer):
    """Tells to which segment a customer belongs, the running session included.

    A subclass names its `recipe` and its clusterer's parameters, and says how that learns, answers and is
    written. A segment's number means what the clusterer makes of it: others than session_kmeans may number
    anew at any time.

    Parameters
    ----------
    entity, session, time
        The fields that name the customer, the session and the event time.
    timeout_s
        Seconds of silence after which a session is over.
    most
        Customers, and live sessions, that are remembered at most; the longest unseen go first.
    """

    recipe: ClassVar[str]

    def __init__(
        self,
        entity: str = "customer_id",
        session: str = "session_id",
        time: str = "timestamp",
        timeout_s: float = 900.0,
        most: int = 10_000,
    ) -> None:
        self.entity = entity
        self.session = session
        self.time = time
        self.timeout_s = timeout_s
        self.most = most
        self.settled: list[Settled] = []
        self._sessions = Sessions((entity, session, time), timeout_s, most)
        self._seen = 0
        self._usual = [0.0] * D
        self._spread = [0.0] * D
        self._scale = [0.0] * D

    @classmethod
    def build(cls, application: Application) -> Self:
        """A fresh model; raises ValueError when the application is no clustering or lacks its fields."""
        task = of(application, cls.recipe)
        return cls(
            entity=task.entity,
            session=task.session,
            time=application.event_time.name,
            timeout_s=task.timeout.total_seconds(),
            **cls._for(task.segments),
        )

    @classmethod
    def _for(cls, segments: int) -> dict[str, Any]:
        """Parameters that follow from the declared number of segments."""
        return {}

    @abstractmethod
    def _teach(self, vector: list[float]) -> None:
        """The clusterer learns a customer's standardised mean (d,)."""

    @abstractmethod
    def _number(self, vector: list[float]) -> int:
        """The segment of a standardised place (d,); changes nothing."""

    @abstractmethod
    def _centres(self) -> list[list[float]]:
        """A standardised centre (d,) for each segment, by number."""

    @abstractmethod
    def _dump(self) -> bytes:
        """What the clusterer knows."""

    @abstractmethod
    def _load(self, payload: bytes) -> None:
        """Goes on from `_dump`; raises msgspec's error or BadModel when the bytes are not its."""

    @property
    def trained(self) -> bool:
        """Whether answers mean anything: after 300 sessions have ended, as of session_kmeans."""
        return self._seen >= FIRST

    def predict_one(self, x: Row) -> int:
        """The segment of the customer, this event's session included; 0 before it is trained."""
        if not self.trained:
            return 0
        return self._number(self._standard(self._sessions.place(self._sessions.read(x), self._usual)))

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

    def _settle(self, customer: Customer) -> None:
        """A session has joined its customer's mean, and the mean teaches the clusterer."""
        if self.trained:
            vector, before = self._standard(customer.mean), customer.segment
            customer.segment = self._number(vector)
            told = Settled(vector, customer.segment, None if before == NOWHERE else before)
            self.settled.append(told)
        self._seen += 1
        observe(customer.mean, self._seen, self._usual, self._spread)
        rescale(self._seen, self._spread, self._usual, False, self._scale)
        if self._seen >= WARM:
            self._teach(self._standard(customer.mean))

    def _standard(self, place: list[float]) -> list[float]:
        """A place in standard deviations from the mean, weighted."""
        return [
            (value - usual) * sqrt(scale)
            for value, usual, scale in zip(place, self._usual, self._scale, strict=True)
        ]

    def segments(self) -> list[Segment]:
        """Every segment: the customers whose last session left them there, and what they are like.

        Values of fields are not counted: numbers that come and go would gather those of others.
        """
        if not self.trained:
            return []
        customers = self._sessions.customers.values()
        numbers = np.array([one.segment for one in customers], dtype=np.int64)
        centres = [self._natural(centre) for centre in self._centres()]
        while len(centres) <= numbers.max(initial=0):
            centres.append(self._usual)
        return describe(np.array([one.mean for one in customers]).reshape(-1, D), numbers, centres, None)

    def _natural(self, standard: list[float]) -> list[float]:
        return [
            usual + (value / sqrt(scale) if scale else 0.0)
            for value, usual, scale in zip(standard, self._usual, self._scale, strict=True)
        ]

    def to_bytes(self) -> bytes:
        """Numbers in msgpack."""
        return msgspec.msgpack.encode(
            State(
                recipe=self.recipe,
                params=self._get_params(),
                sessions=self._sessions.state(),
                seen=self._seen,
                usual=self._usual,
                spread=self._spread,
                payload=self._dump(),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Goes on from `to_bytes`; raises BadModel when the bytes are of another model or shape."""
        try:
            state = msgspec.msgpack.decode(data, type=State)
            if state.recipe != cls.recipe:
                raise BadModel(f"these bytes are of {state.recipe!r}, not of {cls.recipe}")
            if len(state.usual) != D or len(state.spread) != D:
                raise BadModel(f"the model was taught on {len(state.usual)} inputs, this code makes {D}")
            model = cls(**state.params)
            model._load(state.payload)
        except msgspec.MsgspecError as error:
            raise BadModel(f"these bytes are not a {cls.recipe}: {error}") from None
        model._sessions.restore(state.sessions)
        model._seen, model._usual, model._spread = state.seen, state.usual, state.spread
        if state.seen:
            rescale(state.seen, state.spread, state.usual, False, model._scale)
        return model
