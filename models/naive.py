"""Answers that cost nothing, so that every score stands beside one: a share, the last label, an estimate.

Each is made for any application of its task and reads nothing of a row, or one declared field. A model that
does not beat them has learned nothing.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Self, TypeVar

import msgspec
from river import base

from core.declaration import Application, Classification, Regression
from core.records import Contribution
from models.base import BadModel, Row

ENOUGH_LESSONS = 500
"""By which a generic model is no longer guessing: before it, the answers that cost nothing are better."""

LIKELY = 0.99
"""How sure `last_label` is of the last label: a probability of 1 would cost an infinite log loss once."""

S = TypeVar("S", bound=msgspec.Struct)


class _Prior(msgspec.Struct, array_like=True, tag="prior.1"):
    positive: bool
    negatives: int
    positives: int


class Prior(base.Classifier):
    """The share of positives among the lessons so far, (n1 + 1) / (n + 2) by Laplace's rule.

    Parameters
    ----------
    positive
        The label's value whose probability is told.
    """

    naive = True

    def __init__(self, positive: bool = True) -> None:
        self.positive = positive
        self._lessons = [0, 0]

    @classmethod
    def build(cls, application: Application) -> Self:
        """A fresh model; raises ValueError when the application is no classification."""
        return cls(positive=classification(application, "prior").positive)

    @property
    def trained(self) -> bool:
        """Whether it has had a lesson."""
        return sum(self._lessons) > 0

    def predict_proba_one(self, x: Row) -> dict[bool, float]:  # type: ignore[override]
        """The same for every row."""
        negatives, positives = self._lessons
        return both(self.positive, (positives + 1.0) / (negatives + positives + 2.0))

    def predict_one(self, x: Row) -> bool:  # type: ignore[override]
        """The more probable class."""
        return likelier(self.predict_proba_one(x))

    def learn_one(self, x: Row, y: Any) -> None:
        """Counts the label."""
        self._lessons[bool(y) == self.positive] += 1

    def to_bytes(self) -> bytes:
        """Two counts in msgpack."""
        return msgspec.msgpack.encode(_Prior(self.positive, *self._lessons))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Goes on from `to_bytes`; raises BadModel."""
        state = decoded(data, _Prior, "prior")
        model = cls(positive=state.positive)
        model._lessons = [state.negatives, state.positives]
        return model


class _LastClass(msgspec.Struct, array_like=True, tag="last_label.classification.1"):
    positive: bool
    last: bool | None


class LastClass(base.Classifier):
    """The last known label, with a probability of 99 %.

    Parameters
    ----------
    positive
        The label's value whose probability is told.
    """

    def __init__(self, positive: bool = True) -> None:
        self.positive = positive
        self._last: bool | None = None

    @classmethod
    def build(cls, application: Application) -> Self:
        """A fresh model; raises ValueError when the application is no classification."""
        return cls(positive=classification(application, "last_label").positive)

    @property
    def trained(self) -> bool:
        """Whether it knows a label."""
        return self._last is not None

    def predict_proba_one(self, x: Row) -> dict[bool, float]:  # type: ignore[override]
        """99 % for the last label; one half each before there is one."""
        if self._last is None:
            return both(self.positive, 0.5)
        return both(self.positive, LIKELY if self._last == self.positive else 1.0 - LIKELY)

    def predict_one(self, x: Row) -> bool:  # type: ignore[override]
        """The last label."""
        return likelier(self.predict_proba_one(x))

    def learn_one(self, x: Row, y: Any) -> None:
        """Remembers the label."""
        self._last = bool(y)

    def to_bytes(self) -> bytes:
        """One label in msgpack."""
        return msgspec.msgpack.encode(_LastClass(self.positive, self._last))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Goes on from `to_bytes`; raises BadModel."""
        state = decoded(data, _LastClass, "last_label")
        model = cls(positive=state.positive)
        model._last = state.last
        return model


class _LastNumber(msgspec.Struct, array_like=True, tag="last_label.regression.1"):
    floor: float
    last: float | None


class LastNumber(base.Regressor):
    """The last known label.

    Parameters
    ----------
    floor
        The least answer, in the label's unit.
    """

    def __init__(self, floor: float = 0.0) -> None:
        self.floor = floor
        self._last: float | None = None

    @classmethod
    def build(cls, application: Application) -> Self:
        """A fresh model; raises ValueError when the application is no regression."""
        return cls(floor=float(regression(application, "last_label").floor))

    @property
    def trained(self) -> bool:
        """Whether it knows a label."""
        return self._last is not None

    def predict_one(self, x: Row) -> float:
        """The last label, at least the floor; the floor before there is one."""
        return self.floor if self._last is None else max(self.floor, self._last)

    def learn_one(self, x: Row, y: Any) -> None:
        """Remembers the label; what is no finite number teaches nothing."""
        if y is not None and isfinite(y):
            self._last = float(y)

    def to_bytes(self) -> bytes:
        """One number in msgpack."""
        return msgspec.msgpack.encode(_LastNumber(self.floor, self._last))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Goes on from `to_bytes`; raises BadModel."""
        state = decoded(data, _LastNumber, "last_label")
        model = cls(floor=state.floor)
        model._last = state.last
        return model


class _Own(msgspec.Struct, array_like=True, tag="own_estimate.1"):
    field: str
    floor: float


class OwnEstimate(base.Regressor):
    """The event's own estimate, as the declaration names it; nothing is learned.

    Parameters
    ----------
    field
        The row's key that holds the estimate, in the label's unit.
    floor
        The least answer.
    """

    naive = True

    def __init__(self, field: str = "", floor: float = 0.0) -> None:
        self.field = field
        self.floor = floor

    @classmethod
    def build(cls, application: Application) -> Self:
        """A fresh model; raises ValueError when the application is no regression."""
        task = regression(application, "own_estimate")
        return cls(field=task.naive, floor=float(task.floor))

    @property
    def trained(self) -> bool:
        """Always: the event brings its answer."""
        return True

    def predict_one(self, x: Row) -> float:
        """The estimate, at least the floor; the floor when the row has none."""
        return max(self.floor, self._told(x))

    def _told(self, x: Row) -> float:
        value = x.get(self.field)
        return float(value) if value is not None and isfinite(value) else self.floor

    def learn_one(self, x: Row, y: Any) -> None:
        """Learns nothing."""

    def explain_one(self, x: Row) -> list[Contribution]:
        """The estimate itself: by how much it lies above the floor, which stands for no estimate."""
        return [
            Contribution(name=self.field, value=x.get(self.field), effect=self.predict_one(x) - self.floor)
        ]

    def to_bytes(self) -> bytes:
        """The field's name and the floor in msgpack."""
        return msgspec.msgpack.encode(_Own(self.field, self.floor))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The model of these bytes; raises BadModel."""
        state = decoded(data, _Own, "own_estimate")
        return cls(field=state.field, floor=state.floor)


def classification(application: Application, recipe: str) -> Classification:
    """The task of an application that is a classification; raises ValueError of any other."""
    if not isinstance(application.task, Classification):
        raise ValueError(f"{recipe} classifies, and the task of {application.name} is another")
    return application.task


def regression(application: Application, recipe: str) -> Regression:
    """The task of an application that is a regression; raises ValueError of any other."""
    if not isinstance(application.task, Regression):
        raise ValueError(f"{recipe} tells numbers, and the task of {application.name} is another")
    return application.task


def both(positive: bool, probability: float) -> dict[bool, float]:
    """The probability of both classes."""
    return {positive: probability, not positive: 1.0 - probability}


def likelier(probability: dict[bool, float]) -> bool:
    """The class of the larger probability."""
    return max(probability, key=probability.__getitem__)


def decoded(data: bytes, kind: type[S], recipe: str) -> S:
    """The state that these bytes hold; raises BadModel."""
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise BadModel(f"these bytes are not a {recipe}: {error}") from None
