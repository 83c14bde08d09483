"""Scores of numbers: mean errors, overall, over the last labels and over the last minutes.

(answer at least the task's floor, truth) -> running sums, ring of errors -> metrics
"""

from __future__ import annotations

from math import isfinite, isnan, log1p, nan, sqrt
from typing import Final

import numpy as np
from numba import njit

from core.declaration import Application, Regression
from core.records import DelayScores
from learners.scores import delays, recent
from learners.scores.base import CLOCK, LABELS, NEVER_US, SCORED, Array, Scores, Times, known, share
from learners.scores.delays import bucket_of
from models.base import Floats, Order

WINDOW: Final = 1000
"""Labels that the rolling figures look back on."""

_AT, _RATIOS = 3, 4
_COUNTS: Final = 5
_ABSOLUTE, _SQUARED, _RELATIVE, _SYMMETRIC, _LOGARITHMIC, _MEAN, _SPREAD, _FLOOR = range(8)
_SUMS: Final = 8


@njit(cache=True)
def _follow(
    answers: Array,
    truths: Array,
    order: Array,
    served: Array,
    asked_us: Array,
    due_us: Array,
    state: tuple[Array, ...],
) -> None:
    counts, sums = state[0], state[1]
    for step in order:
        row = step if step >= 0 else ~step
        if row >= len(answers):
            raise IndexError("the order names a row that is not there")
        if step >= 0:
            served[row] = nan
            counts[CLOCK] = max(counts[CLOCK], asked_us[row])
            continue
        counts[LABELS] += 1
        counts[CLOCK] = max(counts[CLOCK], due_us[row])
        if isfinite(answers[row]) and not isnan(truths[row]):
            told = max(answers[row], sums[_FLOOR])
            _score(told, truths[row], due_us[row], due_us[row] - asked_us[row], state)


@njit(cache=True)
def _score(told: float, truth: float, at_us: int, delay_us: int, state: tuple[Array, ...]) -> None:
    """Counts one answer whose label is known."""
    counts, sums, ring, delay_sums, slots, tallies = state
    error = abs(truth - told)
    counts[SCORED] += 1
    sums[_ABSOLUTE] += error
    sums[_SQUARED] += error * error
    bucket = delay_sums[bucket_of(delay_us)]
    bucket[0] += 1
    bucket[1] += error
    bucket[2] += error * error
    if truth:
        counts[_RATIOS] += 1
        sums[_RELATIVE] += error / abs(truth)
        bucket[3] += 1
        bucket[4] += error / abs(truth)
    if error:
        sums[_SYMMETRIC] += 2 * error / (abs(truth) + abs(told))
    ratio = log1p(max(0.0, truth)) - log1p(max(0.0, told))
    sums[_LOGARITHMIC] += ratio * ratio
    off = truth - sums[_MEAN]
    sums[_MEAN] += off / counts[SCORED]
    sums[_SPREAD] += off * (truth - sums[_MEAN])
    ring[counts[_AT]] = error
    counts[_AT] = (counts[_AT] + 1) % WINDOW
    recent.add(slots, tallies, at_us, error)


class NumberScores(Scores):
    """Scores of a regression's answers; one below the task's floor is served, and scored, as the floor."""

    TAG = "numbers.1"

    def __init__(self, application: Application) -> None:
        super().__init__(application)
        assert isinstance(application.task, Regression)  # noqa: S101
        self._counts = np.zeros(_COUNTS, dtype=np.int64)
        self._counts[CLOCK] = NEVER_US
        self._sums = np.zeros(_SUMS)
        self._sums[_FLOOR] = application.task.floor
        self._ring = np.zeros(WINDOW)
        """The last absolute errors."""
        self._delay_sums = np.zeros((delays.BUCKETS, 5))
        """Count, absolute, squared; count and sum of relative errors."""
        self._slots, self._tallies = recent.empty()

    def _arrays(self) -> tuple[Array, ...]:
        return self._counts, self._sums, self._ring, self._delay_sums, self._slots, self._tallies

    def _follow(
        self, answers: Floats, truths: Floats, order: Order, served: Floats, asked_us: Times, due_us: Times
    ) -> None:
        _follow(answers, truths, order, served, asked_us, due_us, self._arrays())

    @property
    def by_delay(self) -> list[DelayScores]:
        """Count, MAE, RMSE and MAPE per bucket of label delay that has answers."""
        found = []
        for row, (low, high) in zip(self._delay_sums.tolist(), delays.bounds(), strict=True):
            n, absolute, squared, ratios, relative = row
            if n:
                mape = share(100 * relative, ratios)
                scores = {"mae": absolute / n, "rmse": sqrt(squared / n), "mape": mape}
                found.append(DelayScores(low_s=low, high_s=high, count=int(n), scores=scores))
        return found

    def values(self) -> dict[str, float | None]:
        """Metric id -> value, MAPE and SMAPE in percent; None where one can't be computed yet.

        Sources: SMAPE in the form from 0 to 200, Makridakis, Int. J. Forecast. 9 (1993); the spread behind
        R2, Welford, Technometrics 4 (1962).
        """
        n, sums = self.scored, dict(enumerate(self._sums.tolist()))
        late = self._ring[: min(n, WINDOW)]
        mse = share(sums[_SQUARED], n)
        return {
            "mae": share(sums[_ABSOLUTE], n),
            "rmse": None if mse is None else sqrt(mse),
            "r2": 1 - sums[_SQUARED] / sums[_SPREAD] if sums[_SPREAD] > 0 else None,
            "mape": share(100 * sums[_RELATIVE], int(self._counts[_RATIOS])),
            "rolling_mae": float(late.mean()) if n else None,
            "rolling_rmse": float(np.sqrt((late * late).mean())) if n else None,
            "time_rolling_mae": known(recent.mean(self._slots, self._tallies, self._counts[CLOCK])),
            "mse": mse,
            "smape": share(100 * sums[_SYMMETRIC], n),
            "rmsle": sqrt(sums[_LOGARITHMIC] / n) if n else None,
        }
