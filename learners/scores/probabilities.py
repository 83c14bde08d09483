"""Scores of probabilities: ranking, decisions at the served threshold, loss and calibration.

ask -> the threshold of now is served -> (label) -> counts, histograms, rings -> every 200 labels a threshold
"""

from __future__ import annotations

from math import nan, sqrt
from typing import Final

import numpy as np

from core.declaration import Application
from core.records import ClassScores, DelayScores
from learners.scores import delays
from learners.scores.base import Scores, Times, empty_counts, empty_slots, known, share
from learners.scores.loops import (
    BETA,
    BINS,
    CLOCK,
    FN,
    FP,
    LOSS,
    SQUARES,
    TENTHS,
    THRESHOLD,
    TN,
    TP,
    Array,
    follow_probabilities,
    recent_mean,
)
from learners.scores.ranking import average_precision, roc_auc
from models.base import Floats, Order

WINDOW: Final = 5000
"""Labels that the rolling figures look back on."""

_COUNTS: Final = 9


class ProbabilityScores(Scores):
    """Scores of a classifier's probabilities of the positive class."""

    TAG = "probabilities.1"

    def __init__(self, application: Application) -> None:
        super().__init__(application)
        self._counts = empty_counts(_COUNTS)
        self._sums = np.array([0.0, 0.0, nan])
        self._overall = np.zeros((2, BINS), dtype=np.int64)
        self._late = np.zeros((2, BINS), dtype=np.int32)
        self._ring = np.full(WINDOW, -1, dtype=np.int16)
        """Bin and class of the last answers; -1 where there is none yet."""
        self._losses = np.zeros(WINDOW, dtype=np.float32)
        self._tenths = np.zeros((TENTHS, 3))
        """Calibration: sum of probabilities, negatives, positives."""
        self._delayed = np.zeros((delays.BUCKETS, 2, BINS), dtype=np.int32)
        self._delay_counts = np.zeros((delays.BUCKETS, 4), dtype=np.int64)
        self._delay_losses = np.zeros(delays.BUCKETS)
        self._slots, self._tallies = empty_slots()

    def _arrays(self) -> tuple[Array, ...]:
        return (
            self._counts,
            self._sums,
            self._overall,
            self._late,
            self._ring,
            self._losses,
            self._tenths,
            self._delayed,
            self._delay_counts,
            self._delay_losses,
            self._slots,
            self._tallies,
        )

    def _follow(
        self, answers: Floats, truths: Floats, order: Order, served: Floats, asked_us: Times, due_us: Times
    ) -> None:
        follow_probabilities(answers, truths, order, served, asked_us, due_us, self._arrays())

    @property
    def threshold(self) -> float | None:
        """Of best F2 on the labels before; chosen anew every 200 labels, from 10 positives on."""
        return known(self._sums[THRESHOLD])

    @property
    def confusion(self) -> dict[str, int]:
        """tp, fp, tn, fn, each answer at the threshold at which it was served."""
        tp, fp, tn, fn = (int(self._counts[n]) for n in (TP, FP, TN, FN))
        return {"tp": tp, "fp": fp, "tn": tn, "fn": fn}

    @property
    def calibration(self) -> list[tuple[float, float, int]]:
        """Mean probability, share of positives, count, per tenth of the probability that has answers."""
        return [
            (told / (negatives + positives), positives / (negatives + positives), int(negatives + positives))
            for told, negatives, positives in self._tenths.tolist()
            if negatives + positives
        ]

    @property
    def report(self) -> list[ClassScores]:
        """Both classes, the negative one first, at the served threshold."""
        one = self.confusion
        return [
            _class_scores(False, one["tn"], one["fn"], one["fp"]),
            _class_scores(True, one["tp"], one["fp"], one["fn"]),
        ]

    @property
    def by_delay(self) -> list[DelayScores]:
        """Count, ROC AUC, average precision, F2 and log loss per bucket of label delay that has answers."""
        found = []
        for number, (low, high) in enumerate(delays.bounds()):
            tp, fp, tn, fn = self._delay_counts[number].tolist()
            count = tp + fp + tn + fn
            if count:
                scores = {
                    "roc_auc": known(roc_auc(self._delayed[number])),
                    "average_precision": known(average_precision(self._delayed[number])),
                    "f2": f_beta(tp, fp, fn, BETA),
                    "log_loss": float(self._delay_losses[number] / count),
                }
                found.append(DelayScores(low_s=low, high_s=high, count=count, scores=scores))
        return found

    def values(self) -> dict[str, float | None]:
        """Metric id -> value; None where one can't be computed yet."""
        n, (tp, fp, tn, fn) = self.scored, self.confusion.values()
        held = min(n, WINDOW)
        late = float(self._losses[:held].sum(dtype=np.float64) / held) if held else None
        last = known(recent_mean(self._slots, self._tallies, self._counts[CLOCK]))
        return {
            "roc_auc": known(roc_auc(self._overall)),
            "average_precision": known(average_precision(self._overall)),
            "f2": f_beta(tp, fp, fn, BETA),
            "precision": share(tp, tp + fp),
            "recall": share(tp, tp + fn),
            "log_loss": share(self._sums[LOSS], n),
            "rolling_roc_auc": known(roc_auc(self._late)),
            "rolling_average_precision": known(average_precision(self._late)),
            "rolling_log_loss": late,
            "time_rolling_log_loss": last,
            **decisions(tp, fp, tn, fn),
            "brier": share(self._sums[SQUARES], n),
            "calibration_error": self._calibration_error(),
        }

    def _calibration_error(self) -> float | None:
        """Sum over the tenths of their share times |mean truth - mean probability|.

        Source: Naeini, Cooper, Hauskrecht, "Obtaining Well Calibrated Probabilities", AAAI (2015).
        """
        n = self.scored
        return sum(abs(p - y) * count / n for p, y, count in self.calibration) if n else None


def decisions(tp: int, fp: int, tn: int, fn: int) -> dict[str, float | None]:
    """Metrics of decisions, each as in core.metrics; None where the formula divides by 0.

    Sources: kappa, Cohen, Educ. Psychol. Meas. 20 (1960); MCC, Matthews, Biochim. Biophys. Acta 405 (1975);
    geometric mean, Kubat and Matwin, ICML (1997); Jaccard, Bull. Soc. Vaud. Sci. Nat. 37 (1901).
    """
    n, found, absent = tp + fp + tn + fn, share(tp, tp + fn), share(tn, tn + fp)
    both = found is not None and absent is not None
    chance = ((tp + fp) * (tp + fn) + (tn + fn) * (tn + fp)) / n**2 if n else 1.0
    spread = sqrt(float(tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return {
        "f1": f_beta(tp, fp, fn, 1.0),
        "accuracy": share(tp + tn, n),
        "balanced_accuracy": ((found or 0.0) + (absent or 0.0)) / 2 if both else None,
        "g_mean": sqrt((found or 0.0) * (absent or 0.0)) if both else None,
        "kappa": ((tp + tn) / n - chance) / (1 - chance) if chance < 1 else None,
        "jaccard": share(tp, tp + fp + fn),
        "mcc": share(tp * tn - fp * fn, spread),
    }


def f_beta(tp: int, fp: int, fn: int, beta: float) -> float | None:
    """(1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP); None without positives.

    Source: van Rijsbergen, Information Retrieval (1979).
    """
    if not tp + fn:
        return None
    square = beta * beta
    return (1 + square) * tp / ((1 + square) * tp + square * fn + fp)


def _class_scores(value: bool, hits: int, false: int, missed: int) -> ClassScores:
    return ClassScores(
        value=value,
        precision=share(hits, hits + false),
        recall=share(hits, hits + missed),
        f1=f_beta(hits, false, missed, 1.0),
        n=hits + missed,
    )
