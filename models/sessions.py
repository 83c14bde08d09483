"""Live sessions and the customers who held them: what a clustering of customers remembers.

    row -> take -> (sessions over by its time) -> fold -> customer's running mean

Customers and sessions are known by 64-bit identities. Both are kept in the order in which they were last
touched; when there are too many, the longest untouched goes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from core.declaration import Application, Clustering
from models.base import BadModel, Row, require
from models.centres import NOWHERE, join
from models.columns import microseconds
from models.ecci_session import (
    EVENTS,
    FIELDS,
    FRESH,
    INPUTS,
    SUMS,
    TALLIES,
    add,
    foresee,
    known,
    read,
    vector,
)

D = len(INPUTS)

FULL = 8.0
"""A session of this many events counts half of an endless one: short ones tell less of their customer."""

_INTEGERS = np.dtype("<i8")
_FLOATS = np.dtype("<f8")


class Event(NamedTuple):
    """A row as the model reads it."""

    entity: int
    session: int
    time: int
    """Microseconds since 1970; 0 for none."""
    codes: list[int]
    price: float
    seconds: float


class Visit:
    """A live session: whose it is, the time of its last event, and its tallies."""

    __slots__ = ("entity", "floats", "ints", "last")

    def __init__(self, entity: int, last: int) -> None:
        self.entity = entity
        self.last = last
        self.ints = list(FRESH)
        self.floats = [0.0] * SUMS


class Customer:
    """Sessions so far, their weight and mean vector, and the segment at the end of the last."""

    __slots__ = ("mean", "segment", "sessions", "weight")

    def __init__(self) -> None:
        self.sessions = 0
        self.segment = NOWHERE
        self.weight = 0.0
        self.mean = [0.0] * D


class SessionsState(msgspec.Struct, array_like=True):
    """Live sessions and customers, the longest untouched first, as bytes of little-endian columns."""

    clock: int
    visits: bytes
    """(n, 3 + TALLIES) integers: session, entity, last, tallies."""
    sums: bytes
    """(n, SUMS) floats."""
    customers: bytes
    """(m, 3) integers: entity, sessions, segment."""
    means: bytes
    """(m, 1 + D) floats: weight, mean."""

    def arrays(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
        """The four columns as arrays; raises BadModel when they are of another shape."""
        visits, sums = (
            _table(self.visits, _INTEGERS, 3 + TALLIES),
            _table(self.sums, _FLOATS, SUMS),
        )
        customers, means = _table(self.customers, _INTEGERS, 3), _table(self.means, _FLOATS, 1 + D)
        if len(visits) != len(sums) or len(customers) != len(means):
            raise BadModel("sessions or customers of unequal columns")
        return visits, sums, customers, means


def _table(data: bytes, kind: np.dtype[Any], width: int) -> npt.NDArray[Any]:
    if len(data) % (kind.itemsize * width):
        raise BadModel(f"the model's tables are not of {width} columns, which this code makes")
    return np.frombuffer(data, dtype=kind).reshape(-1, width)


def table(rows: list[list[Any]], kind: type[int] | type[float]) -> bytes:
    """Rows of numbers as the bytes of `SessionsState`."""
    return np.array(rows, dtype=_INTEGERS if kind is int else _FLOATS).tobytes()


def share(events: int) -> float:
    """How much a session of so many events counts among others, below 1."""
    return events / (events + FULL)


class Sessions:
    """The live sessions and customers of one stream."""

    def __init__(self, fields: tuple[str, str, str], timeout_s: float, most: int) -> None:
        self.fields = fields
        self.timeout = round(timeout_s * 1e6)
        self.most = most
        self.clock = 0
        self.visits: OrderedDict[int, Visit] = OrderedDict()
        self.customers: OrderedDict[int, Customer] = OrderedDict()

    def read(self, x: Row) -> Event:
        """A row as the model reads it."""
        entity, session, time = self.fields
        return Event(known(x.get(entity)), known(x.get(session)), microseconds(x.get(time)), *read(x))

    def place(self, event: Event, usual: list[float]) -> list[float]:
        """Where its customer stands with this event, the running session included; changes nothing."""
        at = event.time or self.clock
        customer = self.customers.get(event.entity)
        mean, weight = (customer.mean.copy(), customer.weight) if customer else ([0.0] * D, 0.0)
        told = [0.0] * D
        visit, running = self.visits.get(event.session), Visit(event.entity, at)
        if visit is not None and at - visit.last > self.timeout:
            vector(visit.ints, visit.floats, usual, told)
            join(mean, weight, told, share(visit.ints[EVENTS]))
            weight += share(visit.ints[EVENTS])
        elif visit is not None:
            running.ints, running.floats = visit.ints.copy(), visit.floats.copy()
        add(running.ints, running.floats, event.codes, event.price, event.seconds)
        vector(running.ints, running.floats, usual, told)
        foresee(told, running.ints[EVENTS], mean if weight > 0.0 else usual)
        join(mean, weight, told, share(running.ints[EVENTS]))
        return mean

    def over(self, event: Event) -> Iterator[Visit]:
        """Sessions that are over by the event's time, and the longest silent when there are too many."""
        self.clock = max(self.clock, event.time)
        while self.visits:
            visit = next(iter(self.visits.values()))
            if self.clock - visit.last <= self.timeout and len(self.visits) < self.most:
                break
            self.visits.popitem(last=False)
            yield visit

    def fold(self, visit: Visit, usual: list[float]) -> Customer:
        """A session that is over joins its customer's mean."""
        customer = self.customers.get(visit.entity)
        if customer is None:
            customer = self.customers[visit.entity] = Customer()
            if len(self.customers) > self.most:
                self.customers.popitem(last=False)
        told = [0.0] * D
        vector(visit.ints, visit.floats, usual, told)
        more = share(visit.ints[EVENTS])
        join(customer.mean, customer.weight, told, more)
        customer.weight += more
        customer.sessions += 1
        self.customers.move_to_end(visit.entity)
        return customer

    def go_on(self, event: Event) -> None:
        """The event joins its session, or begins one."""
        at = event.time or self.clock
        visit = self.visits.get(event.session)
        if visit is None:
            visit = self.visits[event.session] = Visit(event.entity, at)
        visit.last = max(visit.last, at)
        add(visit.ints, visit.floats, event.codes, event.price, event.seconds)
        self.visits.move_to_end(event.session)

    def state(self) -> SessionsState:
        """All of it as bytes."""
        return SessionsState(
            clock=self.clock,
            visits=table([[key, v.entity, v.last, *v.ints] for key, v in self.visits.items()], int),
            sums=table([v.floats for v in self.visits.values()], float),
            customers=table([[key, c.sessions, c.segment] for key, c in self.customers.items()], int),
            means=table([[c.weight, *c.mean] for c in self.customers.values()], float),
        )

    def restore(self, state: SessionsState) -> None:
        """Goes on from `state`; raises BadModel when its tables are of another shape."""
        self.clock = state.clock
        visits, sums, customers, means = (array.tolist() for array in state.arrays())
        for (key, entity, last, *ints), floats in zip(visits, sums, strict=True):
            visit = self.visits[key] = Visit(entity, last)
            visit.ints, visit.floats = ints, floats
        for (key, sessions, segment), (weight, *mean) in zip(customers, means, strict=True):
            customer = self.customers[key] = Customer()
            customer.sessions, customer.segment = sessions, segment
            customer.weight, customer.mean = weight, mean


def of(application: Application, recipe: str) -> Clustering:
    """The task, where a recipe on sessions fits the application; raises ValueError where it does not."""
    task = application.task
    if not isinstance(task, Clustering):
        raise ValueError(f"{recipe} finds segments, and the task of {application.name} is another")
    require(application, FIELDS, recipe)
    return task
