"""Scores of live models, from answers that were given before their labels were known.

y: what happened, 1 for the positive class; p: what was answered before it was known; TP, FP, TN, FN: answers
at the threshold at which they were served. How each is computed, and over what, stands in learners/scores.
"""

from __future__ import annotations

from typing import Final

from core.declaration import Classification, Clustering, Regression, Task
from core.metrics.metric import Metric, error, share

_CLASSIFICATION = (
    share(
        "roc_auc",
        "ROC AUC",
        "P(score of a positive > score of a negative)",
        "How well the answers rank positives above negatives, whatever the threshold.",
    ),
    share(
        "average_precision",
        "Average precision",
        "sum (R_n - R_(n-1)) P_n",
        "Area under precision over recall: the honest figure when positives are rare.",
    ),
    share(
        "f2",
        "F2",
        "5 P R / (4 P + R)",
        "Precision and recall at the served threshold; recall counts twice as much.",
    ),
    share("precision", "Precision", "TP / (TP + FP)", "Share of the alarms that were right."),
    share("recall", "Recall", "TP / (TP + FN)", "Share of the positives that were found."),
    error(
        "log_loss",
        "Log loss",
        "- mean(y ln p + (1 - y) ln(1 - p))",
        "How far the probabilities are from what happened; 0 is perfect.",
    ),
    share(
        "rolling_roc_auc",
        "Rolling ROC AUC",
        "ROC AUC over the last 5,000 labels",
        "The ranking of late, to see change that the overall figure hides.",
        span="labels",
    ),
    share(
        "rolling_average_precision",
        "Rolling average precision",
        "average precision over the last 5,000 labels",
        "How clean the top of the ranking was of late.",
        span="labels",
    ),
    error(
        "rolling_log_loss",
        "Rolling log loss",
        "log loss over the last 5,000 labels",
        "How good the probabilities were of late; models are promoted by it.",
        span="labels",
    ),
    error(
        "time_rolling_log_loss",
        "Log loss, 5 min",
        "log loss over the labels of the last 5 min of event time",
        "How good the probabilities are right now.",
        span="time",
    ),
    share("f1", "F1", "2 P R / (P + R)", "Precision and recall at the served threshold, counting the same."),
    share("accuracy", "Accuracy", "(TP + TN) / n", "Share of the answers that were right."),
    share(
        "balanced_accuracy",
        "Balanced accuracy",
        "(TP / (TP + FN) + TN / (TN + FP)) / 2",
        "Mean of the shares found of each class, so that a rare one counts as much.",
    ),
    share(
        "g_mean",
        "Geometric mean",
        "sqrt(TP / (TP + FN) x TN / (TN + FP))",
        "Like balanced accuracy, but 0 when one class is never found.",
    ),
    share(
        "kappa",
        "Cohen's kappa",
        "(a - c) / (1 - c), a: accuracy, c: accuracy expected by chance",
        "How much more often right than by chance with the same number of alarms.",
        low=-1,
    ),
    share(
        "jaccard",
        "Jaccard",
        "TP / (TP + FP + FN)",
        "Overlap of the alarms with the positives.",
    ),
    share(
        "mcc",
        "MCC",
        "(TP TN - FP FN) / sqrt((TP + FP)(TP + FN)(TN + FP)(TN + FN))",
        "Correlation of the alarms with what happened (Matthews): 0 is chance.",
        low=-1,
    ),
    error(
        "brier",
        "Brier score",
        "mean (y - p)^2",
        "Squared distance of the probabilities from what happened.",
        high=1,
    ),
    error(
        "calibration_error",
        "Calibration error",
        "sum over tenths of p: n_b / n |mean y - mean p|",
        "How far a probability is from the share of positives among answers like it.",
        high=1,
    ),
)

_REGRESSION = (
    error("mae", "MAE", "mean |y - p|", "Mean error, in the unit of the label.", "s", 0),
    error("rmse", "RMSE", "sqrt(mean (y - p)^2)", "Like MAE, but large errors weigh more.", "s", 0),
    Metric(
        "r2",
        "R²",
        "1 - sum (y - p)^2 / sum (y - mean y)^2",
        "Share of the label's variance that the answers explain; below 0 is worse than the mean.",
        "higher",
        -1,
        1,
    ),
    error(
        "mape",
        "MAPE",
        "100 mean |y - p| / |y|, y not 0",
        "Mean error in percent of the truth.",
        "%",
        digits=1,
    ),
    error(
        "rolling_mae",
        "Rolling MAE",
        "MAE over the last 1,000 labels",
        "The error of late, to see change that the overall figure hides; models are promoted by it.",
        "s",
        0,
        span="labels",
    ),
    error(
        "rolling_rmse",
        "Rolling RMSE",
        "RMSE over the last 1,000 labels",
        "Large errors of late.",
        "s",
        0,
        span="labels",
    ),
    error(
        "time_rolling_mae",
        "MAE, 5 min",
        "MAE over the labels of the last 5 min of event time",
        "The error right now.",
        "s",
        0,
        span="time",
    ),
    error("mse", "MSE", "mean (y - p)^2", "Mean squared error.", "s²", 0),
    error(
        "smape",
        "SMAPE",
        "100 mean 2 |y - p| / (|y| + |p|)",
        "Mean error in percent of the middle between truth and answer.",
        "%",
        1,
        high=200,
    ),
    error(
        "rmsle",
        "RMSLE",
        "sqrt(mean (ln(1 + y) - ln(1 + p))^2)",
        "Error in ratio: short and long ones count the same. Numbers below 0 count as 0.",
    ),
)

_CLUSTERING = (
    share(
        "silhouette",
        "Silhouette",
        "mean (b - a) / max(a, b), a: mean distance within, b: to the nearest other segment",
        "How far segments are apart, over a sample of all customers that were settled.",
        low=-1,
    ),
    share(
        "stability",
        "Stability",
        "share of the last 1,000 settled customers whose segment is that of the time before",
        "Whether a segment means the same from one visit to the next.",
        span="labels",
    ),
    Metric(
        "segments",
        "Segments",
        "count of segments among the last 1,000 settled customers",
        "How many groups are in use.",
        "higher",
        0,
        None,
        "",
        0,
        "labels",
    ),
    share(
        "rolling_silhouette",
        "Rolling silhouette",
        "silhouette over a sample of the last 1,000 settled customers",
        "How far segments are apart of late.",
        low=-1,
        span="labels",
    ),
    share(
        "time_rolling_silhouette",
        "Silhouette, 5 min",
        "silhouette over the customers settled in the last 5 min of event time, a sample of the last 1,000",
        "How far segments are apart right now.",
        low=-1,
        span="time",
    ),
)

_ROLLING: Final[dict[type, str]] = {
    Classification: "rolling_log_loss",
    Regression: "rolling_mae",
    Clustering: "rolling_silhouette",
}


def metrics(task: Task) -> tuple[Metric, ...]:
    """The metrics of a task, the leading one first."""
    match task:
        case Classification():
            return _CLASSIFICATION
        case Regression():
            return _REGRESSION
        case Clustering():
            return _CLUSTERING


def rolling(task: Task) -> Metric:
    """The rolling metric by which models of a task are compared for promotion.

    For classes the log loss: it is proper (no answer but the true probability is best), so that it judges
    ranking and calibration at once, and over 5,000 labels it is steadier than figures of the positives alone.
    """
    wanted = _ROLLING[type(task)]
    return next(metric for metric in metrics(task) if metric.id == wanted)
