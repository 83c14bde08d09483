"""Rows in slices: by the values of an input, or by the part of its range; and how well each slice is told."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from batch.diagnostics.arrays import number
from batch.diagnostics.scored import MOST_ROWS, naive_answers
from batch.diagnostics.subject import Drawn, Floats, Indices, Part, Subject
from core.declaration import Classification, Regression

if TYPE_CHECKING:
    from models.registered.inputs import Input

FEW_VALUES = 24
"""A number with at most so many values is cut by value."""

MOST_VALUES = 30
"""Values of a category that have slices of their own, by rows; the rest goes together."""

LEAST_ROWS = 30
"""Rows of a slice from which on it is compared with others."""

LEAST_PROBABILITY = 1e-6


class Slices(NamedTuple):
    """The slices of one input: every row is in one."""

    name: str
    titles: list[str]
    of: Indices
    """(n,): the slice of each row."""
    ordered: bool
    """Slices follow one another as the number grows."""


class Told(NamedTuple):
    """How each row was told: what happened, the answer, and the loss of model and of naive."""

    drawn: Drawn
    truth: Floats
    loss: Floats
    naive: Floats
    title: str
    """Of the loss."""
    unit: str


def told(subject: Subject, part: Part = "test") -> Told:
    """The rows of a part with their losses: log loss per row, or absolute error in the label's unit."""

    def compute() -> Told:
        drawn = subject.sample(MOST_ROWS, part)
        truth = subject.truth(part)[drawn.rows]
        naive = naive_answers(subject, drawn)
        match subject.application.task:
            case Classification():
                losses = [_log_loss(truth, answers) for answers in (drawn.answers, naive)]
                return Told(drawn, truth, losses[0], losses[1], "Log loss", "")
            case Regression(unit=unit):
                errors = [np.abs(truth - answers) for answers in (drawn.answers, naive)]
                return Told(drawn, truth, errors[0], errors[1], "Mean absolute error", unit)
        raise AssertionError("truth() has raised: the task has no label")

    found: Told = subject.once(("told", part), compute)
    return found


def _log_loss(truth: Floats, answers: Floats) -> Floats:
    p = np.clip(answers, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    return -(truth * np.log(p) + (1 - truth) * np.log1p(-p))


def slices(one: Input, column: pd.Series[Any], bins: int) -> Slices:
    """The slices of a column; a number is cut in `bins` parts of about as many rows unless it has few values.

    Null has a slice of its own.
    """
    if one.kind == "category":
        return _by_value(one.name, column.astype(str), one.values)
    values = column.to_numpy(dtype=np.float64)
    if one.kind == "flag":
        texts = np.where(np.isnan(values), "unknown", np.where(values > 0, "yes", "no"))
        return _by_value(one.name, pd.Series(texts, dtype=str), ("no", "yes"))
    return _by_number(one, values, bins)


def _by_value(name: str, texts: pd.Series[str], declared: tuple[str, ...]) -> Slices:
    counts = texts.value_counts()
    own = set(counts.index[:MOST_VALUES])
    titles = [value for value in declared if value in own]
    titles += sorted(own - set(titles))
    if len(counts) > len(own):
        titles.append(f"{len(counts) - len(own)} other values")
    places = {value: place for place, value in enumerate(titles)}
    of = texts.map(lambda value: places.get(value, len(titles) - 1)).to_numpy(dtype=np.int64)
    return Slices(name, titles, of, ordered=False)


def _by_number(one: Input, values: Floats, bins: int) -> Slices:
    known = values[np.isfinite(values)]
    distinct = np.unique(known)
    unit = f" {one.unit}" if one.unit else ""
    if len(distinct) <= FEW_VALUES:
        of = np.searchsorted(distinct, values)
        titles = [f"{number(value)}{unit}" for value in distinct.tolist()]
    else:
        edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)))
        of = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
        titles = [f"{number(low)} to {number(high)}{unit}" for low, high in pairwise(edges.tolist())]
    if len(known) < len(values):
        of = np.where(np.isfinite(values), of, len(titles))
        titles.append("unknown")
    return Slices(one.name, titles, of.astype(np.int64), ordered=True)


class Slice(NamedTuple):
    """One slice and how it is told; `worth` is how much smaller the loss is than that of naive."""

    title: str
    rows: int
    loss: float
    low: float
    high: float
    naive: float
    worth: float
    worth_low: float
    worth_high: float
    bias: float
    """Mean truth - mean answer."""


def measured_slices(one: Told, cut: Slices) -> Iterator[Slice]:
    """Every slice that has rows, with 95 % intervals by the normal approximation."""
    bias = one.truth - one.drawn.answers
    for place, title in enumerate(cut.titles):
        mine = cut.of == place
        rows = int(mine.sum())
        if not rows:
            continue
        loss, half = _mean(one.loss[mine])
        gap, gap_half = _mean(one.naive[mine] - one.loss[mine])
        naive = float(one.naive[mine].mean())
        scale = naive or float("nan")
        yield Slice(
            title,
            rows,
            loss,
            max(0.0, loss - half),
            loss + half,
            naive,
            gap / scale,
            (gap - gap_half) / scale,
            (gap + gap_half) / scale,
            float(bias[mine].mean()),
        )


def _mean(values: Floats) -> tuple[float, float]:
    """The mean and half of its 95 % interval."""
    half = 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return float(values.mean()), half


def all_slices(subject: Subject, one: Told, bins: int) -> list[tuple[str, Slice]]:
    """The slices of every input with enough rows to be compared: (input, slice)."""
    found = []
    for single in subject.inputs():
        subject.progress.check()
        cut = slices(single, one.drawn.dataset.frame[single.name], bins)
        found += [(single.name, each) for each in measured_slices(one, cut) if each.rows >= LEAST_ROWS]
    return found
