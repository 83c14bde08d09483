"""The live models over time, from what learners leave in Redis, in MLflow and in the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from batch.diagnostics import calibration, live_scores, regression, thresholds
from batch.diagnostics.live_traces import Answered, Live, answered
from batch.diagnostics.scored import Measured, Scored, class_names
from batch.diagnostics.subject import Found, Unanswerable
from core.declaration import Classification, Regression

SEED = 42
BINS = 10


def _reliability(live: Live, chosen: Mapping[str, Any]) -> Found:
    """Happened over answered, of the newest answers whose label is known."""
    rows = answered(live, int(chosen["rows"]))
    match live.application.task:
        case Classification():
            panels, facts = calibration.calibration(_scored(live, rows), BINS)
        case Regression(label=label, unit=unit):
            named = label.rpartition(".")[2].replace("_", " ")
            one = Measured(rows.truth, rows.answers, rows.answers, named, unit, rows.times)
            panels, facts = regression.by_prediction(one, BINS)
        case _:
            raise Unanswerable(f"{live.application.name} has no label: nothing to compare the answers with")
    return Found(panels=panels, facts=facts, sample=rows.sample, note=_told(rows))


def _threshold(live: Live, chosen: Mapping[str, Any]) -> Found:
    """What a threshold would have cost and brought over the newest answers."""
    rows = answered(live, int(chosen["rows"]))
    one = _scored(live, rows)
    panels, facts = thresholds.threshold_choice(one, np.random.default_rng(SEED), "these answers")
    return Found(panels=panels, facts=facts, sample=rows.sample, note=_told(rows))


def _scored(live: Live, rows: Answered) -> Scored:
    names = class_names(live.application)
    positives = int(rows.truth.sum())
    if not 0 < positives < len(rows.truth):
        missing = names[0] if positives else names[1]
        raise Unanswerable(f"the newest {len(rows.truth):,} answers hold no {missing!r}: take more rows")
    return Scored(rows.truth, np.clip(rows.answers, 0, 1), rows.threshold, names, rows.times)


def _told(rows: Answered) -> str:
    return (
        f"Answers of {rows.model!r}, each given before its label was known; "
        f"the newest {rows.sample.rows:,} whose label is known by now."
    )


COMPUTATIONS: dict[str, Callable[[Live, Mapping[str, Any]], Found]] = {
    "live_scores": live_scores.scores,
    "live_reliability": _reliability,
    "live_threshold": _threshold,
    "live_drift": live_scores.drift,
    "live_delay": live_scores.by_delay,
}
"""By id: those that need no run."""

__all__ = ["COMPUTATIONS", "Live"]
