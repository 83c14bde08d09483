"""What the scores of every task share: flat arrays that a compiled loop fills, and their bytes.

    asks and labels in order -> follow -> arrays -> values, confusion, calibration, report, by_delay
                                            `-> to_bytes -> from_bytes -> the same arrays

The loops walk in the order of the stream and keep nothing between calls but the arrays, so how a stream is
cut into batches changes no bit of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import ClassVar, Self

import msgspec
import numpy as np
import numpy.typing as npt

from core.declaration import Application
from core.records import ClassScores, DelayScores
from learners.scores.loops import CLOCK, EMPTY, LABELS, SCORED, SLOTS, Array
from models.base import Floats, Order, Settled

Times = npt.NDArray[np.int64]
"""Microseconds since 1970, UTC."""


class BadScores(ValueError):
    """The bytes are not those of the scores that should go on from them."""


class Scores:
    """What is known of one model's answers, each given before its label was known."""

    TAG: ClassVar[str]

    _counts: npt.NDArray[np.int64]

    def __init__(self, application: Application) -> None:
        self.application = application

    def follow(
        self, answers: Floats, truths: Floats, order: Order, served: Floats, asked_us: Times, due_us: Times
    ) -> None:
        """Takes asks and labels in the order in which the model did.

        answers: (n,) probability of the positive class, number, or segment; NaN of an untrained model is not
        scored. truths: (n,) 1.0 or 0.0 for classes, NaN where there is none. order: (m,) i >= 0 asks row i,
        ~i makes its label known. served: (n,) the threshold at which row i was served: written at its ask
        (NaN where there is none yet), read at its label. asked_us, due_us: (n,) event time of the event, and
        when its label was known. All contiguous. Raises ValueError when the lengths differ, IndexError when
        the order names a row that is not there.
        """
        n = len(answers)
        if not n == len(truths) == len(served) == len(asked_us) == len(due_us):
            lengths = [len(one) for one in (answers, truths, served, asked_us, due_us)]
            raise ValueError(
                "answers, truths, served, asked_us, due_us have different lengths: "
                f"{', '.join(map(str, lengths))}"
            )
        self._follow(answers, truths, order, served, asked_us, due_us)

    def _follow(
        self, answers: Floats, truths: Floats, order: Order, served: Floats, asked_us: Times, due_us: Times
    ) -> None:
        raise NotImplementedError

    def settle(self, settled: Sequence[Settled], times_us: Sequence[int] | None = None) -> None:
        """Takes the entities that lessons settled, in order; only clustering scores them.

        times_us: event time at which each was settled; the clock of the latest `follow` where not given.
        """

    def values(self) -> dict[str, float | None]:
        """Metric id -> value, in the order of core.metrics; None where one can't be computed yet."""
        raise NotImplementedError

    @property
    def labels(self) -> int:
        """Labels that became known, those of unscored answers included."""
        return int(self._counts[LABELS])

    @property
    def scored(self) -> int:
        """Answers that were scored."""
        return int(self._counts[SCORED])

    @property
    def threshold(self) -> float | None:
        """From which probability on the positive class is served; None where there is none or not yet."""
        return None

    @property
    def confusion(self) -> dict[str, int]:
        """tp, fp, tn, fn, each answer at the threshold at which it was served (classification)."""
        return {}

    @property
    def calibration(self) -> list[tuple[float, float, int]]:
        """Mean probability, share of positives, count, per tenth of the probability that has answers."""
        return []

    @property
    def report(self) -> list[ClassScores]:
        """Precision, recall, F1 and count of each class at the served threshold (classification)."""
        return []

    @property
    def by_delay(self) -> list[DelayScores]:
        """Count and leading metrics per bucket of label delay that has answers."""
        return []

    def _arrays(self) -> tuple[Array, ...]:
        """All state, in a fixed order."""
        raise NotImplementedError

    def to_bytes(self) -> bytes:
        """All state; `from_bytes` of it goes on exactly."""
        return msgspec.msgpack.encode((self.TAG, [one.tobytes() for one in self._arrays()]))

    @classmethod
    def from_bytes(cls, data: bytes, application: Application) -> Self:
        """Goes on from `to_bytes`; raises BadScores."""
        try:
            tag, parts = msgspec.msgpack.decode(data, type=tuple[str, list[bytes]])
        except msgspec.MsgspecError as error:
            raise BadScores(f"these bytes are no scores: {error}") from None
        if tag != cls.TAG:
            raise BadScores(f"these are scores of the kind {tag!r}; {application.name} needs {cls.TAG!r}")
        scores = cls(application)
        scores._take(parts)
        return scores

    def _take(self, parts: list[bytes]) -> None:
        """Fills the arrays from their bytes."""
        own = self._arrays()
        if [one.nbytes for one in own] != [len(part) for part in parts]:
            raise BadScores(
                f"scores of the kind {self.TAG!r} hold {[one.nbytes for one in own]} bytes, "
                f"these {[len(part) for part in parts]}"
            )
        for array, part in zip(own, parts, strict=True):
            array[...] = np.frombuffer(part, dtype=array.dtype).reshape(array.shape)


def known(value: float) -> float | None:
    """A value that the compiled code tells as NaN while it is unknown."""
    return None if isnan(value) else float(value)


def share(part: float, whole: float) -> float | None:
    """part / whole; None of nothing."""
    return float(part / whole) if whole else None


def empty_slots() -> tuple[Array, Array]:
    """A ring of the last five minutes that holds nothing: slots, and their counts and sums."""
    return np.full(SLOTS, EMPTY, dtype=np.int64), np.zeros((SLOTS, 2))


def empty_counts(places: int) -> npt.NDArray[np.int64]:
    """Counts before any event."""
    counts = np.zeros(places, dtype=np.int64)
    counts[CLOCK] = EMPTY
    return counts
