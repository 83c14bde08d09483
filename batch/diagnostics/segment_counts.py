"""How many segments there should be: the run's own pipeline, fitted again for each number.

train rows -> refit with k segments -> inertia, silhouette, time; agreement of fits to different halves
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import adjusted_rand_score, silhouette_score

from batch.diagnostics.arrays import cells, short
from batch.diagnostics.subject import Floats, Found, Subject, Unanswerable
from batch.trainers.clustering import LEAST_PER_SEGMENT
from batch.trainers.space import preprocessing, transformed
from core.diagnostics.shapes import Axis, Fact, Lines, Mark, Panel

FIT_ROWS = 10_000
SCORED_ROWS = 1_500
LEAST_K = 2
HALVES = 4
"""Halves of the training rows: 6 pairs."""

PARAMETER = "segments"
"""The hyperparameter of every clustering recipe that says how many."""


class Tried(NamedTuple):
    """A number of segments, and what came of it."""

    k: int
    inertia: float
    silhouette: float
    seconds: float


def elbow(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """Inertia, silhouette and seconds over the number of segments, and where the bend is."""
    train = subject.sample(FIT_ROWS, "train")
    scored = subject.sample(SCORED_ROWS, "test")
    neutral = preprocessing(subject.application, train.dataset.frame)
    points, held_out = (transformed(neutral, one.dataset.frame) for one in (train, scored))
    tried = []
    for k in _numbers(subject, len(train.rows), int(chosen["most"])):
        subject.progress.check()
        began = perf_counter()
        model = subject.trainer.refit(subject.model, train.dataset, {PARAMETER: k}, subject.threads)
        seconds = perf_counter() - began
        told = model.answers(scored.dataset.frame)
        value = silhouette_score(held_out, told) if len(np.unique(told)) > 1 else float("nan")
        spread = inertia(points, model.answers(train.dataset.frame))
        tried.append(Tried(k, spread, float(value), seconds))
        subject.progress.line(
            f"{k} segments", k=k, inertia=tried[-1].inertia, silhouette=tried[-1].silhouette
        )
    ks = np.array([one.k for one in tried])
    bend = int(ks[knee(ks.astype(float), np.array([one.inertia for one in tried]))])
    best = max(tried, key=lambda one: np.nan_to_num(one.silhouette, nan=-1.0))
    mine = len(np.unique(subject.answers("train")))
    marks = [Mark(text="this run", x=mine), Mark(text="bend", x=bend)]
    axis = Axis(title="Number of segments")
    panels = [
        _curve("Inertia", axis, "Sum of squared distances", ks, [one.inertia for one in tried], marks),
        _curve("Silhouette, test rows", axis, "Silhouette", ks, [one.silhouette for one in tried], marks[:1]),
        _curve("Time of a fit", axis, "Seconds", ks, [one.seconds for one in tried], []),
    ]
    facts = [
        Fact(title="Segments of this run", value=mine),
        Fact(title="Bend of the inertia", value=bend),
        Fact(title="Best silhouette at", value=best.k),
        Fact(title="Silhouette there", value=short(best.silhouette)),
    ]
    note = (
        f"The run's own pipeline, fitted again to {len(train.rows):,} training rows for each number; "
        f"silhouettes are of {len(scored.rows):,} test rows. Distances are measured in standardised inputs, "
        "the same for every number, whatever scale the recipe finds for each."
    )
    return Found(panels=panels, facts=facts, sample=subject.told(len(train.rows), "train"), note=note)


def stability(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """How much fits to different halves of the training rows agree about the same held-out rows."""
    train = subject.sample(FIT_ROWS, "train")
    scored = subject.sample(SCORED_ROWS * 2, "test")
    ks = _numbers(subject, len(train.rows) // 2, int(chosen["most"]))
    rng = subject.rng()
    halves = [np.sort(rng.permutation(len(train.rows))[: len(train.rows) // 2]) for _ in range(HALVES)]
    agreed = []
    for k in ks:
        told = []
        for half in halves:
            subject.progress.check()
            rows = train.dataset.take(half)
            model = subject.trainer.refit(subject.model, rows, {PARAMETER: k}, subject.threads)
            told.append(model.answers(scored.dataset.frame))
        agreed.append([adjusted_rand_score(one, other) for one, other in combinations(told, 2)])
        subject.progress.line(f"{k} segments", k=k, stability=float(np.mean(agreed[-1])))
    low, middle, high = (np.array([reduce(one) for one in agreed]) for reduce in (np.min, np.mean, np.max))
    mine = len(np.unique(subject.answers("train")))
    panel = Panel(
        title="Agreement of fits to different halves",
        x=Axis(title="Number of segments"),
        y=Axis(title="Adjusted Rand index", high=1),
        series=[
            Lines(
                name="mean, least and most", x=cells(ks), y=cells(middle), low=cells(low), high=cells(high)
            ),
            Lines(name="chance", x=cells([ks[0], ks[-1]]), y=[0.0, 0.0], reference=True),
        ],
        marks=[Mark(text="this run", x=mine)],
        wide=True,
    )
    best = int(np.argmax(middle))
    facts = [
        Fact(title="Segments of this run", value=mine),
        Fact(title="Most stable at", value=int(ks[best])),
        Fact(title="Agreement there", value=short(float(middle[best]))),
    ]
    if mine in ks:
        facts.append(Fact(title="Agreement of this run's", value=short(float(middle[list(ks).index(mine)]))))
    note = (
        f"The run's own pipeline, fitted again to {HALVES} random halves of {len(train.rows):,} training "
        f"rows for each number; agreement is about {len(scored.rows):,} test rows."
    )
    return Found(panels=[panel], facts=facts, sample=subject.told(len(train.rows), "train"), note=note)


def _numbers(subject: Subject, rows: int, most: int) -> list[int]:
    if PARAMETER not in subject.trainer.parameters:
        raise Unanswerable(f"the recipe {subject.model.recipe!r} has no parameter {PARAMETER!r} to vary")
    if rows < LEAST_PER_SEGMENT * LEAST_K:
        raise Unanswerable(f"{rows} training rows are too few for {LEAST_K} segments")
    return list(range(LEAST_K, min(most, rows // LEAST_PER_SEGMENT) + 1))


def inertia(points: Floats, segments: Floats) -> float:
    """Sum of squared distances to the middle of the own segment."""
    return sum(
        float(np.sum((points[segments == one] - points[segments == one].mean(axis=0)) ** 2))
        for one in np.unique(segments)
    )


def knee(x: Floats, y: Floats) -> int:
    """The place where a falling curve bends most: furthest below its chord (Satopaa et al., 2011)."""
    if len(x) < 3 or np.ptp(y) == 0:
        return 0
    across, up = (x - x[0]) / np.ptp(x), (y - y.min()) / np.ptp(y)
    chord = up[0] + (up[-1] - up[0]) * across
    return int(np.argmax(chord - up))


def _curve(title: str, axis: Axis, unit: str, ks: Any, values: list[float], marks: list[Mark]) -> Panel:
    line = Lines(name=title, x=cells(ks), y=cells(values))
    return Panel(title=title, x=axis, y=Axis(title=unit), series=[line], marks=marks)
