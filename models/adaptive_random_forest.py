"""Adaptive random forests (Gomes et al., Machine Learning 106, 2017) for any declared application.

    row -> RiverRows -> ten Hoeffding trees -> probability, corrected for the lessons left out
                                           `-> ratio to the event's own estimate -> number

River's estimators with the hyperparameters of an earlier system; what differs, and why, is said below.
"""

from __future__ import annotations

from typing import Any, Self

import msgspec
import numpy as np
from river import base, drift, forest, metrics

from core.declaration import Application
from core.records import Contribution
from models.base import Row
from models.explained import added, told
from models.naive import ENOUGH_LESSONS, both, classification, decoded, likelier, regression
from models.own_multiple import OwnMultiple
from models.river_bytes import dump, load
from models.river_forest import StillForest
from models.river_rows import Input, RiverRows
from models.tree_paths import Path, class_path, logit, regression_path, sigmoid

TREES = 10

NEGATIVES = 10.0
"""Lessons with a negative label per positive one. A forest that sees one positive in a hundred never splits:
its leaves are pure enough. All positives are kept; what the answer owes to the rest is taken back."""

CLIP = 1e-6
"""Probabilities that are told, from below and above."""

DEEPEST = 10
"""Levels of a regression tree: its leaves keep sums for every slot of their inputs."""


class _Classes(msgspec.Struct, array_like=True, tag="adaptive_random_forest.classification.1"):
    inputs: tuple[Input, ...]
    positive: bool
    seed: int
    lessons: tuple[int, int]
    kept: int
    credit: float
    forest: bytes


class ForestOfClasses(base.Classifier):
    """Tells how probable the positive class is.

    Parameters
    ----------
    rows
        How a row becomes numbers.
    positive
        The label's value whose probability is told.
    seed
        Of the forest's random choices.
    """

    heavy = True

    def __init__(self, rows: RiverRows, positive: bool = True, seed: int = 42) -> None:
        self.rows = rows
        self.positive = positive
        self.seed = seed
        self._lessons = [0, 0]
        self._kept = 0
        self._credit = 0.0
        self._forest = StillForest(
            n_models=TREES,
            max_features="sqrt",
            lambda_value=6,
            metric=metrics.ROCAUC(),  # type: ignore[arg-type] # scores probabilities, and River lets it
            drift_detector=drift.ADWIN(0.002),
            warning_detector=drift.ADWIN(0.01),
            grace_period=50,
            split_criterion="info_gain",
            delta=0.01,
            tau=0.05,
            leaf_prediction="nba",
            nominal_attributes=list(rows.nominal),
            seed=seed,
        )

    @classmethod
    def build(cls, application: Application) -> Self:
        """A fresh model; raises ValueError when the application is no classification."""
        task = classification(application, "adaptive_random_forest")
        return cls(RiverRows.of(application), positive=task.positive)

    @property
    def trained(self) -> bool:
        """Whether it has had 500 lessons, and some of both classes."""
        return sum(self._lessons) >= ENOUGH_LESSONS and min(self._lessons) > 0

    def predict_proba_one(self, x: Row) -> dict[bool, float]:  # type: ignore[override]
        """The probability of both classes; one half each before the first lesson.

        A forest that was shown a share q of the negatives tells p; the truth is p q / (p q + 1 - p).
        """
        if not len(self._forest):
            return both(self.positive, 0.5)
        votes = self._forest.predict_proba_one(self.rows(x))
        raw = _clipped(votes.get(self.positive, 0.0) if votes else 0.5)
        return both(self.positive, _clipped(sigmoid(logit(raw) + self._correction())))

    def predict_one(self, x: Row) -> bool:  # type: ignore[override]
        """The more probable class."""
        return likelier(self.predict_proba_one(x))

    def learn_one(self, x: Row, y: Any) -> None:
        """Takes one lesson; `y` is the label's value. Of the negatives every so many-th reaches the trees."""
        label = bool(y)
        truth = int(label == self.positive)
        self._lessons[truth] += 1
        if not truth:
            negatives, positives = self._lessons
            self._credit += min(1.0, NEGATIVES * (positives + 1.0) / negatives)
            if self._credit < 1.0:
                return
            self._credit -= 1.0
            self._kept += 1
        self._forest.learn_one(self.rows(x), label)

    def _correction(self) -> float:
        """ln q, q the share of negatives that reached the trees."""
        return float(np.log((self._kept + 1.0) / (self._lessons[0] + 1.0)))

    def explain_one(self, x: Row) -> list[Contribution]:
        """Changes of the probability along the paths, weighted as the trees vote, brought to log-odds.

        A chord from the usual answer to this one stands for the logistic curve, so that the effects add up to
        the answer's log-odds minus `usual_one`.
        """
        voted = self._voted(x)
        usual = _clipped(sum(weight * path.usual for weight, path in voted))
        answer = _clipped(sum(weight * path.answer for weight, path in voted))
        moved = sum(weight * (path.answer - path.usual) for weight, path in voted)
        steep = (
            (logit(answer) - logit(usual)) / moved if abs(moved) > CLIP else 1.0 / (answer * (1.0 - answer))
        )
        return told(self.rows, x, added((weight * steep, path.effects) for weight, path in voted))

    def usual_one(self, x: Row) -> float:
        """The log-odds at the roots, from which the explanation of a row starts."""
        usual = sum(weight * path.usual for weight, path in self._voted(x))
        return logit(_clipped(usual)) + self._correction()

    def _voted(self, x: Row) -> list[tuple[float, Path]]:
        """Weights, which add up to 1, and paths of the trees that have an opinion."""
        found, inputs = [], self.rows(x)
        for tree, weight in zip(self._forest, self._forest.weights, strict=True):
            path = class_path(tree, inputs, self.positive)
            if path is not None:
                found.append((weight, path))
        whole = sum(weight for weight, _ in found)
        return [(weight / whole, path) for weight, path in found]

    def to_bytes(self) -> bytes:
        """Counts in msgpack, and the forest as `river_bytes` writes it."""
        return msgspec.msgpack.encode(
            _Classes(
                inputs=self.rows.inputs,
                positive=self.positive,
                seed=self.seed,
                lessons=(self._lessons[0], self._lessons[1]),
                kept=self._kept,
                credit=self._credit,
                forest=dump(self._forest),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Goes on from `to_bytes`; raises BadModel."""
        state = decoded(data, _Classes, "adaptive_random_forest")
        model = cls(RiverRows(state.inputs), positive=state.positive, seed=state.seed)
        model._lessons = list(state.lessons)
        model._kept, model._credit = state.kept, state.credit
        model._forest = load(state.forest, StillForest)
        return model


class _Numbers(msgspec.Struct, array_like=True, tag="adaptive_random_forest.regression.1"):
    inputs: tuple[Input, ...]
    own: str
    floor: float
    seed: int
    lessons: int
    mean_own: float
    forest: bytes


class ForestOfNumbers(OwnMultiple):
    """Tells a number as a multiple of the event's own estimate, which the trees learn.

    Leaves tell their mean: linear leaves explode in the first thousand lessons. Depth is limited, or the
    bytes grow without end.

    Parameters
    ----------
    rows
        How a row becomes numbers.
    own, floor
        As OwnMultiple has them.
    seed
        Of the forest's random choices.
    """

    heavy = True

    def __init__(self, rows: RiverRows, own: str = "", floor: float = 0.0, seed: int = 42) -> None:
        super().__init__(own, floor)
        self.rows = rows
        self.seed = seed
        self._forest = forest.ARFRegressor(
            n_models=TREES,
            max_features="sqrt",
            aggregation_method="median",
            lambda_value=6,
            metric=metrics.MAE(),
            disable_weighted_vote=True,
            drift_detector=drift.ADWIN(0.002),
            warning_detector=drift.ADWIN(0.01),
            grace_period=50,
            max_depth=DEEPEST,
            delta=0.01,
            tau=0.05,
            leaf_prediction="mean",
            min_samples_split=5,
            nominal_attributes=list(rows.nominal),
            seed=seed,
        )

    @classmethod
    def build(cls, application: Application) -> Self:
        """A fresh model; raises ValueError when the application is no regression."""
        task = regression(application, "adaptive_random_forest")
        return cls(RiverRows.of(application), own=task.naive, floor=float(task.floor))

    def _ratio(self, x: Row) -> float:
        return float(self._forest.predict_one(self.rows(x))) if len(self._forest) else 1.0

    def _teach(self, x: Row, ratio: float) -> None:
        self._forest.learn_one(self.rows(x), ratio)

    def explain_one(self, x: Row) -> list[Contribution]:
        """Changes of the ratio along the paths of the trees that make the median, times the own estimate.

        The own estimate's effect is that it differs from the mean one. Effects add up to the answer, where
        it lies above the floor, minus `usual_one`.
        """
        paths = self._middle(x)
        if not paths:
            return []
        own, share = self._own(x), 1.0 / len(paths)
        usual = share * sum(path.usual for path in paths)
        sized = {
            n: usual * (own - self._mean_own)
            for n, one in enumerate(self.rows.inputs)
            if one.name == self.own
        }
        return told(self.rows, x, added([*((own * share, path.effects) for path in paths), (1.0, sized)]))

    def usual_one(self, x: Row) -> float:
        """The mean estimate times the ratio at the roots, from which the explanation of a row starts."""
        paths = self._middle(x)
        return self._mean_own * sum(path.usual for path in paths) / len(paths) if paths else self._mean_own

    def _middle(self, x: Row) -> list[Path]:
        """The one or two trees whose answers make the median."""
        inputs = self.rows(x)
        paths = [regression_path(tree, inputs) or Path(0.0, 0.0, {}) for tree in self._forest]
        paths.sort(key=lambda path: path.answer)
        half = len(paths) // 2
        return paths[half - 1 : half + 1] if len(paths) % 2 == 0 else [paths[half]]

    def to_bytes(self) -> bytes:
        """Counts in msgpack, and the forest as `river_bytes` writes it."""
        return msgspec.msgpack.encode(
            _Numbers(
                inputs=self.rows.inputs,
                own=self.own,
                floor=self.floor,
                seed=self.seed,
                lessons=self._lessons,
                mean_own=self._mean_own,
                forest=dump(self._forest),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Goes on from `to_bytes`; raises BadModel."""
        state = decoded(data, _Numbers, "adaptive_random_forest")
        model = cls(RiverRows(state.inputs), own=state.own, floor=state.floor, seed=state.seed)
        model._lessons, model._mean_own = state.lessons, state.mean_own
        model._forest = load(state.forest, forest.ARFRegressor)
        return model


def _clipped(probability: float) -> float:
    return min(1.0 - CLIP, max(CLIP, probability))
