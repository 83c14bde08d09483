"""How good the answers are: which rows each diagnostic looks at, and with what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from batch.diagnostics import calibration, confusion, ranking, regression, thresholds
from batch.diagnostics.scored import MOST_ROWS, Measured, Scored, measured, scored
from batch.diagnostics.subject import MOST_POINTS, Computation, Found, Indices, Part, Subject

VALIDATION_ONLY = (
    "Computed from validation rows: a threshold that is chosen on the rows it is then reported on flatters."
)


def _of_classes(make: Callable[[Scored], confusion.Pictures]) -> Computation:
    """A figure of the test rows' probabilities; the threshold is the chosen one, or the served one."""

    def compute(subject: Subject, chosen: Mapping[str, Any]) -> Found:
        one, sample = scored(subject, threshold=float(chosen.get("threshold", 0)))
        panels, facts = make(one)
        return Found(panels=panels, facts=facts, sample=sample)

    return compute


def _precision_recall(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    one, sample = scored(subject)
    panels, facts = ranking.precision_recall(one, subject.rng())
    return Found(panels=panels, facts=facts, sample=sample)


def _threshold_choice(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    one, sample = scored(subject, "validation")
    panels, facts = thresholds.threshold_choice(one, subject.rng())
    return Found(panels=panels, facts=facts, sample=sample, note=VALIDATION_ONLY)


def _precision_at_top(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    one, sample = scored(subject)
    panels, facts = thresholds.precision_at_top(one, int(chosen["k"]))
    return Found(panels=panels, facts=facts, sample=sample)


def _calibration(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    one, sample = scored(subject)
    panels, facts = calibration.calibration(one, int(chosen["bins"]))
    return Found(panels=panels, facts=facts, sample=sample)


def _of_numbers(make: Callable[[Measured], confusion.Pictures]) -> Computation:
    """A figure of the test rows' numbers."""

    def compute(subject: Subject, chosen: Mapping[str, Any]) -> Found:
        one, sample = measured(subject)
        panels, facts = make(one)
        return Found(panels=panels, facts=facts, sample=sample)

    return compute


def _residuals(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    parts: tuple[Part, Part] = ("train", "test")
    (train, _), (test, sample) = (measured(subject, part) for part in parts)
    rows: dict[str, Indices] = {
        name: subject.drawn(len(one.truth), MOST_POINTS // 2)
        for name, one in zip(parts, (train, test), strict=True)
    }
    panels, facts = regression.residuals(train, test, rows)
    note = f"At most {MOST_POINTS // 2:,} points of each part are drawn; scores and bars are of all rows."
    return Found(panels=panels, facts=facts, sample=sample, note=note)


def _prediction_error(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    one, sample = measured(subject)
    panels, facts = regression.prediction_error(one, subject.drawn(len(one.truth), MOST_POINTS))
    note = f"At most {MOST_POINTS:,} points are drawn; the fit is of all rows."
    return Found(panels=panels, facts=facts, sample=sample, note=note)


def _interval_coverage(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    (validation, known), (test, sample) = measured(subject, "validation"), measured(subject, "test")
    own = subject.model.interval(subject.sample(MOST_ROWS).dataset.frame)
    panels, facts = regression.interval_coverage(validation, test, own)
    note = f"The intervals are made from the residuals of {known.rows:,} validation rows."
    return Found(panels=panels, facts=facts, sample=sample, note=note)


def _by_prediction(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    one, sample = measured(subject)
    panels, facts = regression.by_prediction(one, int(chosen["bins"]))
    return Found(panels=panels, facts=facts, sample=sample)


COMPUTATIONS: dict[str, Computation] = {
    "confusion_matrix": _of_classes(confusion.confusion),
    "classification_report": _of_classes(confusion.report),
    "class_prediction_error": _of_classes(confusion.class_prediction_error),
    "roc": _of_classes(ranking.roc),
    "precision_recall": _precision_recall,
    "threshold_choice": _threshold_choice,
    "calibration": _calibration,
    "score_distribution": _of_classes(thresholds.score_distribution),
    "det": _of_classes(ranking.det),
    "ks_statistic": _of_classes(ranking.ks),
    "cumulative_gain": _of_classes(ranking.gain),
    "lift": _of_classes(ranking.lift),
    "precision_at_top": _precision_at_top,
    "residuals": _residuals,
    "prediction_error": _prediction_error,
    "residual_distribution": _of_numbers(regression.residual_distribution),
    "error_tolerance": _of_numbers(regression.tolerance),
    "prediction_bins": _by_prediction,
    "interval_coverage": _interval_coverage,
}
