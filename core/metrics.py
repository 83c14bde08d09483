"""What each score means: one entry per metric, for the learners, the API and the screens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.declaration import Classification, Clustering, Regression, Task


@dataclass(frozen=True, slots=True)
class Metric:
    """A score: how it reads, what it is, and which way is better."""

    id: str
    title: str
    formula: str
    explanation: str
    better: Literal["higher", "lower"]
    low: float
    high: float | None
    unit: str = ""
    digits: int = 3


_CLASSIFICATION = (
    Metric(
        "roc_auc",
        "ROC AUC",
        "P(score of a positive > score of a negative)",
        "How well the answers rank positives above negatives, whatever the threshold.",
        "higher",
        0,
        1,
    ),
    Metric(
        "average_precision",
        "Average precision",
        "sum (R_n - R_(n-1)) P_n",
        "Area under precision over recall: the honest figure when positives are rare.",
        "higher",
        0,
        1,
    ),
    Metric(
        "f2",
        "F2",
        "5 P R / (4 P + R)",
        "Precision and recall at the served threshold; recall counts twice as much.",
        "higher",
        0,
        1,
    ),
    Metric(
        "precision", "Precision", "TP / (TP + FP)", "Share of the alarms that were right.", "higher", 0, 1
    ),
    Metric("recall", "Recall", "TP / (TP + FN)", "Share of the positives that were found.", "higher", 0, 1),
    Metric(
        "log_loss",
        "Log loss",
        "- mean(y ln p + (1 - y) ln(1 - p))",
        "How far the probabilities are from what happened; 0 is perfect.",
        "lower",
        0,
        None,
        digits=4,
    ),
    Metric(
        "rolling_roc_auc",
        "Rolling ROC AUC",
        "ROC AUC over the last 5,000 labels",
        "The ranking of late, to see change that the overall figure hides.",
        "higher",
        0,
        1,
    ),
)

_REGRESSION = (
    Metric("mae", "MAE", "mean |y - p|", "Mean error, in the unit of the label.", "lower", 0, None, "s", 0),
    Metric(
        "rmse",
        "RMSE",
        "sqrt(mean (y - p)^2)",
        "Like MAE, but large errors weigh more.",
        "lower",
        0,
        None,
        "s",
        0,
    ),
    Metric(
        "r2",
        "R²",
        "1 - sum (y - p)^2 / sum (y - mean y)^2",
        "Share of the label's variance that the answers explain; below 0 is worse than the mean.",
        "higher",
        -1,
        1,
    ),
    Metric("mape", "MAPE", "mean |y - p| / y", "Mean error relative to the truth.", "lower", 0, None, "%", 1),
    Metric(
        "rolling_mae",
        "Rolling MAE",
        "MAE over the last 1,000 labels",
        "The error of late, to see change that the overall figure hides.",
        "lower",
        0,
        None,
        "s",
        0,
    ),
)

_CLUSTERING = (
    Metric(
        "silhouette",
        "Silhouette",
        "mean (b - a) / max(a, b), a: mean distance within, b: to the nearest other segment",
        "How far segments are apart, over a sample of the last customers.",
        "higher",
        -1,
        1,
    ),
    Metric(
        "stability",
        "Stability",
        "share of the last customers whose segment did not change with their last session",
        "Whether a segment means the same from one visit to the next.",
        "higher",
        0,
        1,
    ),
    Metric(
        "segments",
        "Segments",
        "count of non-empty segments",
        "How many groups are in use.",
        "higher",
        0,
        None,
        "",
        0,
    ),
)


def metrics(task: Task) -> tuple[Metric, ...]:
    """The metrics of a task, the leading one first."""
    match task:
        case Classification():
            return _CLASSIFICATION
        case Regression():
            return _REGRESSION
        case Clustering():
            return _CLUSTERING
