"""Many inputs in two dimensions, coloured by group.

numeric inputs -> scaled -> PCA, t-SNE, UMAP, RadViz, parallel axes -> clouds of points
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from batch.diagnostics.arrays import cells
from batch.diagnostics.cells import axis, named, rounded
from batch.diagnostics.groups import Groups, pictured
from batch.diagnostics.maps import embed
from batch.diagnostics.matrix import Matrix, matrix, scale, stretch
from batch.diagnostics.subject import Computation, Floats, Found, Subject
from core.diagnostics.shapes import Axis, Bars, Fact, Lines, Mark, Panel, Parallel, Points, Series

MOST = 1_500
"""Points of a cloud."""

MOST_LINES = 300
"""Rows over parallel axes: with more, no line can be followed."""

MOST_AXES = 10
"""Parallel axes, and anchors around a circle."""


class Components(NamedTuple):
    """Principal components of scaled columns."""

    points: Floats
    """(n, 2) rows on the first two."""
    weights: Floats
    """(2, inputs)."""
    shares: Floats
    """(components,) of the variance that each explains, falling."""


def components(values: Floats) -> Components:
    """The principal components of (n, m), each column scaled to mean 0 and standard deviation 1.

    Their signs are arbitrary; here the largest weight of each is positive.
    """
    scaled = scale(values)
    left, sizes, weights = np.linalg.svd(scaled, full_matrices=False)
    signs = np.sign(weights[np.arange(len(weights)), np.abs(weights).argmax(axis=1)])
    points, weights = (left * sizes * signs)[:, :2], weights * signs[:, None]
    return Components(points, weights[:2], sizes**2 / (sizes**2).sum())


def radial(values: Floats) -> tuple[Floats, Floats]:
    """(n, m) -> (n, 2) points within a circle, pulled to each anchor by their column's value; (m, 2) anchors.

    Hoffman and others 1997, "DNA visual and analytic data mining". Columns are stretched to 0..1.
    """
    stretched = stretch(values)
    angles = 2 * np.pi * np.arange(values.shape[1]) / values.shape[1]
    anchors = np.column_stack([np.cos(angles), np.sin(angles)])
    total = stretched.sum(axis=1, keepdims=True)
    points: Floats = stretched @ anchors / np.where(total > 0, total, 1.0)
    return points, anchors


def separation(values: Floats, groups: Groups) -> Floats:
    """(m,): F of a one-way analysis of variance per column: how far apart the groups' means lie."""
    from sklearn.feature_selection import f_classif

    if len(np.unique(groups.codes)) < 2:
        return np.zeros(values.shape[1])
    found, _ = f_classif(values, groups.codes)
    return np.asarray(found, dtype=np.float64)


def telling(columns: Matrix, groups: Groups, most: int = MOST_AXES) -> Matrix:
    """The columns that tell the groups apart best, in the inputs' order."""
    found = np.nan_to_num(separation(columns.values, groups), posinf=np.finfo(np.float64).max)
    kept = np.sort(np.argsort(-found, kind="stable")[:most])
    return columns._replace(inputs=tuple(columns.inputs[n] for n in kept), values=columns.values[:, kept])


def clouds(points: Floats, groups: Groups) -> list[Series]:
    """A cloud of points per group."""
    return [
        Points(name=name, x=cells(points[mask, 0]), y=cells(points[mask, 1]))
        for name, mask in groups.members()
    ]


def pca_projection(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """Rows on the first two principal components, and what those are made of."""
    drawn, groups = pictured(subject, MOST)
    columns = matrix(drawn.dataset.frame, subject.inputs("number", "flag"))
    found = components(columns.values)
    panel = Panel(
        title=f"Rows on the first two components, {groups.title}",
        x=Axis(title=f"Component 1 ({found.shares[0]:.0%} of the variance)"),
        y=Axis(title=f"Component 2 ({found.shares[1]:.0%})"),
        series=clouds(found.points, groups),
        wide=True,
    )
    facts = [Fact(title="Variance in these two", value=rounded(100 * found.shares[:2].sum()), unit="%")]
    return Found(
        panels=[panel, _weights(columns, found)], facts=facts, sample=drawn.sample, note=_numbers(columns)
    )


def _weights(columns: Matrix, found: Components) -> Panel:
    names = [named(one) for one in columns.inputs]
    return Panel(
        title="What the components are made of",
        x=Axis(title="Weight"),
        y=Axis(title="Input", scale="category", categories=names),
        series=[
            Bars(name=f"Component {n + 1}", values=cells(weights)) for n, weights in enumerate(found.weights)
        ],
    )


def pca_variance(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """How many components the variance of the inputs needs."""
    drawn = subject.sample(10 * MOST)
    columns = matrix(drawn.dataset.frame, subject.inputs("number", "flag"))
    shares = components(columns.values).shares
    together = np.cumsum(shares)
    target = float(chosen["target"])
    needed = int(np.searchsorted(together, target - 1e-9)) + 1
    places = [str(n + 1) for n in range(len(shares))]
    panel = Panel(
        title="Variance explained by the principal components",
        x=Axis(title="Component", scale="category", categories=places),
        y=Axis(title="Share of the variance", low=0, high=1, share=True),
        series=[
            Bars(name="each", values=cells(shares)),
            Lines(name="together", x=list(places), y=cells(together)),
        ],
        marks=[Mark(text=f"{target:.0%}", y=target)],
        wide=True,
    )
    facts = [
        Fact(title=f"Components for {target:.0%}", value=needed),
        Fact(title="Numeric inputs", value=len(columns.inputs)),
    ]
    return Found(panels=[panel], facts=facts, sample=drawn.sample, note=_numbers(columns))


def manifold(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """Rows in two dimensions such that neighbours stay neighbours."""
    method = str(chosen["method"])
    drawn, groups = pictured(subject, int(chosen["rows"]))
    columns = matrix(drawn.dataset.frame, subject.inputs("number", "flag"))
    subject.progress.line(f"{method} of {len(columns.values):,} rows", rows=len(columns.values))
    points = embed(scale(columns.values), method, int(chosen["neighbours"]), subject.seed)
    panel = Panel(
        title=f"{method} of the numeric inputs, {groups.title}",
        x=Axis(title=f"{method} 1"),
        y=Axis(title=f"{method} 2"),
        series=clouds(points, groups),
        wide=True,
        square=True,
    )
    return Found(panels=[panel], facts=[], sample=drawn.sample, note=_numbers(columns))


def parallel_coordinates(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """One line per row over the inputs that tell the groups apart best."""
    drawn, groups = pictured(subject, MOST_LINES)
    columns = matrix(drawn.dataset.frame, subject.inputs("number", "flag"))
    kept = telling(columns, groups)
    axes = [
        axis(one, low=rounded(column.min()), high=rounded(column.max()))
        for one, column in zip(kept.inputs, kept.values.T, strict=True)
    ]
    series: list[Series] = [
        Parallel(name=name, rows=[cells(row) for row in kept.values[mask]]) for name, mask in groups.members()
    ]
    panel = Panel(
        title=f"Rows over {len(axes)} inputs, {groups.title}",
        x=Axis(title="Input"),
        y=Axis(title="Value, from the smallest to the largest"),
        series=series,
        axes=axes,
        wide=True,
    )
    return Found(panels=[panel], facts=[], sample=drawn.sample, note=_some(columns, kept))


def radviz(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """Rows within a circle of inputs, each pulling by its value."""
    drawn, groups = pictured(subject, MOST)
    columns = matrix(drawn.dataset.frame, subject.inputs("number", "flag"), least=3)
    kept = telling(columns, groups)
    points, anchors = radial(kept.values)
    turn = np.linspace(0, 2 * np.pi, 73)
    names = [named(one) for one in kept.inputs]
    series: list[Series] = [
        Lines(name="circle", x=cells(np.cos(turn)), y=cells(np.sin(turn)), reference=True),
        *clouds(points, groups),
        Points(name="inputs", x=cells(anchors[:, 0]), y=cells(anchors[:, 1]), text=names),
    ]
    around = Axis(title="", low=-1.15, high=1.15)
    panel = Panel(
        title=f"RadViz of {len(names)} inputs, {groups.title}",
        x=around,
        y=around,
        series=series,
        note=f"Anchors, from the right against the clock: {', '.join(names)}.",
        wide=True,
        square=True,
    )
    return Found(panels=[panel], facts=[], sample=drawn.sample, note=_some(columns, kept))


def _numbers(columns: Matrix) -> str:
    return f"Numbers and flags only, scaled to the same spread. {columns.note}".strip()


def _some(columns: Matrix, kept: Matrix) -> str:
    left = len(columns.inputs) - len(kept.inputs)
    said = f"The {len(kept.inputs)} inputs with the largest F between the groups." if left else ""
    return f"{said} {columns.note}".strip()


COMPUTATIONS: dict[str, Computation] = {
    "pca_projection": pca_projection,
    "pca_variance": pca_variance,
    "manifold": manifold,
    "parallel_coordinates": parallel_coordinates,
    "radviz": radviz,
}
