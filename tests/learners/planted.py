"""Recipes for any application that tests plant in the roster: cheap, stateful, prying or failing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from math import inf, isnan
from typing import Any, ClassVar, Self

import msgspec
import numpy as np
import pytest
import structlog

from core.declaration import Application, Clustering
from core.features import features
from core.records import Segment
from models import roster
from models.base import BadModel, Codes, Floats, Order, Row, Settled
from models.columns import microseconds


class Drifter:
    """Its state runs through all it was taught: any other order, or a row more or less, gives other bytes."""

    TAG: ClassVar[str] = "drifter"
    LEAST: ClassVar[int] = 5
    heavy: ClassVar[bool] = False
    naive: ClassVar[bool] = False

    def __init__(self, time: str, feature: str | None, groups: int | None) -> None:
        self.time, self.feature, self.groups = time, feature, groups
        self.at, self.lessons = 0.0, 0

    @classmethod
    def build(cls, application: Application) -> Self:
        remembered, task = features(application), application.task
        return cls(
            application.event_time.name,
            remembered[0].name if remembered else None,
            task.segments if isinstance(task, Clustering) else None,
        )

    @property
    def trained(self) -> bool:
        return self.lessons >= self.LEAST

    def learn(self, seen: float, y: float) -> None:
        self.lessons += 1
        self.at = (0.75 * self.at + seen + 0.001 * y) % 1

    def tell(self, seen: float) -> float:
        share = 0.01 + 0.98 * ((self.at + seen) % 1)
        return share if self.groups is None else float(int(share * self.groups))

    def see(self, x: Row) -> float:
        known = x.get(self.feature)
        return microseconds(x[self.time]) % 7_000_001 / 7e6 + (0.5 if known is None else float(known)) % 1

    def learn_one(self, x: Row, y: Any) -> None:
        self.learn(self.see(x), 0.0 if y is None else float(y))

    def predict_one(self, x: Row) -> float:
        return self.tell(self.see(x))

    def predict_proba_one(self, x: Row) -> dict[bool, float]:
        p = self.tell(self.see(x))
        return {True: p, False: 1 - p}

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode((self.TAG, self.time, self.feature, self.groups, self.at, self.lessons))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        try:
            tag, time, feature, groups, at, lessons = msgspec.msgpack.decode(data)
        except (msgspec.DecodeError, TypeError, ValueError):
            raise BadModel("these bytes are no drifter") from None
        if tag != cls.TAG:
            raise BadModel(f"these bytes are a {tag}, not a {cls.TAG}")
        made = cls(time, feature, groups)
        made.at, made.lessons = at, lessons
        return made


class Columnar(Drifter):
    """The same over columns."""

    def encode(self, columns: Mapping[str, Codes]) -> Codes:
        time = columns[self.time] % 7_000_001 / 7e6
        if self.feature is None:
            known = np.full(len(time), 0.5)
        else:
            known = np.where(np.isnan(columns[self.feature]), 0.5, columns[self.feature])
        return np.asarray(time + known % 1).reshape(-1, 1)

    def follow(self, codes: Codes, truths: Floats, order: Order, answers: Floats) -> None:
        for step in order.tolist():
            if step >= 0:
                if self.trained:
                    answers[step] = self.tell(float(codes[step, 0]))
            else:
                truth = float(truths[~step])
                self.learn(float(codes[~step, 0]), 0.0 if isnan(truth) else truth)


class Heavy(Drifter):
    """Takes a share of the events only."""

    heavy = True


class Naive(Drifter):
    """Stands for an answer that costs nothing."""

    naive = True


class Spy(Drifter):
    """Notes what it is asked and taught, and fails when it is taught too early."""

    application: ClassVar[Application]
    due: ClassVar[dict[str, datetime]]
    """When each label is known: the model itself can't tell, where the label is its own delay."""
    asked: ClassVar[list[str]]
    taught: ClassVar[list[str]]
    clock: ClassVar[datetime | None]

    @classmethod
    def send(cls, application: Application, due: dict[str, datetime]) -> None:
        cls.application, cls.due, cls.asked, cls.taught, cls.clock = application, due, [], [], None

    def _name(self, x: Row) -> str:
        assert self.application.label not in x
        return str(x[self.application.identifier.name])

    @property
    def trained(self) -> bool:
        return True

    def predict_one(self, x: Row) -> float:
        time = datetime.fromisoformat(x[self.time])
        type(self).clock = max(time, self.clock or time)
        assert self._name(x) not in self.taught
        self.asked.append(self._name(x))
        return super().predict_one(x)

    def predict_proba_one(self, x: Row) -> dict[bool, float]:
        p = self.predict_one(x)
        return {True: p, False: 1 - p}

    def learn_one(self, x: Row, y: Any) -> None:
        assert self._name(x) in self.asked, "taught before it was asked"
        assert self.clock is not None, "taught before anything happened"
        assert self.due[self._name(x)] <= self.clock, "taught before its time"
        self.taught.append(self._name(x))
        super().learn_one(x, y)


class Failing(Drifter):
    """Fails at every third question and every fifth lesson."""

    LEAST = 0
    questions, told = 0, 0

    def predict_one(self, x: Row) -> float:
        self.questions += 1
        if self.questions % 3 == 0:
            raise ZeroDivisionError("asked too much")
        return super().predict_one(x)

    def predict_proba_one(self, x: Row) -> dict[bool, float]:
        p = self.predict_one(x)
        return {True: p, False: 1 - p}

    def learn_one(self, x: Row, y: Any) -> None:
        self.told += 1
        if self.told % 5 == 0:
            raise ZeroDivisionError("taught too much")
        super().learn_one(x, y)


class FailingColumns(Columnar):
    """Fails at every second batch, after it has settled something."""

    calls = 0

    def follow(self, codes: Codes, truths: Floats, order: Order, answers: Floats) -> None:
        self.calls += 1
        if self.calls % 2 == 0:
            raise ZeroDivisionError("followed too far")
        super().follow(codes, truths, order, answers)


class Settling(FailingColumns):
    """Settles something at every batch that does not fail."""

    settled: ClassVar[list[Settled]] = []
    settled_rows: ClassVar[list[int]] = []

    def segments(self) -> list[Segment]:
        return []

    def follow(self, codes: Codes, truths: Floats, order: Order, answers: Floats) -> None:
        super().follow(codes, truths, order, answers)
        type(self).settled = [Settled((0.0, 0.0), 0, None)]
        type(self).settled_rows = [0]


class Endless(Drifter):
    """Its answers have no end."""

    def tell(self, seen: float) -> float:
        return inf


RECIPES: dict[str, Any] = {
    "drifter": Drifter,
    "columnar_drifter": Drifter,
    "heavy_drifter": Heavy,
    "naive_drifter": Naive,
    "spy": Spy,
    "failing": Failing,
    "failing_columns": Drifter,
    "settling": Drifter,
    "endless": Endless,
}

COMPILED = {
    "columnar_drifter": f"{__name__}:Columnar",
    "failing_columns": f"{__name__}:FailingColumns",
    "settling": f"{__name__}:Settling",
}


def plant(patch: pytest.MonkeyPatch) -> None:
    """Makes the recipes known; what fails is told in one line."""
    plain = [structlog.processors.KeyValueRenderer()]
    patch.setattr("learners.entrant.log", structlog.wrap_logger(structlog.PrintLogger(), processors=plain))
    for name, recipe in RECIPES.items():
        patch.setitem(roster.RECIPES, name, recipe)
    for name, place in COMPILED.items():
        patch.setitem(roster.COMPILED, name, place)


def having(application: Application, *online: str) -> Application:
    """The application with other models."""
    return dataclasses.replace(application, online=online)
