"""What the fake API answers: plausible numbers for every registered application, growing with time."""

from __future__ import annotations

import math
import random
import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from core import forms
from core.applications import APPLICATIONS
from core.declaration import Application, Category, Classification, Clustering, Number, Regression, leaves
from tests.ui import fake_roster, fake_scores

START = time.time() - 1800
BACKFILLED = 20_000
RATE = 10.4


def asked(now: float) -> int:
    return BACKFILLED + int((now - START) * RATE)


def pending(application: Application) -> int:
    match application.label_delay:
        case timedelta() as delay:
            return int(delay.total_seconds() * RATE)
        case _:
            return 12_874


def segments(application: Application) -> list[dict[str, Any]]:
    if not isinstance(application.task, Clustering):
        return []
    rng = random.Random(3)
    names = ["events_per_session", "session_minutes", "views", "carts", "purchases", "searches", "mean_price"]
    base = [8.0, 11.0, 5.5, 1.2, 0.4, 1.1, 310.0]
    return [
        {
            "number": n,
            "size": rng.randint(90, 620),
            "profile": {name: mean * rng.uniform(0.3, 2.1) for name, mean in zip(names, base, strict=True)},
            "top": _tops(application, n),
        }
        for n in range(application.task.segments)
    ]


def _tops(application: Application, number: int) -> dict[str, list[tuple[str, int]]]:
    rng = random.Random(number)
    found = {}
    for path, leaf in leaves(application):
        if isinstance(leaf, Category):
            counts = sorted((rng.randrange(5, 900) for _ in leaf.values[:8]), reverse=True)
            found[path] = list(zip(rng.sample(leaf.values, len(counts)), counts, strict=True))
    return found


def report(application: Application) -> dict[str, Any]:
    now = time.time()
    done = asked(now) - pending(application)
    classification = isinstance(application.task, Classification)
    wave = 1.6 * math.sin(now / 7)
    return {
        "application": application.name,
        "state": "live",
        "champion": application.online[0],
        "version": int((now - START) / 3),
        "asked": asked(now),
        "taught": done,
        "pending": pending(application),
        "clock": datetime.now(UTC).isoformat(),
        "lag": 2,
        "rate": RATE + wave,
        "threshold": 0.118 if classification else None,
        "scores": fake_scores.scores(application, done),
        "naive": fake_scores.naive(application),
        "confusion": {"tp": 238, "fp": 664, "tn": 21_411, "fn": 187} if classification else {},
        "calibration": _calibration() if classification else [],
        "segments": segments(application),
        "models": fake_roster.models(application, done),
        "pinned": False,
        "promotions": [],
        "estimated": fake_roster.estimated(application),
        "drift": fake_roster.drift(application),
        "without_features": 31,
        "run_id": "0f3c9a7e51d24bb8",
        "run_url": "http://127.0.0.1:15000/#/experiments/1/runs/0f3c9a7e51d24bb8",
        "error": "",
        "heartbeat": datetime.now(UTC).isoformat(),
        "training": True,
        "resetting": None,
    }


def versions(application: Application) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    return [
        {
            "version": version,
            "created": (now - timedelta(minutes=ago)).isoformat(),
            "model": application.online[0],
            "asked": 20 * version,
            "taught": 19 * version,
            "clock": None,
            "scores": fake_scores.scores(application, 19 * version),
            "bytes": 250_000,
            "places": places,
            "run_id": "0f3c9a7e51d24bb8",
            "run_url": None,
        }
        for version, ago, places in (
            (1180, 4, ["mlflow", "redis"]),
            (980, 14, ["mlflow", "redis"]),
            (780, 24, ["mlflow"]),
        )
    ]


def _calibration() -> list[tuple[float, float, int]]:
    means = [0.008, 0.034, 0.07, 0.14, 0.24, 0.35, 0.46, 0.57, 0.68, 0.83]
    counts = [15_200, 4_310, 1_670, 720, 310, 140, 72, 44, 22, 12]
    return [(m, max(0.0, m + 0.04 * math.sin(9 * m)), n) for m, n in zip(means, counts, strict=True)]


def history(application: Application, points: int) -> list[dict[str, Any]]:
    now = time.time()
    done = asked(now) - pending(application)
    step = max(done, 1) / points
    found = []
    for n in range(1, points + 1):
        taught = int(n * step)
        moment = START + max(0.0, (taught - BACKFILLED * 0.6) / RATE)
        found.append(
            {
                "time": datetime.fromtimestamp(moment, UTC).isoformat(),
                "clock": datetime.fromtimestamp(moment, UTC).isoformat(),
                "asked": taught + 40,
                "taught": taught,
                "rate": RATE + 1.6 * math.sin(n / 3),
                "scores": fake_scores.scores(application, taught),
                "naive": fake_scores.naive(application),
            }
        )
    return found


KNOWN_EACH = 3
"""Every third event has its label at once."""


def predictions(application: Application, limit: int, judged: bool) -> list[dict[str, Any]]:
    newest = asked(time.time())
    if judged:
        newest -= newest % KNOWN_EACH + 60 * KNOWN_EACH
    step = KNOWN_EACH if judged else 1
    return [_prediction(application, newest - step * n) for n in range(limit)]


def _prediction(application: Application, number: int) -> dict[str, Any]:
    rng = random.Random(number)
    moment = datetime.fromtimestamp(START + (number - BACKFILLED) / RATE, UTC)
    event = forms.complete(application, forms.randomize(application, number))
    event[application.event_time.name] = moment.isoformat()
    known = number % KNOWN_EACH == 0
    probability: float | None = None
    truth: Any = None
    value: Any = None
    match application.task:
        case Classification():
            probability = rng.betavariate(0.5, 6)
            value, truth = probability >= 0.118, rng.random() < probability
        case Regression(naive=planned):
            value = event[planned] * rng.uniform(0.9, 1.7)
            truth = value * rng.gauss(1.0, 0.12)
        case Clustering(segments=count):
            value, known = rng.randrange(count), False
    return {
        "application": application.name,
        "event_id": event[application.identifier.name],
        "entity": event[application.key],
        "event_time": moment.isoformat(),
        "source_partition": number % 3,
        "source_offset": number,
        "model": application.online[0],
        "version": 612,
        "value": value,
        "probability": probability,
        "threshold": 0.118 if probability is not None else None,
        "asked_at": moment.isoformat(),
        "event": event,
        "truth": truth if known else None,
    }


def status() -> dict[str, Any]:
    now = time.time()
    count = asked(now)
    moment = datetime.now(UTC)
    names = ["broker", "flink", "redis", "mlflow", "serving", "ui"]
    names += [f"{kind}-{name}" for kind in ("producer", "learner") for name in APPLICATIONS]
    return {
        "applications": {
            name: {
                "produced": count + 61 + 24,
                "valid": count + 20,
                "rejected": 24,
                "rejected_by_reason": {"out_of_range": 14, "malformed_json": 10},
                "delta_rows": count - 8,
                "delta_version": 418,
                "asked": count,
                "taught": count - pending(app),
                "pending": pending(app),
                "last_event_time": (moment - timedelta(seconds=2)).isoformat(),
                "lag": 2,
                "rate": RATE,
                "learner": {
                    "state": "live",
                    "champion": app.online[0],
                    "version": 612,
                    "snapshot_age_s": 1.4,
                    "error": "",
                    "run_id": "0f3c9a7e51d24bb8",
                    "run_url": "",
                },
            }
            for name, app in APPLICATIONS.items()
        },
        "parts": {
            name: {
                "state": "running",
                "pid": 4100 + n,
                "rss_mb": 90.0 + 137 * (n % 5),
                "since": (moment - timedelta(minutes=31)).isoformat(),
                "error": "",
            }
            for n, name in enumerate(names)
        },
        "time": moment.isoformat(),
        "away": {},
    }


def empty_status() -> dict[str, Any]:
    flow = dict.fromkeys(
        ("produced", "valid", "rejected", "delta_rows", "asked", "taught", "pending", "lag", "rate")
    )
    learner = {"state": "starting", "champion": None, "version": None, "snapshot_age_s": None, "error": None}
    flows = {name: flow | {"produced": 1_240, "learner": learner} for name in APPLICATIONS}
    return {"applications": flows, "parts": {}, "time": datetime.now(UTC).isoformat()}


def empty_report(application: Application) -> dict[str, Any]:
    return {"application": application.name, "error": "no learner has reported yet"}


def query(application: Application, sql: str) -> tuple[int, dict[str, Any]]:
    if "select" not in sql.lower():
        detail = "Only SELECT is allowed; this starts with " + repr(sql.split()[0] if sql.split() else "")
        return 400, problem(400, detail)
    rng = random.Random(5)
    moment = datetime.now(UTC)
    columns = [("timestamp", "TIMESTAMP WITH TIME ZONE"), ("entity", "VARCHAR"), ("amount", "DOUBLE")]
    columns += [("items", "BIGINT"), ("known", "BOOLEAN"), ("location", "STRUCT(lat DOUBLE, lon DOUBLE)")]
    rows = [
        [
            (moment - timedelta(seconds=n)).isoformat(),
            f"{application.key}_{rng.randrange(1000)}",
            None if n % 7 == 0 else round(rng.uniform(5, 900), 2),
            rng.randrange(9),
            n % 2 == 0,
            {"lat": 29.7, "lon": -95.4},
        ]
        for n in range(100)
    ]
    return 200, {
        "columns": [{"name": name, "type": kind} for name, kind in columns],
        "rows": rows,
        "row_count": len(rows),
        "truncated": False,
        "elapsed_ms": 11.8,
        "table_version": 418,
        "table_rows": 38_402,
    }


def schema(application: Application) -> dict[str, Any]:
    columns = [
        {"name": path, "type": "DOUBLE" if isinstance(leaf, Number) else "VARCHAR", "help": leaf.help}
        for path, leaf in leaves(application)
    ]
    return {"tables": [{"name": "data", "rows": 38_402, "version": 418, "columns": columns}]}


def problem(status: int, detail: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, "errors": errors or []}
