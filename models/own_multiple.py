"""What models share that tell a number as a multiple of the event's own estimate of it.

own estimate, row -> ratio that the model has learned -> own estimate * ratio, at least the floor
"""

from __future__ import annotations

from abc import abstractmethod
from math import isfinite
from typing import Any

from river import base

from models.base import Row
from models.naive import ENOUGH_LESSONS


class OwnMultiple(base.Regressor):
    """Keeps the mean estimate and counts lessons; a subclass learns the ratio.

    Parameters
    ----------
    own
        The row's key that holds the event's own estimate.
    floor
        The least answer, and the least estimate that a label is divided by.
    """

    def __init__(self, own: str = "", floor: float = 0.0) -> None:
        self.own = own
        self.floor = floor
        self._lessons = 0
        self._mean_own = 0.0

    @abstractmethod
    def _ratio(self, x: Row) -> float:
        """What the own estimate is multiplied by; 1 before the first lesson."""

    @abstractmethod
    def _teach(self, x: Row, ratio: float) -> None:
        """Takes one lesson: what the label was in estimates."""

    @property
    def trained(self) -> bool:
        """Whether it has had 500 lessons."""
        return self._lessons >= ENOUGH_LESSONS

    def predict_one(self, x: Row) -> float:
        """In the label's unit, at least the floor. An event without an estimate counts as one of the mean."""
        return max(self.floor, self._own(x) * self._ratio(x))

    def learn_one(self, x: Row, y: Any) -> None:
        """Takes one lesson; an event without an estimate or a finite label teaches nothing."""
        own = estimate(x, self.own, self.floor)
        if own is None or y is None or not isfinite(y):
            return
        self._teach(x, float(y) / own)
        self._lessons += 1
        self._mean_own += (own - self._mean_own) / self._lessons

    def _own(self, x: Row) -> float:
        own = estimate(x, self.own, self.floor)
        return self._mean_own if own is None else own


def estimate(x: Row, field: str, floor: float) -> float | None:
    """The event's own estimate, at least the floor (or 1, so that it divides); None when it has none."""
    value = x.get(field)
    if value is None or not isfinite(value):
        return None
    return max(float(value), floor, 1.0)
