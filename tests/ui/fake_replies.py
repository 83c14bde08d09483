"""What the fake API's models say of an event; the registered one a little otherwise than the live one."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec

from core.declaration import Application, Classification, Clustering, Regression, leaves
from core.validation import explain, request_type
from tests.ui import fake_data as data
from tests.ui import fake_scores

Answer = tuple[int, dict[str, Any]]

THRESHOLD = 0.118


def live(application: Application, event: dict[str, Any], explained: bool, empty: bool) -> Answer:
    if empty:
        detail = f"{application.online[0]} has not learned enough: 0 of 500 lessons"
        return 503, data.problem(503, detail)
    return _refused(application, event) or (200, reply(application, event, explained))


def registered(application: Application, body: dict[str, Any], empty: bool) -> Answer:
    if empty:
        return 503, data.problem(503, f"{application.name} has no registered model: train one first")
    if refused := _refused(application, body["event"]):
        return refused
    said = reply(application, body["event"], body.get("explain", False), "registered")
    return 200, said | {
        "model": application.batch[0],
        "version": 3,
        "source": "registered",
        "snapshot_age_s": 7_300.0,
        "latency_ms": 6.42,
        "run_id": "3a9c7e51d24bb8f0",
    }


def reply(
    application: Application, event: dict[str, Any], explained: bool = False, who: str = "live"
) -> dict[str, Any]:
    known = {k: v for k, v in event.items() if k != application.identifier.name}
    rng, near = random.Random(json.dumps(known)), random.Random(who)
    answer: dict[str, Any] = {"value": None, "probability": None, "interval": None}
    segment, threshold = None, None
    match application.task:
        case Classification():
            threshold = THRESHOLD if who == "live" else 0.31
            answer["probability"] = min(0.99, rng.betavariate(0.9, 1.6) * near.uniform(0.6, 1.2))
            answer["value"] = answer["probability"] >= threshold
        case Regression(naive=planned):
            answer["value"] = event[planned] * rng.uniform(1.0, 1.5) * near.uniform(0.9, 1.2)
            answer["interval"] = (answer["value"] * 0.86, answer["value"] * 1.17)
        case Clustering(segments=count):
            answer["value"] = (rng.randrange(count) + (who != "live")) % count
            segment = data.segments(application)[answer["value"]]
    return {
        "application": application.name,
        "event_id": event.get(application.identifier.name) or "new",
        "answer": answer,
        "threshold": threshold,
        "model": application.online[0],
        "version": 612,
        "source": "live",
        "scores": fake_scores.scores(application, 38_000),
        "naive": fake_scores.naive(application),
        "snapshot_age_s": 1.4,
        "latency_ms": 2.31,
        "segment": segment,
        "explanation": explanation(application, event, who) if explained else None,
    }


def explanation(application: Application, event: dict[str, Any], who: str) -> list[dict[str, Any]] | None:
    """The first inputs with shrinking effects of either sign; a clustering tells none."""
    if isinstance(application.task, Clustering):
        return None
    scale = 240.0 if isinstance(application.task, Regression) else 1.4
    paths = [
        path
        for path, leaf in leaves(application)
        if path not in (application.label, application.identifier.name) and "." not in path
    ]
    rng = random.Random(who)
    return [
        {"name": path, "value": event.get(path), "effect": rng.choice((-1, 1)) * scale / (n + 1)}
        for n, path in enumerate(rng.sample(paths, min(7, len(paths))))
    ]


def _refused(application: Application, event: dict[str, Any]) -> Answer | None:
    try:
        msgspec.convert(event, request_type(application))
    except msgspec.ValidationError as error:
        found = explain(error)
        errors = [{"field": found.field, "message": found.detail}]
        return 422, data.problem(422, "1 field is not valid", errors)
    return None
