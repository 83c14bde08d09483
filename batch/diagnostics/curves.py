"""Scores of refitted pipelines over something that was varied, as panels and facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from batch.diagnostics.arrays import cells
from batch.diagnostics.cells import rounded
from batch.diagnostics.refits import Score, best, scores_of
from batch.diagnostics.subject import Floats, Subject
from core.diagnostics.shapes import Axis, Bars, Cell, Fact, Lines, Mark, Panel, Series


@dataclass(frozen=True, slots=True)
class Curve:
    """Scores over values: (values, 4), the two on validation rows and the two on the rows fitted to.

    With two columns only, they are those of validation. `low` and `high`: (values, 2) their range.
    """

    title: str
    values: Sequence[Any]
    scores: Floats
    log: bool = False
    low: Floats | None = field(default=None)
    high: Floats | None = field(default=None)
    free: Floats | None = field(default=None)
    """(2,): what costs nothing."""


def panels_of(subject: Subject, curve: Curve, marks: Sequence[Mark] = ()) -> list[Panel]:
    """One panel per score, with validation rows and, where known, the rows that it was fitted to."""
    return [_panel(score, n, curve, marks) for n, score in enumerate(scores_of(subject))]


def _panel(score: Score, n: int, curve: Curve, marks: Sequence[Mark]) -> Panel:
    texts = any(isinstance(value, str) for value in curve.values)
    places = [str(value) for value in curve.values]
    axis = Axis(title=curve.title, scale="log" if curve.log else "linear")
    x = Axis(title=curve.title, scale="category", categories=places) if texts else axis
    columns = {"validation": n, "rows fitted to": n + 2}
    series: list[Series] = []
    for name, column in columns.items():
        if column >= curve.scores.shape[1]:
            continue
        values = cells(curve.scores[:, column])
        low, high = _range(curve, n) if column == n else ([], [])
        if texts:
            series.append(Bars(name=name, values=values, low=low, high=high))
        else:
            series.append(Lines(name=name, x=list(curve.values), y=values, low=low, high=high))
    if curve.free is not None and not texts:
        ends = [min(curve.values), max(curve.values)]
        free = cells(curve.free[[n, n]])
        series.append(Lines(name="what costs nothing", x=list(ends), y=free, reference=True))
    y = Axis(title=score.title, unit=score.unit)
    return Panel(title=f"{score.title} over {curve.title}", x=x, y=y, series=series, marks=list(marks))


def _range(curve: Curve, n: int) -> tuple[list[Cell], list[Cell]]:
    if curve.low is None or curve.high is None:
        return [], []
    return cells(curve.low[:, n]), cells(curve.high[:, n])


def best_of(subject: Subject, curve: Curve) -> list[Fact]:
    """Where the leading score is best on validation rows, and how good it is there."""
    leading = scores_of(subject)[0]
    place = best(curve.scores[:, 0], leading)
    if place is None:
        return []
    value = curve.values[place]
    return [
        Fact(title=f"Best {curve.title}", value=value if isinstance(value, str) else rounded(value)),
        Fact(title=f"{leading.title} there", value=rounded(curve.scores[place, 0]), unit=leading.unit),
    ]


def said(fits: int, note: str, scores: Floats) -> str:
    """What a reader must know of any curve that needed fitting again."""
    lost = int((~np.isfinite(scores)).any(axis=1 if scores.shape[0] == fits else 0).sum())
    made = f"The run's pipeline, fitted again {fits} times. {note}"
    return f"{made} {lost} of them had too few rows or one class only." if lost else made
