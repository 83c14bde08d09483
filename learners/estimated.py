"""Estimated quality: what the answers themselves let expect of their scores before their labels come.

    asks, labels -> calibration by past labels -> expected outcome of the answers that wait -> values
                                            `-> per window against what came -> error of the estimate

For classes this is confidence-based performance estimation: an answer p, corrected to the share c of
positives that such answers had of late, is expected to be a hit with c and a false alarm with 1 - c. For
numbers, an answer is expected to err as answers of its size did of late. Both follow what is asked (covariate
shift): more doubtful answers, or longer trips, change the estimate at once. Neither can know that the same
answers have begun to mean something else (concept drift): that shows when labels come, as the error of the
estimate.

Sources: NannyML, "Confidence-based performance estimation" (CBPE); for the calibration, Zadrozny and Elkan,
KDD (2002).
"""

from __future__ import annotations

import zlib
from math import isnan
from typing import Any, Final, Self

import msgspec
import numpy as np

from core.declaration import Application, Classification, Clustering, Regression
from core.records import Estimate
from learners import expectation
from learners.expectation import Array
from models.base import Floats, Order

MEASURES: Final[dict[type, tuple[str, ...]]] = {
    Classification: ("roc_auc", "f2", "precision", "recall", "log_loss"),
    Regression: ("mae", "rmse"),
    Clustering: (),
}
"""What is estimated, by metric id: nothing of segments, which have no truth to wait for."""

_SUMS: Final[dict[type, int]] = {Classification: 5, Regression: 3, Clustering: 1}


class BadEstimates(ValueError):
    """The bytes are not those of estimates of the same task."""


class Estimated:
    """The expected quality of one model's answers that wait for their labels; bounded."""

    def __init__(self, application: Application) -> None:
        self.application = application
        task = application.task
        self._measures = MEASURES[type(task)]
        self._probabilities = isinstance(task, Classification)
        self._floor = task.floor if isinstance(task, Regression) else 0.0
        self._state = expectation.empty(_SUMS[type(task)], len(self._measures))

    def follow(
        self, answers: Floats, truths: Floats, order: Order, served: Floats, asked_us: Array, due_us: Array
    ) -> None:
        """Takes asks and labels in order, as Scores.follow does, and after it: `served` is read, not written.

        Raises ValueError when the lengths differ, IndexError when the order names a row that is not there.
        """
        n = len(answers)
        if not n == len(truths) == len(served) == len(asked_us):
            lengths = [len(one) for one in (answers, truths, served, asked_us)]
            raise ValueError(
                f"answers, truths, served, asked_us have different lengths: {', '.join(map(str, lengths))}"
            )
        if self._probabilities:
            expectation.follow_probabilities(answers, truths, order, served, asked_us, self._state)
        elif self._measures:
            expectation.follow_numbers(answers, truths, order, asked_us, self._floor, self._state)

    @property
    def waiting(self) -> int:
        """Answers whose labels are awaited."""
        return int(self._state[3].sum())

    def values(self) -> dict[str, Estimate]:
        """Metric id -> what is expected of waiting answers, what the last whole window came to, the error."""
        expected = self._expected()
        _, _, _, _, _, _, _, _, _, _, errors, comparisons, last = self._state
        return {
            name: Estimate(
                value=_known(expected[n]),
                realised=_known(last[n]),
                error=float(errors[n]) if comparisons[n] else None,
            )
            for n, name in enumerate(self._measures)
        }

    def _expected(self) -> Array:
        out = np.full(len(self._measures), np.nan)
        table, waiting = self._state[2], self._state[3]
        if not self._measures or (waiting <= 0).all():
            return out
        sums, histogram = np.zeros(_SUMS[type(self.application.task)]), np.zeros((2, expectation.PLACES))
        if self._probabilities:
            for alarm, place in np.argwhere(waiting > 0).tolist():
                p = expectation.middle(place)
                share = p if isnan(table[0, place]) else float(table[0, place])
                n = float(waiting[alarm, place])
                expectation.count(sums, histogram, p, share, bool(alarm), place, n)
        else:
            there = np.maximum(0, waiting[0]).astype(np.float64)
            sums[:] = (there * table[0]).sum(), (there * table[1]).sum(), there.sum()
        expectation.measure(sums, histogram, self._probabilities, out)
        return out

    def to_bytes(self) -> bytes:
        """All state, compressed: most of it is empty. `from_bytes` of it goes on exactly."""
        parts = [one.tobytes() for one in self._state]
        return zlib.compress(msgspec.msgpack.encode((self._measures, parts)), 1)

    @classmethod
    def from_bytes(cls, data: bytes, application: Application) -> Self:
        """Goes on from `to_bytes`; raises BadEstimates."""
        try:
            told: Any = zlib.decompress(data)
            measures, parts = msgspec.msgpack.decode(told, type=tuple[tuple[str, ...], list[bytes]])
        except (zlib.error, msgspec.MsgspecError) as error:
            raise BadEstimates(f"these bytes are no estimates: {error}") from None
        estimated = cls(application)
        sizes = [one.nbytes for one in estimated._state]
        if measures != estimated._measures or sizes != [len(part) for part in parts]:
            raise BadEstimates(
                f"these estimates are of {', '.join(measures) or 'nothing'}; {application.name} has "
                f"{', '.join(estimated._measures) or 'nothing'}"
            )
        for array, part in zip(estimated._state, parts, strict=True):
            array[...] = np.frombuffer(part, dtype=array.dtype).reshape(array.shape)
        return estimated


def _known(value: float) -> float | None:
    return None if isnan(value) else float(value)
