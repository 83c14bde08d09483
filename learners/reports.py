"""What a learner tells of itself: the report of every second, a point of the history, metrics for MLflow."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from core.records import LearnerReport, LearnerState, Standing
from learners.entrant import Entrant
from learners.learner import Learner
from models.roster import is_naive


def report(learner: Learner, state: LearnerState, version: int, sizes: dict[str, int]) -> LearnerReport:
    """The learner as it is; sizes: bytes of each model in the newest snapshot."""
    champion, naive = learner.champion, learner.naive
    return LearnerReport(
        application=learner.application.name,
        state=state,
        pid=os.getpid(),
        heartbeat=datetime.now(UTC),
        champion=champion.name,
        version=version,
        asked=learner.asked,
        taught=learner.taught,
        pending=len(learner.awaiting),
        repeats=learner.repeats,
        clock=learner.clock,
        error=problem(learner),
        threshold=champion.scores.threshold,
        scores=champion.scores.values(),
        naive=naive.scores.values() if naive else {},
        confusion=champion.scores.confusion,
        calibration=champion.scores.calibration,
        segments=learner.segments(),
        models=[_standing(one, one is champion, sizes) for one in learner.entrants.values()],
        pinned=learner.contest.pinned,
        promotions=learner.contest.history,
        estimated=champion.estimated.values(),
        drift=learner.watch.events,
        drifts=learner.watch.counts,
        without_features=learner.without_features,
        reset=learner.reset,
    )


def _standing(one: Entrant, champion: bool, sizes: dict[str, int]) -> Standing:
    return Standing(
        name=one.name,
        champion=champion,
        naive=is_naive(one.name),
        trained=one.model.trained,
        share=one.share,
        microseconds=one.microseconds,
        bytes=sizes.get(one.name),
        failures=one.failures,
        scores=one.scores.values(),
        threshold=one.scores.threshold,
        confusion=one.scores.confusion,
        calibration=one.scores.calibration,
        report=one.scores.report,
        by_delay=one.scores.by_delay,
        estimated=one.estimated.values(),
    )


def problem(learner: Learner) -> str:
    """What went wrong so far, in a sentence; empty when nothing did."""
    last = learner.last_error or next(
        (one.last_error for one in learner.entrants.values() if one.last_error), ""
    )
    return f"{learner.failures} events failed; the last: {last}" if last else ""


def point(learner: Learner, rate: float) -> dict[str, Any]:
    """A point of the history: the champion's scores, and those of the naive answer."""
    naive = learner.naive
    return {
        "time": datetime.now(UTC),
        "clock": learner.clock,
        "asked": learner.asked,
        "taught": learner.taught,
        "rate": rate,
        "champion": learner.champion.name,
        "scores": learner.champion.scores.values(),
        "naive": naive.scores.values() if naive else {},
    }


def tracked(learner: Learner, rate: float) -> dict[str, float | None]:
    """Metrics for the run: the champion's by their id, the others' below their name."""
    counts: dict[str, float | None] = {
        "asked": float(learner.asked),
        "pending": float(len(learner.awaiting)),
        "rate": rate,
        **{f"drift_{kind}": float(count) for kind, count in learner.watch.counts.items()},
    }
    others = {
        f"{name}/{metric}": value
        for name, one in learner.entrants.items()
        for metric, value in one.scores.values().items()
    }
    return learner.champion.scores.values() | others | counts
