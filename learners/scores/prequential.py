"""Scores of answers that were given before the label was known, whatever the task.

build(application) -> follow, settle -> values() -> to_bytes() -> restore(application, data)
"""

from __future__ import annotations

from core.declaration import Application, Classification, Clustering, Regression
from learners.scores.base import BadScores, Scores
from learners.scores.numbers import NumberScores
from learners.scores.probabilities import ProbabilityScores
from learners.scores.segmentation import SegmentScores

__all__ = ["BadScores", "Scores", "build", "restore"]


def build(application: Application) -> Scores:
    """Empty scores of one model of an application."""
    return _kind(application)(application)


def restore(application: Application, data: bytes) -> Scores:
    """The scores that go on from their bytes; raises BadScores."""
    return _kind(application).from_bytes(data, application)


def _kind(application: Application) -> type[Scores]:
    match application.task:
        case Classification():
            return ProbabilityScores
        case Regression():
            return NumberScores
        case Clustering():
            return SegmentScores
