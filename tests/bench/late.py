"""Answers of an online model whose labels come when they are due, with windowed features and without.

events at even times -> rows -> asked at event time, taught once the label is due -> answers
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from heapq import heappop, heappush
from statistics import fmean
from typing import Any

from core.declaration import Application
from core.features import features
from models import answer, build
from models.base import Row
from models.columns import microseconds
from tests.bench import windows
from tests.bench.streams import DENSE_S, SPARSE_S, stream

GAPS = {"live": DENSE_S, "history": SPARSE_S}

SEEDS = (2, 3, 4)
"""Streams that no recipe was tuned on."""

Answers = list[float | int]
Quality = Callable[[Application, Answers, Sequence[Any]], dict[str, float]]


def late(application: Application, events: int, quality: Quality) -> dict[str, Any]:
    """Mean scores over the seeds, per rate: by the row and with features, labels at once and when due."""
    found: dict[str, list[dict[str, float]]] = {}
    for seed in SEEDS:
        for name, gap in GAPS.items():
            made, _ = stream(application.name, events, gap, seed)
            for form, scores in _scores(application, made, quality):
                found.setdefault(f"{name}_{form}", []).append(scores)
    return {
        name: {metric: round(fmean(one[metric] for one in scores), 4) for metric in scores[0]}
        for name, scores in found.items()
    }


def _scores(
    application: Application, made: Sequence[dict[str, Any]], quality: Quality
) -> Iterator[tuple[str, dict[str, float]]]:
    rows = windows.rows(application, made)
    labels = [event[application.label or ""] for event in made]
    times = [microseconds(event[application.event_time.name]) for event in made]
    due = [time + _delay(application, event) for time, event in zip(times, made, strict=True)]
    for form, given in (("row", [without(application, x) for x in rows]), ("windows", rows)):
        yield form, quality(application, answers(application, given, labels, times, times), labels)
        told = answers(application, given, labels, times, due)
        yield f"{form}_labels_late", quality(application, told, labels)


def without(application: Application, x: Row) -> Row:
    """A row without its windowed features."""
    names = {one.name for one in features(application)}
    return {name: value for name, value in x.items() if name not in names}


def answers(
    application: Application,
    rows: Sequence[Row],
    labels: Sequence[Any],
    times: Sequence[int],
    due: Sequence[int],
) -> Answers:
    """Numbers or probabilities of a fresh model; 0 while it is untrained. Times in microseconds."""
    model = build(application)
    told: Answers = []
    waiting: list[tuple[int, int]] = []
    for n, x in enumerate(rows):
        while waiting and waiting[0][0] <= times[n]:
            known = heappop(waiting)[1]
            model.learn_one(rows[known], labels[known])
        said = answer(application, model, x, None) if model.trained else None
        told.append(0.0 if said is None else said.value if said.probability is None else said.probability)
        heappush(waiting, (due[n], n))
    return told


def _delay(application: Application, event: dict[str, Any]) -> int:
    """Microseconds until the label is known."""
    delay = application.label_delay
    return round((delay / timedelta(seconds=1) if isinstance(delay, timedelta) else event[delay]) * 1e6)
