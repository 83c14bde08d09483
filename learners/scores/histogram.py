"""Metrics of a probability from two histograms of its logit, one per class.

256 bins over logits from -12 to 12 hold all that ranking metrics need: within a bin, positives and negatives
count as ties. On the shipped streams ROC AUC and average precision differ from the exact ones by less than
0.002.
"""

from __future__ import annotations

from itertools import accumulate
from math import exp, log

BINS = 256
REACH = 12.0
_PER_UNIT = BINS / (2 * REACH)

Counts = list[int]


def bin_of(logit: float) -> int:
    """The bin of a logit; beyond the reach, the outermost one."""
    return min(BINS - 1, max(0, int((logit + REACH) * _PER_UNIT)))


def edge(number: int) -> float:
    """The least probability of a bin."""
    logit = number / _PER_UNIT - REACH
    return 1 / (1 + exp(-logit))


def logit(probability: float) -> float:
    """ln(p / (1 - p)) of a probability strictly between 0 and 1."""
    return log(probability / (1 - probability))


def roc_auc(negatives: Counts, positives: Counts) -> float | None:
    """P(score of a positive > score of a negative), ties count half; None unless both classes are there."""
    n0, n1 = sum(negatives), sum(positives)
    if not n0 or not n1:
        return None
    below, won = 0, 0.0
    for zero, one in zip(negatives, positives, strict=True):
        won += one * (below + zero / 2)
        below += zero
    return won / (n0 * n1)


def average_precision(negatives: Counts, positives: Counts) -> float | None:
    """sum (R_n - R_(n-1)) P_n over the bins from the highest down; None without positives."""
    n1 = sum(positives)
    if not n1:
        return None
    area, found, alarms = 0.0, 0, 0
    for zero, one in zip(reversed(negatives), reversed(positives), strict=True):
        found += one
        alarms += zero + one
        if one:
            area += one / n1 * found / alarms
    return area


def f_beta(tp: int, fp: int, fn: int, beta: float) -> float | None:
    """(1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP); None without positives."""
    if not tp + fn:
        return None
    square = beta * beta
    return (1 + square) * tp / ((1 + square) * tp + square * fn + fp)


def best_threshold(negatives: Counts, positives: Counts, beta: float) -> float:
    """The bin edge with the best F-beta; of equals the highest. Needs a positive."""
    n1 = sum(positives)
    found = list(accumulate(reversed(positives)))
    false = list(accumulate(reversed(negatives)))
    best, at = -1.0, BINS
    for n, (tp, fp) in enumerate(zip(found, false, strict=True)):
        score = f_beta(tp, fp, n1 - tp, beta) or 0.0
        if score > best:
            best, at = score, BINS - 1 - n
    return edge(at)
