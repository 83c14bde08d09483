"""The scores of a model on held-out rows, and of the answer that costs nothing on the same rows.

answers, truth -> scores (ids of core.metrics.batch_metrics);  train, test -> naive_scores
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from batch.datasets import Dataset
from batch.split import Split
from batch.trainers import RECIPES
from batch.trainers.clustering import LEAST_PER_SEGMENT
from batch.trainers.search import silhouette
from batch.trainers.trainer import SEED
from core.declaration import Application, Classification, Regression
from core.metrics import batch_metrics
from models.registered.model import BatchModel

Floats = npt.NDArray[np.float64]
Scores = dict[str, float | None]

LEAST_PROBABILITY = 1e-15
"""Log loss is infinite where a certain answer was wrong; probabilities are cut to here."""

ROLLING = 1_000
"""Rows of the rolling silhouette."""

LATE = 0.1
"""Of the span of time, the share at its end of which the silhouette by time is taken."""

REFITTED = 2_000
"""Rows to which a clustering is fitted again, to see whether it finds the same segments."""

TENTHS = 10


def scores(
    application: Application, dataset: Dataset, answers: Floats, threshold: float | None, model: BatchModel
) -> Scores:
    """Every metric of the task, by id; None where one has no meaning for these rows.

    answers: (n,), what the model says of the rows of the data set. threshold: of a classification. Of a
    clustering the distances are those in the model's own space.
    """
    match application.task:
        case Classification():
            found = _classification(_truth(dataset), answers, 0.5 if threshold is None else threshold)
        case Regression():
            found = _regression(_truth(dataset), answers)
        case _:
            found = _clustering(dataset, answers.astype(np.int64), model, stability=True)
    return {metric.id: found.get(metric.id) for metric in batch_metrics(application.task)}


def naive_scores(application: Application, split: Split, dataset: Dataset, model: BatchModel) -> Scores:
    """The same metrics of the answer that costs nothing, on the same rows.

    The share of positives in training (its decision is what scores F2 best in training); the declared naive
    field; one segment for all.
    """
    match application.task:
        case Classification():
            share = float(_truth(split.train).mean())
            # With one and the same answer, calling all positive gives F2 = 5 p / (4 p + 1), above none's 0.
            found = _classification(_truth(dataset), np.full(dataset.rows, share), share)
        case Regression(naive=naive, floor=floor):
            told = dataset.frame[naive].to_numpy(dtype=np.float64)
            usual = float(np.nanmedian(_truth(split.train)))
            found = _regression(_truth(dataset), np.maximum(np.where(np.isnan(told), usual, told), floor))
        case _:
            found = _clustering(dataset, np.zeros(dataset.rows, dtype=np.int64), model, stability=False)
    return {metric.id: found.get(metric.id) for metric in batch_metrics(application.task)}


def _truth(dataset: Dataset) -> Floats:
    if dataset.target is None:
        raise ValueError(f"the rows of {dataset.application.name} have no label to score by")
    return dataset.target


def _classification(truth: Floats, probabilities: Floats, threshold: float) -> Scores:
    """With one class only, what compares the two has no meaning."""
    from sklearn import metrics

    if not len(truth):
        return {}
    told = (probabilities >= threshold).astype(np.float64)
    cut = np.clip(probabilities, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    both, found_any, said_any = 0 < truth.sum() < len(truth), truth.any(), told.any()
    (tn, fp), (fn, tp) = metrics.confusion_matrix(truth, told, labels=[0, 1])
    labels = {"y_true": truth, "y_pred": told}
    return {
        "roc_auc": _given(both, lambda: metrics.roc_auc_score(truth, probabilities)),
        "average_precision": _given(both, lambda: metrics.average_precision_score(truth, probabilities)),
        "f2": _given(found_any, lambda: metrics.fbeta_score(**labels, beta=2, zero_division=0)),
        "recall": _given(found_any, lambda: metrics.recall_score(**labels)),
        "precision": _given(said_any, lambda: metrics.precision_score(**labels)),
        "f1": _given(found_any, lambda: metrics.f1_score(**labels, zero_division=0)),
        "log_loss": float(metrics.log_loss(truth, cut, labels=[0, 1])),
        "brier": float(metrics.brier_score_loss(truth, probabilities, pos_label=1)),
        "d2_log_loss": _given(both, lambda: metrics.d2_log_loss_score(truth, cut, labels=[0, 1])),
        "d2_brier": _given(both, lambda: metrics.d2_brier_score(truth, probabilities, pos_label=1)),
        "calibration_error": calibration_error(truth, probabilities),
        "accuracy": float(metrics.accuracy_score(**labels)),
        "balanced_accuracy": _given(both, lambda: metrics.balanced_accuracy_score(**labels)),
        "mcc": _given(both and 0 < told.sum() < len(told), lambda: metrics.matthews_corrcoef(**labels)),
        "kappa": _given(both, lambda: metrics.cohen_kappa_score(truth, told)),
        "jaccard": _given(found_any or said_any, lambda: metrics.jaccard_score(**labels, zero_division=0)),
        "g_mean": _given(both, lambda: np.sqrt(tp / (tp + fn) * tn / (tn + fp))),
    }


def calibration_error(truth: Floats, probabilities: Floats) -> float:
    """sum over tenths of p: n_b / n |mean y - mean p|; the expected calibration error."""
    place = np.minimum((probabilities * TENTHS).astype(np.int64), TENTHS - 1)
    off = np.bincount(place, weights=truth - probabilities, minlength=TENTHS)
    return float(np.abs(off).sum() / len(truth))


def _regression(truth: Floats, answers: Floats) -> Scores:
    """With one row, or one truth for all, what compares with the spread of the truths has no meaning."""
    from sklearn import metrics

    if not len(truth):
        return {}
    off, varied = answers - truth, len(truth) > 1 and float(np.ptp(truth)) > 0
    size, nonzero = np.abs(truth) + np.abs(answers), truth != 0
    return {
        "mae": float(metrics.mean_absolute_error(truth, answers)),
        "rmse": float(metrics.root_mean_squared_error(truth, answers)),
        "mape": _given(nonzero.any(), lambda: 100 * np.abs(off[nonzero] / truth[nonzero]).mean()),
        "smape": float(
            100 * np.divide(2 * np.abs(off), size, out=np.zeros_like(size), where=size > 0).mean()
        ),
        "r2": _given(varied, lambda: metrics.r2_score(truth, answers)),
        "explained_variance": _given(varied, lambda: metrics.explained_variance_score(truth, answers)),
        "median_ae": float(metrics.median_absolute_error(truth, answers)),
        "max_error": float(metrics.max_error(truth, answers)),
        "mse": float(metrics.mean_squared_error(truth, answers)),
        "rmsle": float(metrics.root_mean_squared_log_error(np.maximum(truth, 0), np.maximum(answers, 0))),
        "d2_absolute_error": _given(varied, lambda: metrics.d2_absolute_error_score(truth, answers)),
        "d2_pinball": _given(varied, lambda: metrics.d2_pinball_score(truth, answers, alpha=0.5)),
        "d2_tweedie": _given(varied, lambda: metrics.d2_tweedie_score(truth, answers, power=0)),
    }


def _clustering(
    dataset: Dataset, segments: npt.NDArray[np.int64], model: BatchModel, *, stability: bool
) -> Scores:
    """With one segment, what compares segments has no meaning."""
    from sklearn import metrics

    if not dataset.rows:
        return {}
    points = model.points(dataset.frame)
    used = len(np.unique(segments))
    several = 1 < used < len(points)
    centres = np.stack([points[segments == one].mean(axis=0) for one in np.unique(segments)])
    place = np.unique(segments, return_inverse=True)[1]
    moments = dataset.times.astype(np.int64)
    late = moments >= moments.max() - LATE * np.ptp(moments)
    return {
        "silhouette": silhouette(points, segments, SEED),
        "stability": _stability(dataset, segments, model) if stability else None,
        "calinski_harabasz": _given(several, lambda: metrics.calinski_harabasz_score(points, segments)),
        "davies_bouldin": _given(several, lambda: metrics.davies_bouldin_score(points, segments)),
        "segments": float(used),
        "inertia": float(np.square(points - centres[place]).sum()),
        "rolling_silhouette": silhouette(points[-ROLLING:], segments[-ROLLING:], SEED),
        "time_rolling_silhouette": silhouette(points[late], segments[late], SEED),
    }


def _stability(dataset: Dataset, segments: npt.NDArray[np.int64], model: BatchModel) -> float | None:
    """Whether the same recipe, fitted to these rows, finds the same segments in them.

    Source: prediction strength, R. Tibshirani and G. Walther, Journal of Computational and Graphical
    Statistics 14, 2005; by the adjusted Rand index.
    """
    from sklearn.metrics import adjusted_rand_score

    chosen = np.arange(dataset.rows)
    if dataset.rows > REFITTED:
        chosen = np.sort(np.random.default_rng(SEED).choice(chosen, REFITTED, replace=False))
    rows = dataset.take(chosen)
    if rows.rows < LEAST_PER_SEGMENT * len(model.segments):
        return None
    again = RECIPES[model.recipe].refit(model, rows)
    return float(adjusted_rand_score(segments[chosen], again.answers(rows.frame)))


def _given(sound: Any, score: Callable[[], Any]) -> float | None:
    return float(score()) if sound else None
