"""Events per second and honest quality of the online models, beside the reference's loop, on one stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from core.applications import APPLICATIONS
from core.declaration import Application, Classification, Clustering, Regression
from models import OnlineModel, answer, build, row
from producers.registry import generator
from tests.bench import columnar, windows
from tests.bench.late import late, without
from tests.bench.reference import reference
from tests.bench.reference_streams import reference_events

BASELINE = "the reference's River model, asked before taught, with its list of metrics, on the first events"

REFERENCE_EVENTS = 6000
"""The reference is some twenty times slower: it gets the head of the stream."""

SPAN = timedelta(days=14)
"""Event time that the stream covers, as in the history of a first start."""

SEED = 7

Stream = tuple[list[tuple[dict[str, Any], Any]], list[Any]]
"""Rows with labels, and the hidden truth of each."""


def measure(events: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Per application: events/s and quality of both, and snapshot size in kB."""
    figures = {}
    for name, application in APPLICATIONS.items():
        say(f"{name}: making {events} events")
        stream, truth = _stream(application, events)
        model = build(application)
        say(f"{name}: {application.online[0]} on {events} events")
        ours, took = _timed(_loop(application, model), stream)
        rival, loop = reference(application)
        say(f"{name}: {rival} on {REFERENCE_EVENTS} events")
        head = [(without(application, x), label) for x, label in stream[:REFERENCE_EVENTS]]
        theirs, rival_took = _timed(loop, head)
        labels = truth if isinstance(application.task, Clustering) else [label for _, label in stream]
        rate, rival_rate = events / took, REFERENCE_EVENTS / rival_took
        rows = [x for x, _ in stream]
        figures[name] = {
            "model": application.online[0],
            "events_per_s": round(rate),
            "reference_events_per_s": round(rival_rate),
            "ratio": round(rate / rival_rate, 1),
            "columnar_events_per_s": columnar.rates(application, rows, [label for _, label in stream]),
            "quality": _quality(application, ours, labels),
            "quality_labels_late": _late(application, events, say),
            "quality_on_the_reference_events": _quality(application, ours[:REFERENCE_EVENTS], labels),
            "reference_quality": _quality(application, theirs, labels),
            "quality_on_the_reference_stream": _on_reference_stream(application, events),
            "ceiling": dict(application.ceiling),
            "snapshot_kb": round(len(model.to_bytes()) / 1000, 1),
        }
    return figures


def _on_reference_stream(application: Application, events: int) -> dict[str, float] | None:
    """Scores on independent rows with the reference's marginals; None for sessions: their stream is one."""
    if isinstance(application.task, Clustering):
        return None
    made = reference_events(application, events)
    stream = [(row(application, event), event[application.label or ""]) for event in made]
    said, _ = _timed(_loop(application, build(application)), stream)
    return _quality(application, said, [label for _, label in stream])


def _late(application: Application, events: int, say: Callable[[str], None]) -> dict[str, Any] | None:
    """Scores at the rates of live and of history, by the row and with its windows; None for sessions."""
    if isinstance(application.task, Clustering):
        return None
    say(f"{application.name}: labels at once and late, at the rates of live and of history")
    return late(application, events, _quality)


def _stream(application: Application, events: int) -> Stream:
    """Rows with their windowed features."""
    source = generator(application.name, seed=SEED)
    began = datetime(2026, 3, 2, tzinfo=UTC)
    made, truth = [], []
    for n in range(events):
        made.append(source.next(began + SPAN * (n / events)))
        truth.append(source.truth.get("persona"))
    rows = windows.rows(application, made)
    return [(x, event.get(application.label or "")) for x, event in zip(rows, made, strict=True)], truth


def _loop(application: Application, model: OnlineModel) -> Callable[[dict[str, Any], Any], float | int]:
    def loop(x: dict[str, Any], y: Any) -> float | int:
        said = answer(application, model, x, None) if model.trained else None
        model.learn_one(x, y)
        if said is None:
            return -1 if isinstance(application.task, Clustering) else 0.0
        return said.value if said.probability is None else said.probability

    return loop


def _timed(
    loop: Callable[[dict[str, Any], Any], float | int], stream: list[tuple[dict[str, Any], Any]]
) -> tuple[list[float | int], float]:
    began = time.process_time()
    answers = [loop(x, y) for x, y in stream]
    return answers, time.process_time() - began


def _quality(
    application: Application, answers: Sequence[float | int], labels: Sequence[Any]
) -> dict[str, float]:
    """Scores of the second half, so that no model is graded on its first steps."""
    from sklearn import metrics

    half = len(answers) // 2
    said, true = answers[half:], labels[half : len(answers)]
    match application.task:
        case Classification():
            figures = {
                "roc_auc": metrics.roc_auc_score(true, said),
                "average_precision": metrics.average_precision_score(true, said),
                "log_loss": metrics.log_loss(true, [min(1 - 1e-6, max(1e-6, p)) for p in said]),
            }
        case Regression():
            figures = {"mae": metrics.mean_absolute_error(true, said), "r2": metrics.r2_score(true, said)}
        case Clustering():
            figures = {"adjusted_rand": metrics.adjusted_rand_score(true, said)}
    return {name: round(float(value), 4) for name, value in figures.items()}
