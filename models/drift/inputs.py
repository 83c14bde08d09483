"""One input on both sides: distances, what chance could do, a verdict; and the older side made small.

older values -> reference -> InputReference (JSON, about 3 kB) -> against newer values -> Found

An InputReference holds the counts of all older rows over the very bins that a report uses, so PSI and
Jensen-Shannon come out the same from it as from the rows. Distribution functions are those of POINTS
quantiles: Kolmogorov-Smirnov and Wasserstein are right to about 1 / POINTS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.drift import MODERATE, STRONG, InputDrift, InputReference, Side, Verdict
from models.drift import distances
from models.drift.distances import Bins, Edges, Floats, Objects
from models.registered.inputs import MISSING

POINTS = 200
"""Quantiles of a number that stand for all of its values."""

MOST_VALUES = 1_000
"""Values of a category that a reference names; the rarer ones count together as one."""

OTHERS = "(others)"


Sizes = tuple[int, int] | None
"""Independent rows of the older and the newer side, where they are fewer than all."""


@dataclass(frozen=True, slots=True)
class Found:
    """An input's drift, and the bins that it was computed from."""

    drift: InputDrift
    bins: Bins


def of_category(name: str, kind: str, old: Objects, new: Objects, inputs: int, sizes: Sizes = None) -> Found:
    """Texts of both sides, (n,), (m,); null is `MISSING`. inputs: of the whole report."""
    bins = distances.binned_values(old, new, MISSING)
    sides = (Side(nulls=float(side[-1] / side.sum())) for side in (bins.reference, bins.newest))
    return _judged(name, kind, bins, (inputs, sizes), *sides, unseen=distances.unseen(bins))


def of_number(name: str, kind: str, old: Floats, new: Floats, inputs: int, sizes: Sizes = None) -> Found:
    """Numbers of both sides in the input's own unit, (n,), (m,); NaN is null."""
    return _judged(
        name,
        kind,
        distances.binned_numbers(old, new),
        (inputs, sizes),
        side(old),
        side(new),
        ks=distances.kolmogorov_smirnov(old, new),
        wasserstein=distances.wasserstein(old, new),
        outside=distances.outside(old, new),
    )


def verdict(psi: float, by_chance: float) -> Verdict:
    """By the customary bounds; what chance could do on samples of this size is no drift."""
    if psi <= max(MODERATE, by_chance):
        return Verdict.STABLE
    return Verdict.STRONG if psi > STRONG else Verdict.MODERATE


def side(values: Floats) -> Side:
    """What an input is like on one side."""
    known = values[~np.isnan(values)]
    nulls = 1 - len(known) / len(values)
    if not len(known):
        return Side(nulls=nulls)
    low, median, high = np.quantile(known, [0, 0.5, 1]).tolist()
    return Side(nulls=nulls, mean=float(known.mean()), median=median, low=low, high=high)


def category_reference(name: str, values: Objects) -> InputReference:
    """The older side of a category."""
    bins = distances.binned_values(values, values[:0], MISSING)
    pairs = sorted(zip(bins.labels[:-1], bins.reference[:-1].tolist(), strict=True), key=lambda one: -one[1])
    kept, rest = pairs[:MOST_VALUES], sum(count for _, count in pairs[MOST_VALUES:])
    kept += [(OTHERS, rest)] if rest else []
    nulls = float(bins.reference[-1])
    return InputReference(
        name=name,
        kind="category",
        labels=[label for label, _ in kept],
        counts=[*(count for _, count in kept), nulls],
        side=Side(nulls=nulls / len(values)),
    )


def number_reference(name: str, kind: str, values: Floats) -> InputReference:
    """The older side of a number or a flag, in its own unit."""
    edges = distances.edges_of(values)
    known = values[~np.isnan(values)]
    places = (np.arange(POINTS) + 0.5) / POINTS
    return InputReference(
        name=name,
        kind=kind,
        labels=edges.labels,
        edges=edges.at.tolist(),
        counts=distances.counted(values, edges).tolist(),
        points=np.quantile(known, places).tolist() if len(known) else [],
        deviation=float(np.std(known)) if len(known) else None,
        side=side(values),
    )


def against(reference: InputReference, new: Any, inputs: int, sizes: Sizes = None) -> Found:
    """Newer values, (m,) and at least one, against a reference: texts of a category, else numbers."""
    if reference.kind == "category":
        return _category_against(reference, new, inputs, sizes)
    new = np.asarray(new, dtype=np.float64)
    edges = Edges(np.asarray(reference.edges, dtype=np.float64), reference.labels)
    older = np.asarray(reference.counts, dtype=np.float64)
    points = np.asarray(reference.points, dtype=np.float64)
    ends = [] if reference.side.low is None else [reference.side.low, reference.side.high]
    return _judged(
        reference.name,
        reference.kind,
        Bins([*edges.labels, "null"], older, distances.counted(new, edges)),
        (inputs, sizes),
        reference.side,
        side(new),
        ks=distances.kolmogorov_smirnov(points, new),
        wasserstein=distances.wasserstein(points, new, reference.deviation),
        outside=distances.outside(np.asarray(ends, dtype=np.float64), new),
    )


def _category_against(reference: InputReference, new: Any, inputs: int, sizes: Sizes) -> Found:
    texts = np.asarray(new, dtype=object).astype(str)
    known = {MISSING, *reference.labels}
    if OTHERS in known:
        texts = np.where(np.isin(texts, list(known)), texts, OTHERS)
    values, numbers = np.unique(texts, return_counts=True)
    newer = dict(zip(values.tolist(), numbers.tolist(), strict=True))
    nulls = newer.pop(MISSING, 0)
    labels = [*reference.labels, *(value for value in newer if value not in known)]
    older = [*reference.counts[:-1], *[0.0] * (len(labels) - len(reference.labels)), reference.counts[-1]]
    counts = [*(newer.get(label, 0) for label in labels), nulls]
    bins = Bins([*labels, "null"], np.asarray(older, np.float64), np.asarray(counts, np.float64))
    there = Side(nulls=nulls / len(texts))
    unseen = distances.unseen(bins)
    return _judged(reference.name, "category", bins, (inputs, sizes), reference.side, there, unseen=unseen)


def _judged(
    name: str, kind: str, bins: Bins, chances: tuple[int, Sizes], old: Side, new: Side, **more: Any
) -> Found:
    psi, by_chance = distances.psi(bins), distances.psi_by_chance(bins, *chances)
    drift = InputDrift(
        name=name,
        kind=kind,
        verdict=verdict(psi, by_chance),
        psi=psi,
        by_chance=by_chance,
        jensen_shannon=distances.jensen_shannon(bins),
        reference=old,
        newest=new,
        **more,
    )
    return Found(drift, bins)
