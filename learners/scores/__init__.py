"""Scores of answers that were given before the label was known; O(1) per lesson.

(what was told, truth) -> running sums and histograms -> metric id -> value, or None while unknown
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self

from core.declaration import Application, Classification, Clustering, Regression
from learners.labels import Told
from learners.scores.classification import ClassificationScores
from learners.scores.clustering import ClusteringScores
from learners.scores.regression import RegressionScores
from models.base import Row, Settled

__all__ = ["ClassificationScores", "ClusteringScores", "RegressionScores", "Scores", "build", "restore"]


class Scores(Protocol):
    """What is known of a model's answers, beside those of the answer that costs nothing."""

    @property
    def threshold(self) -> float | None:
        """From which probability on the positive class is served; None where there is none or not yet."""

    @property
    def confusion(self) -> dict[str, int]:
        """tp, fp, tn, fn at the thresholds that were served (classification)."""

    @property
    def calibration(self) -> list[tuple[float, float, int]]:
        """Mean probability, share of positives, count, per bin that is not empty (classification)."""

    def naive_answer(self, x: Row) -> float | None:
        """What is told at no cost, with what is known now."""

    def add(self, told: Told | None, truth: Any, settled: Sequence[Settled]) -> None:
        """A label became known. `told` is None when there was no answer: then nothing is scored."""

    def values(self) -> dict[str, float | None]:
        """Metric id -> value; None where it can't be computed yet."""

    def naive_values(self) -> dict[str, float | None]:
        """The same for the answer that costs nothing; empty where the task has none."""

    def to_bytes(self) -> bytes:
        """All counts; `from_bytes` of it goes on exactly."""

    @classmethod
    def from_bytes(cls, data: bytes, application: Application) -> Self:
        """Goes on from `to_bytes`."""


def build(application: Application) -> Scores:
    """Empty scores for an application's task."""
    return _kind(application)(application)


def restore(application: Application, data: bytes) -> Scores:
    """The scores that go on from their bytes."""
    return _kind(application).from_bytes(data, application)


def _kind(application: Application) -> type[ClassificationScores | RegressionScores | ClusteringScores]:
    match application.task:
        case Classification():
            return ClassificationScores
        case Regression():
            return RegressionScores
        case Clustering():
            return ClusteringScores
