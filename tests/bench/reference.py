"""The loop of an earlier system, as a baseline: its River models, with what an honest run can give them.

Its own loop taught an event before it asked about it, and fed the generator's hidden factors to the model.
Here it is asked first and sees the event only; the rest is as it was: it predicts twice and updates a
list of River metrics per event.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from river import cluster, forest, imblearn, metrics

from core.declaration import Application, Classification, Clustering, Regression
from models.base import Row

Loop = Callable[[Row, Any], float | int]
"""Asks about a row, teaches it, updates the metrics; returns the answer given before teaching."""


def reference(application: Application) -> tuple[str, Loop]:
    """The reference's model for a task, with its name, as a loop over rows and labels."""
    match application.task:
        case Classification():
            return "ARFClassifier(10), undersampled to 50/50", _classifier()
        case Regression():
            return "ARFRegressor(10), mean leaves", _regressor()
        case Clustering():
            return "DBSTREAM", _clusterer()


class _Ordinal:
    """Codes of texts in order of first appearance, used as numbers."""

    def __init__(self) -> None:
        self._codes: dict[str, dict[Any, int]] = defaultdict(dict)

    def __call__(self, x: Row) -> dict[str, float]:
        return {
            name: float(self._codes[name].setdefault(value, len(self._codes[name])))
            if isinstance(value, str) or value is None
            else float(value)
            for name, value in x.items()
            if not name.endswith(("_id", "timestamp", "user_agent", "ip_address"))
        }


def _classifier() -> Loop:
    ranked: Any = metrics.ROCAUC()
    forest_ = forest.ARFClassifier(n_models=10, metric=ranked, seed=42)
    model = imblearn.RandomUnderSampler(forest_, desired_dist={False: 0.5, True: 0.5}, seed=42)
    matrix: tuple[Any, ...] = (
        metrics.FBeta(2), metrics.Precision(), metrics.Recall(), metrics.F1(), metrics.Accuracy(),
        metrics.GeometricMean(), metrics.CohenKappa(), metrics.Jaccard(), metrics.MCC(),
        metrics.BalancedAccuracy(), metrics.ConfusionMatrix(), metrics.ClassificationReport(),
    )  # fmt: skip
    scored: tuple[Any, ...] = (metrics.ROCAUC(), metrics.LogLoss(), metrics.RollingROCAUC(window_size=5000))
    encode = _Ordinal()

    def loop(x: Row, y: Any) -> float:
        features = encode(x)
        probability = model.predict_proba_one(features)
        predicted = model.predict_one(features)
        model.learn_one(features, y)
        for one in matrix:
            one.update(y, bool(predicted))
        for one in scored:
            one.update(y, probability or {False: 1.0, True: 0.0})
        return float(probability.get(True, 0.0))

    return loop


def _regressor() -> Loop:
    model = forest.ARFRegressor(n_models=10, metric=metrics.MAE(), leaf_prediction="mean", seed=42)
    scored = (
        metrics.MAE(), metrics.RMSE(), metrics.R2(), metrics.MSE(), metrics.RMSLE(), metrics.SMAPE(),
        metrics.MAPE(),
    )  # fmt: skip
    encode = _Ordinal()

    def loop(x: Row, y: Any) -> float:
        features = encode(x)
        predicted = float(model.predict_one(features) or 0.0)
        model.learn_one(features, y)
        for one in scored:
            one.update(y, max(0.0, predicted))
        return predicted

    return loop


def _clusterer() -> Loop:
    model = cluster.DBSTREAM(
        clustering_threshold=1.5,
        fading_factor=0.05,
        cleanup_interval=4,
        intersection_factor=0.5,
        minimum_weight=1.0,
    )
    encode = _Ordinal()

    def loop(x: Row, y: Any) -> int:
        features = encode(x)
        predicted = int(model.predict_one(features))
        model.learn_one(features)
        return predicted

    return loop
