"""How far two samples of one input lie apart: pure functions of arrays.

reference, newest (n,), (m,) -> shares over the same bins -> PSI, Jensen-Shannon
                             -> distribution functions -> Kolmogorov-Smirnov, Wasserstein
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Objects = npt.NDArray[np.object_]

TENTHS = 10

FALSE_ALARMS = 0.01
"""How often a report on equal distributions may name any input."""


class Bins(NamedTuple):
    """The rows of both sides in each bin; the last bin holds nulls."""

    labels: list[str]
    reference: Floats
    newest: Floats


class Edges(NamedTuple):
    """Where the bins of a number part: len(labels) - 1 inner edges, ascending."""

    at: Floats
    labels: list[str]


def edges_of(reference: Floats) -> Edges:
    """The tenths of the reference, or its values where it has only a few; NaN is null."""
    known = reference[~np.isnan(reference)]
    values = np.unique(known)
    if len(values) <= TENTHS:
        return Edges((values[1:] + values[:-1]) / 2, [f"{value:.4g}" for value in values] or ["any"])
    edges = np.unique(np.quantile(known, np.linspace(0, 1, TENTHS + 1)[1:-1]))
    bounds = [f"{edge:.4g}" for edge in edges]
    middle = [f"{low} to {high}" for low, high in pairwise(bounds)]
    return Edges(edges, [f"below {bounds[0]}", *middle, f"from {bounds[-1]}"])


def binned_numbers(reference: Floats, newest: Floats) -> Bins:
    """Over the tenths of the reference, and over its values where it has only a few; NaN is null."""
    edges = edges_of(reference)
    return Bins([*edges.labels, "null"], *(counted(side, edges) for side in (reference, newest)))


def counted(side: Floats, edges: Edges) -> Floats:
    """The rows in each bin, and last those without a value."""
    known = side[~np.isnan(side)]
    inside = np.bincount(np.searchsorted(edges.at, known, side="right"), minlength=len(edges.labels))
    return np.append(inside, len(side) - len(known)).astype(np.float64)


def binned_values(reference: Objects, newest: Objects, missing: str) -> Bins:
    """Over the values of both; `missing` is null."""
    named, codes = np.unique(np.concatenate([reference, newest]).astype(str), return_inverse=True)
    sides = (np.bincount(part, minlength=len(named)) for part in np.split(codes, [len(reference)]))
    counts = dict(zip(named.tolist(), zip(*sides, strict=True), strict=True))
    nulls = counts.pop(missing, (0, 0))
    columns = np.array([*counts.values(), nulls], dtype=np.float64)
    return Bins([*counts, "null"], columns[:, 0], columns[:, 1])


def psi(bins: Bins) -> float:
    """Population stability index: sum of (q - p) ln(q / p). Half a row is in every bin that is empty."""
    p, q = _shares(bins.reference, bins), _shares(bins.newest, bins)
    return float(np.sum((q - p) * np.log(q / p)))


def _shares(side: Floats, bins: Bins) -> Floats:
    filled = np.where((bins.reference + bins.newest > 0) & (side == 0), 0.5, side)
    kept = filled[bins.reference + bins.newest > 0]
    return np.asarray(kept / kept.sum())


def psi_by_chance(bins: Bins, inputs: int, sizes: tuple[int, int] | None = None) -> float:
    """What PSI stays below without drift: PSI nm/(n+m) is then chi-square with bins - 1 degrees of freedom.

    `FALSE_ALARMS` is shared among the inputs (Bonferroni); the quantile is Wilson's and Hilferty's (1931).
    sizes: independent rows of either side, where they are fewer than all.
    """
    freedom = max(1, int(np.sum(bins.reference + bins.newest > 0)) - 1)
    z = NormalDist().inv_cdf(1 - FALSE_ALARMS / max(1, inputs))
    quantile = freedom * (1 - 2 / (9 * freedom) + z * (2 / (9 * freedom)) ** 0.5) ** 3
    old, new = sizes or (float(bins.reference.sum()), float(bins.newest.sum()))
    return float(quantile * (1 / old + 1 / new))


def jensen_shannon(bins: Bins) -> float:
    """The distance of J. Lin (1991) with base 2: 0 for equal shares, 1 where no bin is common."""
    p, q = bins.reference / bins.reference.sum(), bins.newest / bins.newest.sum()
    middle = (p + q) / 2
    divergence = (_entropy(middle) - (_entropy(p) + _entropy(q)) / 2).item()
    return float(max(0.0, divergence) ** 0.5)


def _entropy(shares: Floats) -> np.float64:
    known = shares[shares > 0]
    return np.float64(-np.sum(known * np.log2(known)))


def kolmogorov_smirnov(reference: Floats, newest: Floats) -> float | None:
    """The largest distance of the distribution functions of the known values; None where there are none."""
    found = _functions(reference, newest)
    return None if found is None else float(np.max(np.abs(found.reference - found.newest)))


def wasserstein(reference: Floats, newest: Floats, deviation: float | None = None) -> float | None:
    """The area between the distribution functions, in standard deviations of the reference.

    None where a side has no values, or the reference only one. deviation: where it is known otherwise.
    """
    found = _functions(reference, newest)
    if deviation is None:
        deviation = 0.0 if found is None else float(np.nanstd(reference))
    if found is None or not deviation:
        return None
    gaps = np.abs(found.reference - found.newest)[:-1]
    return float(np.sum(gaps * np.diff(found.at))) / deviation


class _Functions(NamedTuple):
    at: Floats
    reference: Floats
    newest: Floats


def _functions(reference: Floats, newest: Floats) -> _Functions | None:
    sides = [np.sort(side[~np.isnan(side)]) for side in (reference, newest)]
    if not all(map(len, sides)):
        return None
    at = np.concatenate(sides)
    at.sort()
    return _Functions(at, *(np.searchsorted(side, at, side="right") / len(side) for side in sides))


def outside(reference: Floats, newest: Floats) -> float | None:
    """The share of the known newest values beyond the range of the reference's."""
    old, new = (side[~np.isnan(side)] for side in (reference, newest))
    if not len(old) or not len(new):
        return None
    return float(np.mean((new < old.min()) | (new > old.max())))


def unseen(bins: Bins, most: int = 10) -> dict[str, float]:
    """The commonest values that only the newest rows have, with their share."""
    pairs: Iterable[tuple[str, float, float]] = zip(bins.labels, bins.reference, bins.newest, strict=True)
    total = bins.newest.sum()
    found = {name: float(new / total) for name, old, new in pairs if not old and new and name != "null"}
    return dict(sorted(found.items(), key=lambda item: -item[1])[:most])
