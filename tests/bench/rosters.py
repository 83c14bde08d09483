"""Every model of every roster on the same streams: asked first, taught when the label is known.

seeded events at two rates + windowed features -> rows -> ask, wait for the label, teach
                                                                           `-> scores, speed, bytes
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from heapq import heappop, heappush
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from core.applications import APPLICATIONS
from core.declaration import Application, Classification, Clustering, Regression
from models import answer, build, row
from tests.bench.streams import BEGAN, DENSE_S, SPARSE_S, stream
from tests.bench.windows import windowed

BASELINE = "the naive answers of the same roster, on the same rows"

RATES = {"live": DENSE_S, "history": SPARSE_S}

Floats = npt.NDArray[np.float64]


class Asked(NamedTuple):
    """A row and what came of it."""

    time: float
    due: float
    x: dict[str, Any]
    truth: Any


def measure(events: int, seed: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Per application with a label, rate and model: scores of the second half, events/s, bytes, ms."""
    figures: dict[str, Any] = {}
    for name, application in APPLICATIONS.items():
        if isinstance(application.task, Clustering):
            continue
        for rate, gap in RATES.items():
            rows = _rows(application, events, gap, seed)
            for recipe in application.online:
                figures[f"{name}.{rate}.{recipe}"] = found = _run(application, recipe, rows)
                say(f"{name} {rate} {recipe}: {found}")
    return figures


def _rows(application: Application, events: int, gap: float, seed: int) -> list[Asked]:
    made, _ = stream(application.name, events, gap, seed)
    known = windowed(application, made)
    delay, label = application.label_delay, application.label or ""
    rows = []
    for event, remembered in zip(made, known, strict=True):
        now = (datetime.fromisoformat(event[application.event_time.name]) - BEGAN).total_seconds()
        wait = event[delay] if isinstance(delay, str) else delay.total_seconds()
        rows.append(Asked(now, now + wait, row(application, event, remembered), event[label]))
    return rows


def _run(application: Application, recipe: str, rows: list[Asked]) -> dict[str, float]:
    model: Any = build(application, recipe)
    told: list[float] = []
    waiting: list[tuple[float, int]] = []
    began = time.process_time()
    for n, one in enumerate(rows):
        while waiting and waiting[0][0] <= one.time:
            known = rows[heappop(waiting)[1]]
            model.learn_one(known.x, known.truth)
        said = answer(application, model, one.x, None) if model.trained else None
        told.append(np.nan if said is None else said.value if said.probability is None else said.probability)
        heappush(waiting, (one.due, n))
    took = time.process_time() - began
    half = len(rows) // 2
    scores = _scores(application, np.array(told[half:]), np.array([float(one.truth) for one in rows[half:]]))
    return {**scores, "events_per_s": round(len(rows) / took), **_bytes(model)}


def _bytes(model: Any) -> dict[str, float]:
    began = time.process_time()
    data = model.to_bytes()
    dumped = time.process_time()
    type(model).from_bytes(data)
    return {
        "kb": round(len(data) / 1000, 1),
        "dump_ms": round((dumped - began) * 1000, 1),
        "load_ms": round((time.process_time() - dumped) * 1000, 1),
    }


def _scores(application: Application, told: Floats, truth: Floats) -> dict[str, float]:
    """Of the answers there are: AUC, average precision, log loss; or MAE and R2."""
    from sklearn import metrics

    given = ~np.isnan(told)
    told, truth = told[given], truth[given]
    match application.task:
        case Classification():
            found = {
                "roc_auc": metrics.roc_auc_score(truth, told),
                "average_precision": metrics.average_precision_score(truth, told),
                "log_loss": metrics.log_loss(truth, np.clip(told, 1e-6, 1 - 1e-6)),
            }
        case Regression():
            found = {"mae": metrics.mean_absolute_error(truth, told), "r2": metrics.r2_score(truth, told)}
        case _:
            found = {}
    return {name: round(float(value), 4) for name, value in found.items()}
