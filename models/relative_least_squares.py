"""Weighted recursive least squares on a base time and what stretches it: a River regressor.

row -> base time, inputs -> base x exp(weights . inputs) -> x what the driver adds -> seconds

Errors count relative to the answer, so that long and short trips teach alike.
"""

from __future__ import annotations

from math import exp, isfinite, log, sqrt
from typing import Any, Self

import msgspec
import numpy as np
import numpy.typing as npt
from river import base

from core.declaration import Application, Regression
from core.records import Contribution
from models.base import BadModel, Row, require
from models.columns import identity
from models.entity_effects import EffectsState, EntityEffects
from models.eta_explanation import contributions
from models.eta_inputs import DRIVER, FIELDS, HOUR_S, LEAST_HOURS, SIZE, base_hours, inputs
from models.recent_residuals import RecentResiduals

NOISE, NOISE_LEAST = 0.02, 0.0002
"""Variance of a trip's time: NOISE x (expected time)^2 + NOISE_LEAST, hours squared."""

LARGEST_STRETCH = 3.0
"""Logarithm of the most by which a trip is stretched or shortened."""

LARGEST_SURPRISE = 2.5
"""Standard deviations; a larger error, as after an accident on the way, teaches like this one."""

ENOUGH_LESSONS = 50

BEFORE_DRIVERS = 200
"""Lessons before drivers are judged: until then an error says more of the model than of them."""

TRIANGLE = np.triu_indices(SIZE)
"""Where the numbers of a symmetric matrix stand that its bytes hold."""


class State(msgspec.Struct, array_like=True, tag="relative_least_squares.2"):
    """All that the recipe knows, whichever body taught it; arrays of float64 as bytes."""

    floor: float
    covariance: float
    drift: float
    size: int
    lessons: int
    mean_base: float
    weights: bytes
    triangle: bytes
    sums: bytes
    ring: bytes
    spread: tuple[float, float] | None
    drivers: EffectsState


class RelativeLeastSquares(base.Regressor):
    """Tells how many seconds a trip takes, from the first event on: it starts from 40 km/h.

    Recursive least squares (Haykin, Adaptive Filter Theory, ch. 10 and 14: the extended Kalman filter of a
    random walk) on base x exp(weights . inputs), so that influences multiply. The weight is 1 / variance.
    Drivers are remembered apart, by what their trips took beyond that.

    Parameters
    ----------
    floor
        The least answer, in seconds.
    covariance
        Diagonal of the first covariance of the weights.
    drift
        Variance that each weight gains per lesson, so that the model follows a changing world; 0 remembers
        all lessons alike.
    most
        How many drivers are remembered.
    """

    def __init__(
        self, floor: float = 60.0, covariance: float = 0.1, drift: float = 2e-9, most: int = 10_000
    ) -> None:
        self.floor = floor
        self.covariance = covariance
        self.drift = drift
        self.most = most
        self._lessons = 0
        self._weights: npt.NDArray[np.float64] = np.zeros(SIZE)
        self._listed: list[float] = self._weights.tolist()
        self._covariance: npt.NDArray[np.float64] = np.eye(SIZE) * covariance
        self._outer: npt.NDArray[np.float64] = np.empty((SIZE, SIZE))
        self._mean_base = 0.0
        self._sums = [0.0] * SIZE
        self._residuals = RecentResiduals()
        self._drivers = EntityEffects(most)

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
        hours = self._base(x)
        expected = hours * self._stretch(*inputs(x, hours))
        return max(self.floor, expected * (1.0 + self._drivers(identity(x.get(DRIVER))).mean) * HOUR_S)

    def spread_one(self, x: Row) -> tuple[float, float] | None:
        """How far below and above the answer the truth lies, in seconds, with 80 %; None before 50 lessons.

        Quantiles of the last 4,096 residuals before each lesson, in standard deviations of such a trip.
        """
        spread = self._residuals.spread
        if spread is None:
            return None
        hours = self._base(x)
        expected = hours * self._stretch(*inputs(x, hours))
        unknown = self._drivers(identity(x.get(DRIVER))).variance
        deviation = sqrt(_noise(expected) + unknown) * expected * HOUR_S
        return spread[0] * deviation, spread[1] * deviation

    def explain_one(self, x: Row) -> list[Contribution]:
        """By how many seconds each field moves the answer away from 40 km/h; they add up to it.

        The distance's own effect is that of a usual trip of its length; others are against the usual value.
        """
        hours = self._base(x)
        usual = np.array(self._sums) / max(1, self._lessons)
        driver = log(1.0 + self._drivers(identity(x.get(DRIVER))).mean)
        return contributions(x, hours, self._weights, usual, driver, self.predict_one(x))

    def learn_one(self, x: Row, y: Any) -> None:
        """Takes one lesson; `y` in seconds. A trip without a distance or a finite time teaches nothing."""
        hours = base_hours(x)
        if hours is None or y is None or not isfinite(y):
            return
        positions, values = inputs(x, hours)
        expected = hours * self._stretch(positions, values)
        noise = _noise(expected)
        driver = identity(x.get(DRIVER))
        self._judge(y, expected, noise, driver)
        error = (y / HOUR_S - expected) / expected
        spread = self._drivers.spread
        self._follow(positions, values, error, noise + spread)
        self._lessons += 1
        self._mean_base += (hours - self._mean_base) / self._lessons
        for position, value in zip(positions, values, strict=True):
            self._sums[position] += value
        if self._lessons > BEFORE_DRIVERS:
            limit = LARGEST_SURPRISE * sqrt(noise + spread)
            self._drivers.learn(driver, max(-limit, min(limit, error)), noise)

    def _base(self, x: Row) -> float:
        hours = base_hours(x)
        return (self._mean_base if self._lessons else LEAST_HOURS) if hours is None else hours

    def _stretch(self, positions: list[int], values: list[float]) -> float:
        """The factor on the base time, without the driver's own."""
        weights, total = self._listed, 0.0
        for position, value in zip(positions, values, strict=True):
            total += weights[position] * value
        return exp(max(-LARGEST_STRETCH, min(LARGEST_STRETCH, total)))

    def _judge(self, y: float, expected: float, noise: float, driver: int) -> None:
        """Counts how far the answer was off."""
        effect = self._drivers(driver)
        told = max(self.floor, expected * (1.0 + effect.mean) * HOUR_S)
        self._residuals.add((y - told) / (sqrt(noise + effect.variance) * expected * HOUR_S))

    def _follow(self, positions: list[int], values: list[float], error: float, variance: float) -> None:
        """The step of the filter; error and variance are relative to the expected time."""
        # Sums row by row, not by a matrix product: its order of additions may differ from run to run.
        seen = self._covariance.take(positions, axis=0)
        seen *= np.array(values)[:, None]
        gain = np.add.reduce(seen, axis=0)
        told = 0.0
        for position, value in zip(positions, values, strict=True):
            told += gain.item(position) * value
        limit = LARGEST_SURPRISE * sqrt(variance + told)
        scale = 1.0 / (variance + told)
        np.multiply(gain[:, None], gain, out=self._outer)
        self._outer *= scale
        self._covariance -= self._outer
        self._covariance.reshape(-1)[:: SIZE + 1] += self.drift
        self._weights += gain * (max(-limit, min(limit, error)) * scale)
        self._listed = self._weights.tolist()

    def to_bytes(self) -> bytes:
        """Flat arrays in msgpack."""
        return msgspec.msgpack.encode(
            State(
                floor=self.floor,
                covariance=self.covariance,
                drift=self.drift,
                size=SIZE,
                lessons=self._lessons,
                mean_base=self._mean_base,
                weights=self._weights.tobytes(),
                triangle=self._covariance[TRIANGLE].tobytes(),
                sums=np.array(self._sums).tobytes(),
                ring=self._residuals.ring,
                spread=self._residuals.spread,
                drivers=self._drivers.state(),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Goes on from `to_bytes`; raises BadModel when the bytes are of another model or shape."""
        state = decoded(data)
        model = cls(state.floor, state.covariance, state.drift, state.drivers.most)
        model._lessons = state.lessons
        model._weights = np.frombuffer(state.weights).copy()
        model._listed = model._weights.tolist()
        model._covariance = symmetric(state.triangle)
        model._mean_base = state.mean_base
        model._sums = np.frombuffer(state.sums).tolist()
        model._residuals = RecentResiduals(state.lessons, state.ring)
        model._residuals.spread = state.spread
        model._drivers = EntityEffects.restored(state.drivers)
        return model


def decoded(data: bytes) -> State:
    """The state in a model's bytes; raises BadModel when they are of another model or shape."""
    try:
        state = msgspec.msgpack.decode(data, type=State)
    except msgspec.MsgspecError as error:
        raise BadModel(f"these bytes are not a relative_least_squares: {error}") from None
    if state.size != SIZE:
        raise BadModel(f"the model was taught on {state.size} inputs, this code makes {SIZE}")
    return state


def symmetric(triangle: bytes) -> npt.NDArray[np.float64]:
    """The matrix (SIZE, SIZE) whose upper triangle these bytes hold."""
    matrix = np.empty((SIZE, SIZE))
    matrix[TRIANGLE] = np.frombuffer(triangle)
    matrix.T[TRIANGLE] = matrix[TRIANGLE]
    return matrix


def _noise(expected: float) -> float:
    """Variance of a trip's time, relative to the square of the expected one."""
    return NOISE + NOISE_LEAST / (expected * expected)
