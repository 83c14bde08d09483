"""What the fake API tells of a roster: its models, their expected scores, changes of the stream."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from core.declaration import Application, Classification, Regression
from models.roster import is_naive
from tests.ui.fake_scores import GOAL, naive, scores


def models(application: Application, taught: int) -> list[dict[str, Any]]:
    """The roster: the champion as in the report, the others a little behind it, naive answers behind all."""
    found = []
    for place, name in enumerate(application.online):
        free = is_naive(name)
        told = naive(application) if free else scores(application, taught * 0.8**place)
        found.append(
            {
                "name": name,
                "champion": place == 0,
                "naive": free,
                "trained": True,
                "share": 1.0,
                "microseconds": 3.1 if place == 0 else 410.0,
                "bytes": 60_000 * (place + 1),
                "failures": 0,
                "scores": told,
                "threshold": None,
                "by_delay": by_delay(application),
                "report": classes(application),
            }
        )
    return found


def estimated(application: Application) -> dict[str, Any]:
    names = {Classification: ("roc_auc", "f2"), Regression: ("mae",)}.get(type(application.task), ())
    return {
        name: {
            "value": GOAL[name][1],
            "realised": 0.98 * GOAL[name][1],
            "error": 0.03 * GOAL[name][1],
        }
        for name in names
    }


def drift(application: Application) -> list[dict[str, Any]]:
    """One change of an input, and where there is a label one of the error."""
    one = {"application": application.name, "time": datetime.now(UTC).isoformat(), "detector": "ADWIN"}
    found = [one | {"feature": "price", "before": 310.2, "after": 402.7, "magnitude": 0.61}]
    if application.label:
        found.append(
            one | {"model": application.online[0], "before": 0.031, "after": 0.052, "magnitude": 0.34}
        )
    return found


def by_delay(application: Application) -> list[dict[str, Any]]:
    names = {Classification: ("roc_auc", "f2"), Regression: ("mae",)}.get(type(application.task), ())
    bounds: list[tuple[float, float | None]] = [(0, 900), (900, None)]
    return [
        {"low_s": low, "high_s": high, "count": 900, "scores": {name: GOAL[name][1] for name in names}}
        for low, high in bounds
        if names
    ]


def classes(application: Application) -> list[dict[str, Any]]:
    if not isinstance(application.task, Classification):
        return []
    return [
        {"value": False, "precision": 0.99, "recall": 0.97, "f1": 0.98, "n": 22_075},
        {"value": True, "precision": 0.26, "recall": 0.56, "f1": 0.36, "n": 425},
    ]
