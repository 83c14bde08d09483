"""Scores of probabilities: ranking, decisions at the served threshold, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Any, Self

import msgspec

from core.declaration import Application, Classification
from learners.labels import Told
from learners.scores.histogram import (
    BINS,
    average_precision,
    best_threshold,
    bin_of,
    f_beta,
    logit,
    roc_auc,
)
from models.base import Row, Settled

BETA = 2.0

WINDOW = 5000
"""Labels that the rolling figures look back on."""

REVIEW = 200
"""Labels between two choices of the threshold."""

ENOUGH_POSITIVES = 10
"""No threshold is chosen on fewer."""

CALIBRATION_BINS = 10

_CERTAIN = 1e-15
"""Probabilities are kept this far from 0 and 1 before a logarithm is taken."""

_POSITIVE = 1 << 8


class Tally(msgspec.Struct, array_like=True):
    """Running counts over the answers of one model."""

    negatives: list[int]
    positives: list[int]
    late_negatives: list[int]
    late_positives: list[int]
    window: list[int]
    """The last 5,000 answers as bin and class, a ring."""
    bins: list[tuple[float, int, int]]
    """Calibration: sum of probabilities, positives, count."""
    at: int = 0
    loss: float = 0.0
    tp: int = 0
    fp: int = 0
    tn: int = 0
    fn: int = 0
    since_review: int = 0
    threshold: float | None = None

    @classmethod
    def empty(cls) -> Tally:
        """Before any answer."""
        return cls(
            negatives=[0] * BINS,
            positives=[0] * BINS,
            late_negatives=[0] * BINS,
            late_positives=[0] * BINS,
            window=[],
            bins=[(0.0, 0, 0)] * CALIBRATION_BINS,
        )

    @property
    def count(self) -> int:
        """Answers that were scored."""
        return self.tp + self.fp + self.tn + self.fn

    def add(self, probability: float, alarm: bool, truth: bool) -> None:
        """Counts an answer, then now and then chooses the threshold of the answers to come."""
        inside = min(1 - _CERTAIN, max(_CERTAIN, probability))
        number = bin_of(logit(inside))
        if truth:
            self.loss -= log(inside)
            self.positives[number] += 1
            self.tp, self.fn = self.tp + alarm, self.fn + (not alarm)
        else:
            self.loss -= log(1 - inside)
            self.negatives[number] += 1
            self.fp, self.tn = self.fp + alarm, self.tn + (not alarm)
        self._remember(number, truth)
        column = min(CALIBRATION_BINS - 1, int(probability * CALIBRATION_BINS))
        told, found, count = self.bins[column]
        self.bins[column] = (told + probability, found + truth, count + 1)
        self.since_review += 1
        if self.since_review >= REVIEW:
            self._review()

    def _remember(self, number: int, truth: bool) -> None:
        if truth:
            self.late_positives[number] += 1
        else:
            self.late_negatives[number] += 1
        code = number | _POSITIVE if truth else number
        if len(self.window) < WINDOW:
            self.window.append(code)
            return
        old, self.window[self.at] = self.window[self.at], code
        self.at = (self.at + 1) % WINDOW
        if old & _POSITIVE:
            self.late_positives[old ^ _POSITIVE] -= 1
        else:
            self.late_negatives[old] -= 1

    def _review(self) -> None:
        self.since_review = 0
        if self.tp + self.fn >= ENOUGH_POSITIVES:
            self.threshold = best_threshold(self.negatives, self.positives, BETA)

    def values(self) -> dict[str, float | None]:
        """The metrics of core.metrics; None where one can't be computed yet."""
        found, alarms = self.tp + self.fn, self.tp + self.fp
        return {
            "roc_auc": roc_auc(self.negatives, self.positives),
            "average_precision": average_precision(self.negatives, self.positives),
            "f2": f_beta(self.tp, self.fp, self.fn, BETA),
            "precision": self.tp / alarms if alarms else None,
            "recall": self.tp / found if found else None,
            "log_loss": self.loss / self.count if self.count else None,
            "rolling_roc_auc": roc_auc(self.late_negatives, self.late_positives),
        }


class ClassificationScores:
    """The model's answers beside the prior: the share of positives among the labels known when asked."""

    def __init__(self, application: Application) -> None:
        assert isinstance(application.task, Classification)  # noqa: S101
        self._positive = application.task.positive
        self._model = Tally.empty()
        self._naive = Tally.empty()
        self._labels = 0
        self._found = 0

    @property
    def threshold(self) -> float | None:
        """Of best F2 on the answers before; chosen anew every 200 labels, from 10 positives on."""
        return self._model.threshold

    @property
    def confusion(self) -> dict[str, int]:
        """tp, fp, tn, fn, each answer at the threshold at which it was served."""
        tally = self._model
        return {"tp": tally.tp, "fp": tally.fp, "tn": tally.tn, "fn": tally.fn}

    @property
    def calibration(self) -> list[tuple[float, float, int]]:
        """Mean probability, share of positives, count, per tenth of the probability that has answers."""
        return [(told / n, found / n, n) for told, found, n in self._model.bins if n]

    def naive_answer(self, x: Row) -> float | None:
        """The share of positives so far, one of each class assumed."""
        return (self._found + 1) / (self._labels + 2)

    def add(self, told: Told | None, truth: Any, settled: Sequence[Settled]) -> None:
        """A label became known."""
        positive = truth == self._positive
        if told is not None and told.probability is not None:
            self._model.add(told.probability, bool(told.value), positive)
            if told.naive is not None:
                served = 0.5 if self._naive.threshold is None else self._naive.threshold
                self._naive.add(told.naive, told.naive >= served, positive)
        self._labels += 1
        self._found += positive

    def values(self) -> dict[str, float | None]:
        """Metric id -> value; None where it can't be computed yet."""
        return self._model.values()

    def naive_values(self) -> dict[str, float | None]:
        """The same for the prior."""
        return self._naive.values()

    def to_bytes(self) -> bytes:
        """Counts in msgpack."""
        return msgspec.msgpack.encode((self._model, self._naive, self._labels, self._found))

    @classmethod
    def from_bytes(cls, data: bytes, application: Application) -> Self:
        """Goes on from `to_bytes`."""
        scores = cls(application)
        scores._model, scores._naive, scores._labels, scores._found = msgspec.msgpack.decode(
            data, type=tuple[Tally, Tally, int, int]
        )
        return scores
