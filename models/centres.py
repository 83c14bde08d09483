"""Centres that follow a stream, in a metric that follows it, too.

    points -> lay -> centres;   point -> nearest -> move -> observe -> rescale -> the next point

A distance measures an input by its variance within the segments, which tells better what noise is than its
variance over all; before there are segments that of all stands in. `nearest` to `rescale` index into flat
rows and call none but `math`: they run over lists and compile over arrays, the same to the last bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.ecci_session import WEIGHTS
from models.kmeans import kmeans, matched, means, squares

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FIRST = 300
"""Sessions that have ended before the first centres are laid."""

RARELY = 10_000
"""Centres are laid anew when twice as many sessions have ended, and at least once in so many."""

SAMPLE = 1000
"""Of the customers, those that were here last, from whom centres are laid."""

WELL_KNOWN = 2
"""Sessions of a customer from whom centres are laid, as soon as there are `ENOUGH` such."""

ENOUGH = 100

LEAST_STEP = 0.002
"""Centres and variances never move by less than this share of the way: they follow slow change."""

SMALLEST_VARIANCE = 1e-12

LEAST_WITHIN = 0.02
"""Of an input's variance, at least this much counts as noise: no input may decide alone."""

NOWHERE = -1
"""The segment of a customer before there are centres."""

_SQUARED_WEIGHTS = tuple(weight * weight for weight in WEIGHTS)


def nearest(place: Any, centres: Any, scale: Any) -> int:
    """The number of the centre at the least weighted squared distance; the first of equals."""
    best, least = 0, -1.0
    for number in range(len(centres)):
        distance = 0.0
        for mine, its, weight in zip(place, centres[number], scale):  # noqa: B905 - compiled, too
            off = mine - its
            distance += off * off * weight
        if least < 0.0 or distance < least:
            best, least = number, distance
    return best


def join(mean: Any, weight: float, told: Any, more: float) -> None:
    """A running mean of this weight takes one more vector."""
    share = more / (weight + more)
    for n in range(len(mean)):
        mean[n] += (told[n] - mean[n]) * share


def move(place: Any, centre: Any, step: float, within: Any, slow: float) -> None:
    """A centre goes by `step` of the way to a place; how far that still is tells the noise."""
    for n in range(len(centre)):
        centre[n] += (place[n] - centre[n]) * step
        off = place[n] - centre[n]
        within[n] += (off * off - within[n]) * slow


def observe(place: Any, seen: int, usual: Any, spread: Any) -> None:
    """Running mean and sum of squares, of `seen` places with this one (Welford, Technometrics 4, 1962)."""
    for n in range(len(usual)):
        off = place[n] - usual[n]
        usual[n] += off / seen
        spread[n] += off * (place[n] - usual[n])


def rescale(seen: int, spread: Any, within: Any, laid: bool, scale: Any) -> None:
    """Squared weight over variance, per input; 0 for an input that never varied."""
    for n in range(len(scale)):
        variance = spread[n] / seen
        if variance <= SMALLEST_VARIANCE:
            scale[n] = 0.0
        elif laid:
            scale[n] = _SQUARED_WEIGHTS[n] / max(within[n], LEAST_WITHIN * variance)
        else:
            scale[n] = _SQUARED_WEIGHTS[n] / variance


class Laid(NamedTuple):
    """Centres laid from customers."""

    centres: Array
    """(k, d), in units of the inputs."""
    counts: Ints
    """(k,): customers from whom each was laid."""
    within: Array
    """(d,): variances of all customers about their centres."""
    segments: Ints
    """(n,): that of every customer."""


def lay(places: Array, sessions: Ints, scale: Array, before: Array | None, k: int, seed: int) -> Laid | None:
    """New centres; None when there are fewer customers than segments.

    places: (n, d), means of customers, the latest last; sessions: (n,); before: (k, d), the former centres,
    whose numbers the new ones take over, each that of the former centre that it stands for.
    """
    if len(places) < k:
        return None
    points, known = places[-SAMPLE:], sessions[-SAMPLE:] >= WELL_KNOWN
    if known.sum() >= max(ENOUGH, k):
        points = points[known]
    root = np.sqrt(scale)
    _, labels = kmeans(points * root, k, seed)
    flat = np.ascontiguousarray(points.T)
    otherwise = np.repeat(points.mean(axis=0)[None, :], k, axis=0) if before is None else before
    centres = means(flat, labels, otherwise)
    order = np.arange(k) if before is None else matched(centres * root, before * root)
    centres, counts = centres[order], np.bincount(labels, minlength=k)[order]
    segments = squares(np.ascontiguousarray((places * root).T), centres * root).argmin(axis=0)
    off = places - centres[segments]
    return Laid(centres, counts.astype(np.int64), (off * off).mean(axis=0), segments.astype(np.int64))


def later(seen: int) -> int:
    """How many sessions will have ended when centres are laid the next time."""
    return seen + min(seen, RARELY)
