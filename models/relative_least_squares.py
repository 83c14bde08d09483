"""Weighted recursive least squares on a base time and what stretches it: a River regressor.

row -> base time -> inputs (positions, values) -> weights . inputs -> seconds
"""

from __future__ import annotations

from array import array
from math import isfinite, sqrt
from typing import Any, Self

import msgspec
import numpy as np
import numpy.typing as npt
from river import base

from core.declaration import Application, Regression
from models.base import BadModel, Row, require
from models.eta_inputs import BASE, FIELDS, HOUR_S, SIZE, base_hours, inputs

NOISE_PER_BASE, NOISE_LEAST = 0.03, 0.002
"""Variance of a trip's time, hours squared: 0.03 base^2 + 0.002. Long trips vary more, so they weigh less."""

ENOUGH_LESSONS = 50

LOW_SHARE, HIGH_SHARE = 0.1, 0.9
"""The interval leaves out a tenth of the trips on either side."""

_RESIDUALS = 256
_RESIDUAL_LOW, _RESIDUAL_HIGH = -4.0, 8.0
"""Residuals in standard deviations, counted in bins: delays reach further than early arrivals."""

_REFRESH = 50
"""Lessons between two readings of the quantiles."""


class _State(msgspec.Struct, array_like=True, tag="relative_least_squares.1"):
    floor: float
    covariance: float
    forgetting: float
    size: int
    lessons: int
    weights: bytes
    inverse: bytes
    mean_base: float
    residuals: bytes
    spread: tuple[float, float] | None


class RelativeLeastSquares(base.Regressor):
    """Tells how many seconds a trip takes, from the first event on: it starts from 40 km/h.

    Recursive least squares (Haykin, Adaptive Filter Theory, ch. 10) with the weight 1 / variance, in hours.
    The inputs are the base time times tokens, so the model learns by how much a trip is stretched.

    Parameters
    ----------
    floor
        The least answer, in seconds.
    covariance
        Diagonal of the first inverse of the information matrix.
    forgetting
        1 remembers all lessons alike; 0.9998 follows drift.
    """

    def __init__(self, floor: float = 60.0, covariance: float = 10.0, forgetting: float = 1.0) -> None:
        self.floor = floor
        self.covariance = covariance
        self.forgetting = forgetting
        self._lessons = 0
        self._weights: npt.NDArray[np.float64] = np.zeros(SIZE)
        self._weights[BASE] = 1.0
        self._listed: list[float] = self._weights.tolist()
        self._inverse: npt.NDArray[np.float64] = np.eye(SIZE) * covariance
        self._outer: npt.NDArray[np.float64] = np.empty((SIZE, SIZE))
        self._mean_base = 0.0
        self._residuals = [0] * _RESIDUALS
        self._spread: tuple[float, float] | None = None

    @classmethod
    def build(cls, application: Application) -> Self:
        """A fresh model; raises ValueError when the application is no regression or lacks its fields."""
        if not isinstance(application.task, Regression):
            raise ValueError(
                f"relative_least_squares tells numbers, and the task of {application.name} is another"
            )
        require(application, FIELDS, "relative_least_squares")
        return cls(floor=float(application.task.floor))

    @property
    def trained(self) -> bool:
        """Whether it has had 50 lessons."""
        return self._lessons >= ENOUGH_LESSONS

    def predict_one(self, x: Row) -> float:
        """Seconds, at least the floor. A trip without a distance counts as one of mean length."""
        hours = base_hours(x)
        positions, values = inputs(x, self._mean_base if hours is None else hours)
        return max(self.floor, self._told(positions, values) * HOUR_S)

    def spread_one(self, x: Row) -> tuple[float, float] | None:
        """How far below and above the answer the truth lies, in seconds, with 80 %; None before 50 lessons.

        Quantiles of the residuals before each lesson, in standard deviations of a trip of this length.
        """
        if self._spread is None:
            return None
        hours = base_hours(x)
        deviation = sqrt(_variance(self._mean_base if hours is None else hours)) * HOUR_S
        return self._spread[0] * deviation, self._spread[1] * deviation

    def learn_one(self, x: Row, y: Any) -> None:
        """Takes one lesson; `y` in seconds. A trip without a distance or a finite time teaches nothing."""
        hours = base_hours(x)
        if hours is None or y is None or not isfinite(y):
            return
        positions, values = inputs(x, hours)
        variance = _variance(hours)
        error = y / HOUR_S - self._told(positions, values)
        # Sums row by row, not by a matrix product: its order of additions may differ from run to run.
        seen = self._inverse.take(positions, axis=0)
        seen *= np.array(values)[:, None]
        gain = np.add.reduce(seen, axis=0)
        told = 0.0
        for position, value in zip(positions, values, strict=True):
            told += gain.item(position) * value
        scale = 1.0 / (self.forgetting * variance + told)
        np.multiply(gain[:, None], gain, out=self._outer)
        self._outer *= scale
        self._inverse -= self._outer
        if self.forgetting != 1.0:
            self._inverse /= self.forgetting
        self._weights += gain * (error * scale)
        self._listed = self._weights.tolist()
        self._lessons += 1
        self._mean_base += (hours - self._mean_base) / self._lessons
        self._count(error / sqrt(variance))

    def _told(self, positions: list[int], values: list[float]) -> float:
        """Hours."""
        weights, total = self._listed, 0.0
        for position, value in zip(positions, values, strict=True):
            total += weights[position] * value
        return total

    def _count(self, residual: float) -> None:
        share = (residual - _RESIDUAL_LOW) / (_RESIDUAL_HIGH - _RESIDUAL_LOW)
        self._residuals[min(_RESIDUALS - 1, max(0, int(share * _RESIDUALS)))] += 1
        if self._lessons >= ENOUGH_LESSONS and self._lessons % _REFRESH == 0:
            self._spread = self._quantile(LOW_SHARE), self._quantile(HIGH_SHARE)

    def _quantile(self, share: float) -> float:
        """The residual below which `share` of them lie, straight within its bin."""
        wanted, below = share * sum(self._residuals), 0
        width = (_RESIDUAL_HIGH - _RESIDUAL_LOW) / _RESIDUALS
        for n, count in enumerate(self._residuals):
            if count and below + count >= wanted:
                return _RESIDUAL_LOW + width * (n + (wanted - below) / count)
            below += count
        return _RESIDUAL_HIGH

    def to_bytes(self) -> bytes:
        """Flat arrays in msgpack."""
        return msgspec.msgpack.encode(
            _State(
                floor=self.floor,
                covariance=self.covariance,
                forgetting=self.forgetting,
                size=SIZE,
                lessons=self._lessons,
                weights=self._weights.tobytes(),
                inverse=self._inverse.tobytes(),
                mean_base=self._mean_base,
                residuals=array("q", self._residuals).tobytes(),
                spread=self._spread,
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Goes on from `to_bytes`; raises BadModel when the bytes are of another model or shape."""
        try:
            state = msgspec.msgpack.decode(data, type=_State)
        except msgspec.MsgspecError as error:
            raise BadModel(f"these bytes are not a relative_least_squares: {error}") from None
        if state.size != SIZE:
            raise BadModel(f"the model was taught on {state.size} inputs, this code makes {SIZE}")
        model = cls(floor=state.floor, covariance=state.covariance, forgetting=state.forgetting)
        model._lessons = state.lessons
        model._weights = np.frombuffer(state.weights).copy()
        model._listed = model._weights.tolist()
        model._inverse = np.frombuffer(state.inverse).reshape(SIZE, SIZE).copy()
        model._mean_base = state.mean_base
        model._residuals = array("q", state.residuals).tolist()
        model._spread = state.spread
        return model


def _variance(hours: float) -> float:
    return NOISE_PER_BASE * hours * hours + NOISE_LEAST
