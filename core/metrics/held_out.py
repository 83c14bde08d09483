"""Scores of a batch model on rows that it was not trained on, later in time than those that it was.

y, p: as in core.metrics.prequential. The threshold is the model's own, chosen on validation rows; distances
are those in which the model measures. How each is computed stands in batch/evaluation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from core.declaration import Classification, Clustering, Regression, Task
from core.metrics.metric import Metric, error, share
from core.metrics.prequential import metrics

RANKING = "Ranking"
DECISIONS = "Decisions"
AGREEMENT = "Agreement"
CALIBRATION = "Calibration"
ERROR = "Error"
FIT = "Goodness of fit"
BASELINE = "Against a constant"
SEPARATION = "Separation"
SIZE = "Size"
RELIABILITY = "Reliability"


def _same(task: type, group: str, *ids: str) -> tuple[Metric, ...]:
    """Metrics that mean on held-out rows what they mean of live models."""
    known = {metric.id: metric for metric in metrics(_ANY[task])}
    return tuple(replace(known[id_], group=group) for id_ in ids)


_ANY: Final[dict[type, Task]] = {
    Classification: Classification(label=""),
    Regression: Regression(label="", unit="", floor=0, naive=""),
}
"""Metrics depend on the kind of task alone."""


def _gain(id_: str, title: str, formula: str, explanation: str, group: str) -> Metric:
    """A share of a constant answer's error that a model takes away: 1 at its best, below 0 worse than it."""
    return Metric(id_, title, formula, explanation, "higher", -1, 1, group=group)


_CLASSIFICATION = (
    *_same(Classification, RANKING, "roc_auc", "average_precision"),
    *_same(Classification, DECISIONS, "f2", "recall", "precision", "f1"),
    *_same(Classification, CALIBRATION, "log_loss", "brier"),
    _gain(
        "d2_log_loss",
        "D² log loss",
        "1 - log loss / log loss of the share of positives",
        "How much of a constant probability's log loss the answers take away; 0 is no better than it.",
        CALIBRATION,
    ),
    _gain(
        "d2_brier",
        "D² Brier",
        "1 - Brier score / Brier score of the share of positives",
        "The same of squared distances: how much a constant probability's Brier score shrinks.",
        CALIBRATION,
    ),
    *_same(Classification, CALIBRATION, "calibration_error"),
    *_same(Classification, AGREEMENT, "accuracy", "balanced_accuracy", "mcc", "kappa", "jaccard", "g_mean"),
)

_REGRESSION = (
    *_same(Regression, ERROR, "mae", "rmse", "mape", "smape"),
    *_same(Regression, FIT, "r2"),
    Metric(
        "explained_variance",
        "Explained variance",
        "1 - var(y - p) / var(y)",
        "Like R², but an error that is always the same costs nothing: they differ by the bias.",
        "higher",
        -1,
        1,
        group=FIT,
    ),
    replace(
        error("median_ae", "Median error", "median |y - p|", "Half of the errors are smaller.", "s", 0),
        group=ERROR,
    ),
    replace(
        error("max_error", "Largest error", "max |y - p|", "The worst answer of all.", "s", 0), group=ERROR
    ),
    *_same(Regression, ERROR, "mse", "rmsle"),
    _gain(
        "d2_absolute_error",
        "D² absolute error",
        "1 - sum |y - p| / sum |y - median y|",
        "How much of the error of always answering the median is taken away.",
        BASELINE,
    ),
    _gain(
        "d2_pinball",
        "D² pinball",
        "1 - sum pinball(y, p) / sum pinball(y, median y), at the quantile 0.5",
        "The same by the pinball loss; at the quantile 0.5 it equals D² absolute error.",
        BASELINE,
    ),
    _gain(
        "d2_tweedie",
        "D² Tweedie",
        "1 - deviance(y, p) / deviance(y, mean y), of power 0",
        "The same by the Tweedie deviance; of power 0, the normal one, it equals R².",
        BASELINE,
    ),
)


def _count(id_: str, title: str, formula: str, explanation: str, digits: int = 0) -> Metric:
    """A figure that grows from 0 without end."""
    return Metric(id_, title, formula, explanation, "higher", 0, None, "", digits)


_SILHOUETTE = "mean (b - a) / max(a, b), a: mean distance within, b: to the nearest other segment"

_CLUSTERING = (
    replace(
        share(
            "silhouette",
            "Silhouette",
            _SILHOUETTE,
            "How far segments are apart, over a seeded sample of at most 2,000 rows. "
            "It may prefer too few segments.",
            low=-1,
        ),
        group=SEPARATION,
    ),
    replace(
        share(
            "stability",
            "Stability",
            "adjusted Rand index of the segments and those of the same recipe fitted on these rows",
            "Whether other rows of the same stream would have led to the same segments: 1 is the same, "
            "0 is chance.",
            low=-1,
        ),
        group=RELIABILITY,
    ),
    replace(
        _count(
            "calinski_harabasz",
            "Calinski-Harabasz",
            "(B / (k - 1)) / (W / (n - k)), B: sum of squares between segments, W: within them",
            "Variance between segments in relation to that within; comparable on the same rows only.",
            1,
        ),
        group=SEPARATION,
    ),
    replace(
        error(
            "davies_bouldin",
            "Davies-Bouldin",
            "mean over segments of max (s_i + s_j) / d_ij, s: mean distance from a centre, d: between them",
            "How much each segment overlaps the one most like it; 0 is no overlap.",
            digits=3,
        ),
        group=SEPARATION,
    ),
    replace(
        _count("segments", "Segments", "count of segments among the rows", "How many groups are in use."),
        group=SIZE,
    ),
    replace(
        error(
            "inertia",
            "Inertia",
            "sum of squared distances from the centre of the own segment",
            "What the segments leave unexplained; it always falls with more of them.",
            digits=0,
        ),
        group=SIZE,
    ),
    replace(
        share(
            "rolling_silhouette",
            "Rolling silhouette",
            "silhouette of the last 1,000 rows",
            "How far segments are apart in the newest rows.",
            low=-1,
            span="labels",
        ),
        group=RELIABILITY,
    ),
    replace(
        share(
            "time_rolling_silhouette",
            "Silhouette, last tenth",
            "silhouette of the rows in the last tenth of the span of time, a sample of at most 2,000",
            "How far segments are apart at the end of the time that the rows cover.",
            low=-1,
            span="time",
        ),
        group=RELIABILITY,
    ),
)


def batch_metrics(task: Task) -> tuple[Metric, ...]:
    """The metrics of a batch model on held-out rows, the leading one first."""
    match task:
        case Classification():
            return _CLASSIFICATION
        case Regression():
            return _REGRESSION
        case Clustering():
            return _CLUSTERING
