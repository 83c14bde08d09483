"""Scores of numbers: mean errors, overall, over the last labels and over the last minutes.

(answer at least the task's floor, truth) -> running sums, ring of errors -> metrics
"""

from __future__ import annotations

from math import sqrt
from typing import Final

import numpy as np

from core.declaration import Application, Regression
from core.records import DelayScores
from learners.scores import delays
from learners.scores.base import Scores, Times, empty_counts, empty_slots, known, share
from learners.scores.loops import (
    ABSOLUTE,
    CLOCK,
    FLOOR,
    LOGARITHMIC,
    RATIOS,
    RELATIVE,
    SPREAD,
    SQUARED,
    SYMMETRIC,
    Array,
    follow_numbers,
    recent_mean,
)
from models.base import Floats, Order

WINDOW: Final = 1000
"""Labels that the rolling figures look back on."""

_COUNTS: Final = 5
_SUMS: Final = 8


class NumberScores(Scores):
    """Scores of a regression's answers; one below the task's floor is served, and scored, as the floor."""

    TAG = "numbers.1"

    def __init__(self, application: Application) -> None:
        super().__init__(application)
        assert isinstance(application.task, Regression)  # noqa: S101
        self._counts = empty_counts(_COUNTS)
        self._sums = np.zeros(_SUMS)
        self._sums[FLOOR] = application.task.floor
        self._ring = np.zeros(WINDOW)
        """The last absolute errors."""
        self._delay_sums = np.zeros((delays.BUCKETS, 5))
        """Count, absolute, squared; count and sum of relative errors."""
        self._slots, self._tallies = empty_slots()

    def _arrays(self) -> tuple[Array, ...]:
        return self._counts, self._sums, self._ring, self._delay_sums, self._slots, self._tallies

    def _follow(
        self, answers: Floats, truths: Floats, order: Order, served: Floats, asked_us: Times, due_us: Times
    ) -> None:
        follow_numbers(answers, truths, order, served, asked_us, due_us, self._arrays())

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
        mse = share(sums[SQUARED], n)
        return {
            "mae": share(sums[ABSOLUTE], n),
            "rmse": None if mse is None else sqrt(mse),
            "r2": 1 - sums[SQUARED] / sums[SPREAD] if sums[SPREAD] > 0 else None,
            "mape": share(100 * sums[RELATIVE], int(self._counts[RATIOS])),
            "rolling_mae": float(late.mean()) if n else None,
            "rolling_rmse": float(np.sqrt((late * late).mean())) if n else None,
            "time_rolling_mae": known(recent_mean(self._slots, self._tallies, self._counts[CLOCK])),
            "mse": mse,
            "smape": share(100 * sums[SYMMETRIC], n),
            "rmsle": sqrt(sums[LOGARITHMIC] / n) if n else None,
        }
