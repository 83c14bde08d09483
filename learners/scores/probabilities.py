"""Scores of probabilities: ranking, decisions at the served threshold, loss and calibration.

ask -> the threshold of now is served -> (label) -> counts, histograms, rings -> every 200 labels a threshold
"""

from __future__ import annotations

from math import isfinite, isnan, log, nan, sqrt
from typing import Final

import numpy as np
from numba import njit

from core.declaration import Application
from core.records import ClassScores, DelayScores
from learners.scores import delays, recent
from learners.scores.base import CLOCK, LABELS, NEVER_US, SCORED, Array, Scores, Times, known, share
from learners.scores.delays import bucket_of
from learners.scores.ranking import BINS, average_precision, best_threshold, bin_of, inside, roc_auc
from models.base import Floats, Order

WINDOW: Final = 5000
"""Labels that the rolling figures look back on."""

REVIEW: Final = 200
"""Labels between two choices of the threshold."""

ENOUGH_POSITIVES: Final = 10
"""No threshold is chosen on fewer."""

UNCHOSEN: Final = 0.5
"""What an answer is served at while no threshold is chosen."""

TENTHS: Final = 10

_BETA: Final = 2.0
_AT, _SINCE, _TP, _FP, _TN, _FN = 3, 4, 5, 6, 7, 8
_COUNTS: Final = 9
_LOSS, _SQUARES, _THRESHOLD = 0, 1, 2
_POSITIVE: Final = 256


@njit(cache=True)
def _decide(counts: Array, offset: int, alarm: bool, truth: int) -> None:
    """Counts a decision in the four places from `offset` on: tp, fp, tn, fn."""
    if truth:
        counts[offset if alarm else offset + 3] += 1
    else:
        counts[offset + 1 if alarm else offset + 2] += 1


@njit(cache=True)
def _remember(
    counts: Array, late: Array, ring: Array, losses: Array, number: int, truth: int, loss: float
) -> None:
    """Puts an answer into the ring of the last 5,000; the one that it replaces leaves the late histogram."""
    at, old = counts[_AT], ring[counts[_AT]]
    if old >= 0:
        late[old // _POSITIVE, old % _POSITIVE] -= 1
    ring[at] = truth * _POSITIVE + number
    losses[at] = loss
    late[truth, number] += 1
    counts[_AT] = (at + 1) % WINDOW


@njit(cache=True)
def _review(counts: Array, sums: Array, overall: Array) -> None:
    """Every 200 labels, the threshold of the answers to come: of best F2 on the answers before."""
    counts[_SINCE] += 1
    if counts[_SINCE] < REVIEW:
        return
    counts[_SINCE] = 0
    if counts[_TP] + counts[_FN] >= ENOUGH_POSITIVES:
        sums[_THRESHOLD] = best_threshold(overall, _BETA)


@njit(cache=True)
def _follow(
    answers: Array,
    truths: Array,
    order: Array,
    served: Array,
    asked_us: Array,
    due_us: Array,
    state: tuple[Array, ...],
) -> None:
    counts, sums = state[0], state[1]
    for step in order:
        row = step if step >= 0 else ~step
        if row >= len(answers):
            raise IndexError("the order names a row that is not there")
        if step >= 0:
            served[row] = sums[_THRESHOLD]
            counts[CLOCK] = max(counts[CLOCK], asked_us[row])
            continue
        counts[LABELS] += 1
        counts[CLOCK] = max(counts[CLOCK], due_us[row])
        if isfinite(answers[row]) and not isnan(truths[row]):
            threshold = UNCHOSEN if isnan(served[row]) else served[row]
            truth = 1 if truths[row] > 0.5 else 0
            _score(answers[row], truth, threshold, due_us[row], due_us[row] - asked_us[row], state)
            _review(counts, sums, state[2])


@njit(cache=True)
def _score(
    told: float, truth: int, threshold: float, at_us: int, delay_us: int, state: tuple[Array, ...]
) -> None:
    """Counts one answer whose label is known."""
    counts, sums, overall, late, ring, losses, tenths, delayed = state[:8]
    delay_counts, delay_losses, slots, tallies = state[8:]
    p = inside(told)
    number, loss, alarm = bin_of(p), -log(p if truth else 1 - p), told >= threshold
    counts[SCORED] += 1
    sums[_LOSS] += loss
    sums[_SQUARES] += (truth - p) ** 2
    overall[truth, number] += 1
    _decide(counts, _TP, alarm, truth)
    _remember(counts, late, ring, losses, number, truth, loss)
    tenth = min(TENTHS - 1, int(p * TENTHS))
    tenths[tenth, 0] += p
    tenths[tenth, 1 + truth] += 1
    bucket = bucket_of(delay_us)
    delayed[bucket, truth, number] += 1
    delay_losses[bucket] += loss
    _decide(delay_counts[bucket], 0, alarm, truth)
    recent.add(slots, tallies, at_us, loss)


class ProbabilityScores(Scores):
    """Scores of a classifier's probabilities of the positive class."""

    TAG = "probabilities.1"

    def __init__(self, application: Application) -> None:
        super().__init__(application)
        self._counts = np.zeros(_COUNTS, dtype=np.int64)
        self._counts[CLOCK] = NEVER_US
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
        self._slots, self._tallies = recent.empty()

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
        _follow(answers, truths, order, served, asked_us, due_us, self._arrays())

    @property
    def threshold(self) -> float | None:
        """Of best F2 on the labels before; chosen anew every 200 labels, from 10 positives on."""
        return known(self._sums[_THRESHOLD])

    @property
    def confusion(self) -> dict[str, int]:
        """tp, fp, tn, fn, each answer at the threshold at which it was served."""
        tp, fp, tn, fn = (int(self._counts[n]) for n in (_TP, _FP, _TN, _FN))
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
                    "f2": f_beta(tp, fp, fn, _BETA),
                    "log_loss": float(self._delay_losses[number] / count),
                }
                found.append(DelayScores(low_s=low, high_s=high, count=count, scores=scores))
        return found

    def values(self) -> dict[str, float | None]:
        """Metric id -> value; None where one can't be computed yet."""
        n, (tp, fp, tn, fn) = self.scored, self.confusion.values()
        held = min(n, WINDOW)
        late = float(self._losses[:held].sum(dtype=np.float64) / held) if held else None
        last = known(recent.mean(self._slots, self._tallies, self._counts[CLOCK]))
        return {
            "roc_auc": known(roc_auc(self._overall)),
            "average_precision": known(average_precision(self._overall)),
            "f2": f_beta(tp, fp, fn, _BETA),
            "precision": share(tp, tp + fp),
            "recall": share(tp, tp + fn),
            "log_loss": share(self._sums[_LOSS], n),
            "rolling_roc_auc": known(roc_auc(self._late)),
            "rolling_average_precision": known(average_precision(self._late)),
            "rolling_log_loss": late,
            "time_rolling_log_loss": last,
            **decisions(tp, fp, tn, fn),
            "brier": share(self._sums[_SQUARES], n),
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
