"""Scores of numbers: mean errors, overall and over the last labels."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any, Self

import msgspec

from core.declaration import Application, Regression
from learners.labels import Told
from models.base import Row, Settled

WINDOW = 1000
"""Labels that the rolling figure looks back on."""


class Tally(msgspec.Struct, array_like=True):
    """Running sums over the answers of one model."""

    window: list[float]
    """The last 1,000 absolute errors, a ring."""
    at: int = 0
    count: int = 0
    absolute: float = 0.0
    squared: float = 0.0
    relative: float = 0.0
    ratios: int = 0
    """Answers whose truth is not 0: only they have a relative error."""
    mean: float = 0.0
    spread: float = 0.0
    """Mean of the truths, and the sum of their squared distances from it (Welford)."""

    def add(self, told: float, truth: float) -> None:
        """Counts an answer."""
        error = abs(truth - told)
        self.count += 1
        self.absolute += error
        self.squared += error * error
        if truth:
            self.relative += error / abs(truth)
            self.ratios += 1
        off = truth - self.mean
        self.mean += off / self.count
        self.spread += off * (truth - self.mean)
        if len(self.window) < WINDOW:
            self.window.append(error)
        else:
            self.window[self.at] = error
            self.at = (self.at + 1) % WINDOW

    def values(self) -> dict[str, float | None]:
        """The metrics of core.metrics; MAPE in percent; None where one can't be computed yet."""
        n = self.count
        return {
            "mae": self.absolute / n if n else None,
            "rmse": sqrt(self.squared / n) if n else None,
            "r2": 1 - self.squared / self.spread if self.spread > 0 else None,
            "mape": 100 * self.relative / self.ratios if self.ratios else None,
            "rolling_mae": sum(self.window) / len(self.window) if self.window else None,
        }


class RegressionScores:
    """The model's answers beside the event's own first estimate."""

    threshold: float | None = None
    confusion: dict[str, int]
    calibration: list[tuple[float, float, int]]

    def __init__(self, application: Application) -> None:
        assert isinstance(application.task, Regression)  # noqa: S101
        self._field = application.task.naive
        self._model = Tally([])
        self._naive = Tally([])
        self.confusion = {}
        self.calibration = []

    def naive_answer(self, x: Row) -> float | None:
        """The event's own estimate."""
        estimate = x.get(self._field)
        return None if estimate is None else float(estimate)

    def add(self, told: Told | None, truth: Any, settled: Sequence[Settled]) -> None:
        """A label became known."""
        if told is None:
            return
        self._model.add(float(told.value), float(truth))
        if told.naive is not None:
            self._naive.add(told.naive, float(truth))

    def values(self) -> dict[str, float | None]:
        """Metric id -> value; None where it can't be computed yet."""
        return self._model.values()

    def naive_values(self) -> dict[str, float | None]:
        """The same for the event's own estimate."""
        return self._naive.values()

    def to_bytes(self) -> bytes:
        """Sums in msgpack."""
        return msgspec.msgpack.encode((self._model, self._naive))

    @classmethod
    def from_bytes(cls, data: bytes, application: Application) -> Self:
        """Goes on from `to_bytes`."""
        scores = cls(application)
        scores._model, scores._naive = msgspec.msgpack.decode(data, type=tuple[Tally, Tally])
        return scores
