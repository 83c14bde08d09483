"""Learning curves of every metric, for the fake API."""

from __future__ import annotations

import math

from core.declaration import Application
from core.metrics import metrics

GOAL: dict[str, tuple[float, float, float | None]] = {
    # metric: at the start, after long learning, naive
    "roc_auc": (0.52, 0.884, 0.5),
    "average_precision": (0.03, 0.312, 0.021),
    "f2": (0.06, 0.437, 0.0967),
    "precision": (0.03, 0.264, 0.021),
    "recall": (0.2, 0.561, 1.0),
    "log_loss": (0.18, 0.0712, 0.1021),
    "rolling_roc_auc": (0.52, 0.891, 0.5),
    "rolling_average_precision": (0.03, 0.318, 0.021),
    "rolling_log_loss": (0.18, 0.0709, 0.1021),
    "time_rolling_log_loss": (0.18, 0.0711, 0.1021),
    "f1": (0.04, 0.359, 0.0411),
    "accuracy": (0.7, 0.958, 0.979),
    "balanced_accuracy": (0.5, 0.764, 0.5),
    "g_mean": (0.3, 0.736, 0.0),
    "kappa": (0.01, 0.339, 0.0),
    "jaccard": (0.02, 0.219, 0.021),
    "mcc": (0.02, 0.367, 0.0),
    "brier": (0.05, 0.0161, 0.0206),
    "calibration_error": (0.08, 0.0034, 0.0004),
    "mae": (790.0, 291.0, 548.0),
    "rmse": (1_090.0, 402.0, 765.0),
    "r2": (0.42, 0.914, 0.713),
    "mape": (28.0, 11.4, 20.9),
    "rolling_mae": (790.0, 286.0, 551.0),
    "rolling_rmse": (1_090.0, 398.0, 768.0),
    "time_rolling_mae": (790.0, 288.0, 549.0),
    "mse": (1_188_100.0, 161_604.0, 585_225.0),
    "smape": (28.0, 11.1, 21.7),
    "rmsle": (0.31, 0.142, 0.264),
    "silhouette": (0.05, 0.412, 0.0),
    "stability": (0.3, 0.872, 0.17),
    "segments": (2.0, 6.0, 1.0),
    "rolling_silhouette": (0.05, 0.42, 0.0),
    "time_rolling_silhouette": (0.05, 0.41, 0.0),
}


def scores(application: Application, taught: float) -> dict[str, float | None]:
    """Learning curves with a little noise that depends on nothing but the count."""
    found: dict[str, float | None] = {}
    for metric in metrics(application.task):
        begin, end, _ = GOAL[metric.id]
        wobble = 0.012 * math.sin(taught / 900 + len(metric.id)) + 0.006 * math.sin(taught / 233)
        value = end + (begin - end) * math.exp(-taught / 4_000) + (end - begin) * wobble
        found[metric.id] = round(value) if metric.digits == 0 and not metric.unit else value
    return found


def naive(application: Application) -> dict[str, float | None]:
    return {metric.id: GOAL[metric.id][2] for metric in metrics(application.task)}
