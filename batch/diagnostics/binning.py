"""Where to cut a number so that every bin holds as many rows.

a number -> quantiles -> edges -> rows, and what is to be told, per bin
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from batch.diagnostics.arrays import cells
from batch.diagnostics.cells import rounded
from batch.diagnostics.features import edges as histogram_edges
from batch.diagnostics.groups import Groups, groups
from batch.diagnostics.importances import leading
from batch.diagnostics.subject import Drawn, Floats, Found, Indices, Subject, Unanswerable
from core.declaration import Classification, Clustering, Regression
from core.diagnostics.shapes import Axis, Bars, Fact, Lines, Mark, Panel, Series

MOST = 20_000


class Bins(NamedTuple):
    """A number cut at quantiles."""

    edges: Floats
    """(bins - 1,) inner edges; a value equal to one lies above it."""
    codes: Indices
    """(n,)."""
    names: tuple[str, ...]
    """As intervals."""


def balanced(values: Floats, bins: int) -> Bins:
    """Cuts finite values into about equally full bins; fewer where one value fills several."""
    inner = np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1])
    inner = np.unique(inner[inner > values.min()])
    bounds = [values.min(), *inner, values.max()]
    said = [f"{bound:,.4g}" for bound in bounds]
    names = tuple(f"{low} to {high}" for low, high in pairwise(said))
    return Bins(inner, np.searchsorted(inner, values, side="right").astype(np.int64), names)


def balanced_binning(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """The edges of equally full bins of the target or of an input, and the target in each."""
    drawn = subject.sample(MOST, "train")
    title, unit, values = _number(subject, drawn, str(chosen["input"]))
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < 2 or np.ptp(values[known]) == 0:
        raise Unanswerable(f"{title} has no two different values in {len(values)} rows: nothing to cut")
    kept, wanted = values[known], int(chosen["bins"])
    bins = balanced(kept, wanted)
    panels = [_cut(title, unit, kept, bins), _inside(subject, drawn, known, title, unit, bins)]
    said = [f"{len(bins.names)} bins instead of {wanted}: many rows share one value."]
    said = said if len(bins.names) < wanted else []
    if len(known) < len(values):
        said.append(f"{len(values) - len(known):,} rows without a value are left out.")
    facts = [Fact(title=f"Edge {n + 1}", value=rounded(edge), unit=unit) for n, edge in enumerate(bins.edges)]
    return Found(panels=panels, facts=facts, sample=drawn.sample, note=" ".join(said))


def _number(subject: Subject, drawn: Drawn, wanted: str) -> tuple[str, str, Floats]:
    """Title, unit and (n,) values of what is cut: the target where it is a number, else an input."""
    task = subject.application.task
    if not wanted and isinstance(task, Regression):
        return task.label, task.unit, subject.truth("train")[drawn.rows]
    among = leading(subject, "number")
    if not among:
        raise Unanswerable("the model has no numeric input: nothing to cut")
    one = subject.input(wanted, "number") if wanted else among[0]
    values = drawn.dataset.frame[one.name].to_numpy(np.float64)
    return one.name, one.unit, np.expm1(values) if one.log else values


def _cut(title: str, unit: str, values: Floats, bins: Bins) -> Panel:
    low, high = np.quantile(values, (0.005, 0.995))
    at = histogram_edges(np.clip(values, low, high), 50)
    counted, _ = np.histogram(np.clip(values, at[0], at[-1]), at)
    outline = Lines(name="rows", x=cells(at), y=cells(np.append(counted, counted[-1])), step=True)
    return Panel(
        title=f"Where {title} is cut",
        x=Axis(title=title, unit=unit),
        y=Axis(title="Rows", low=0),
        series=[outline],
        marks=[Mark(text=f"{edge:,.4g}", x=rounded(edge)) for edge in bins.edges],
        wide=True,
    )


def _inside(subject: Subject, drawn: Drawn, known: Indices, title: str, unit: str, bins: Bins) -> Panel:
    """What is to be told, per bin: share of the positive class, mean of the number, share of each segment."""
    task = subject.application.task
    size = len(bins.names)
    rows = np.bincount(bins.codes, minlength=size)
    match task:
        case Classification(label=label):
            y, series = Axis(title=f"Share of {label}", low=0, share=True), _mean(subject, drawn, known, bins)
        case Regression(label=label, unit=task_unit):
            y, series = Axis(title=f"Mean {label}", unit=task_unit), _mean(subject, drawn, known, bins)
        case Clustering():
            made = groups(subject, None, drawn.answers).take(known)
            y, series = Axis(title="Share of the bin", low=0, high=1, share=True), _parts(made, bins, rows)
    x = Axis(title=title, unit=unit, scale="category", categories=list(bins.names))
    note = f"{rows.min():,} to {rows.max():,} rows in a bin."
    return Panel(title="What each bin holds", x=x, y=y, series=series, note=note)


def _mean(subject: Subject, drawn: Drawn, known: Indices, bins: Bins) -> list[Series]:
    truth = subject.truth("train")[drawn.rows][known]
    rows = np.bincount(bins.codes, minlength=len(bins.names))
    mean = np.bincount(bins.codes, truth, minlength=len(bins.names)) / np.maximum(rows, 1)
    return [Bars(name=subject.application.label or "", values=cells(mean))]


def _parts(made: Groups, bins: Bins, rows: Indices) -> list[Series]:
    series: list[Series] = []
    for name, mask in made.members():
        inside = np.bincount(bins.codes[mask], minlength=len(bins.names))
        series.append(Bars(name=name, values=cells(inside / np.maximum(rows, 1)), stack="segments"))
    return series
