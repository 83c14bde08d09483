"""How many segments there are: the number that two halves of the rows agree on.

points -> for every k: two halves -> two clusterings -> do they agree on the validation rows? -> stability
       -> the most stable k; the declared one where it is about as stable
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from batch.progress import Progress
from batch.trainers.space import RESTARTS, adapted
from core.batch import Stage

Points = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

HALVES = 3
"""How many times the rows are cut in two."""

MOST_POINTS = 5_000
"""Rows that a search looks at; a seeded sample of more."""

SAMPLE = 2_000
"""Rows over which silhouettes are taken, whose cost grows with the square of it."""

ABOUT = 0.05
"""The declared number of segments wins where it is less stable than the best by no more than this."""

TIE = 0.02
"""Among numbers whose stability differs by less, the silhouette decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a number of segments comes to."""

    k: int
    stability: float
    """Mean adjusted Rand index, on validation rows, of clusterings of two halves of the training rows."""
    deviation: float
    """Standard deviation of it over the halvings."""
    silhouette: float
    calinski_harabasz: float
    davies_bouldin: float
    inertia: float


def search(
    train: Points, validation: Points, ks: Sequence[int], seed: int, progress: Progress
) -> list[Tried]:
    """Every k with its figures, in order; a line of the log for each.

    train, validation: (n, inputs), standardised. Numbers that half of the training rows can't hold are left
    out. Source: T. Lange et al., Neural Computation 16, 2004.
    """
    rng = np.random.default_rng(seed)
    train, validation = some(train, MOST_POINTS, rng), some(validation, MOST_POINTS, rng)
    if not len(validation):
        validation = train
    possible, tried = [k for k in ks if k * 2 <= len(train) // 2], []
    for n, k in enumerate(possible):
        progress.check()
        one = attempt(train, validation, k, seed)
        tried.append(one)
        progress.line(
            f"k {k}: stability {one.stability:.3f}, silhouette {one.silhouette:.3f}",
            k=k,
            silhouette=one.silhouette,
            calinski_harabasz=one.calinski_harabasz,
            davies_bouldin=one.davies_bouldin,
            stability=one.stability,
            best=best(tried, 0),
        )
        progress.stage(Stage.SEARCHING, 30 + 30 * (n + 1) / len(possible))
    return tried


def best(tried: Sequence[Tried], declared: int) -> int:
    """The number of segments to take."""
    most = max(one.stability for one in tried)
    if any(one.k == declared and one.stability >= most - ABOUT for one in tried):
        return declared
    near = [one for one in tried if one.stability >= most - TIE]
    return max(near, key=lambda one: one.silhouette).k


def attempt(train: Points, validation: Points, k: int, seed: int) -> Tried:
    """One number of segments."""
    from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score, davies_bouldin_score

    rng = np.random.default_rng((seed, k))
    agreed = []
    for _ in range(HALVES):
        order = rng.permutation(len(train))
        halves = np.array_split(order, 2)
        agreed.append(adjusted_rand_score(*(_told(train[half], validation, k, seed) for half in halves)))
    axes, centres = adapted(train, k, seed, RESTARTS)
    points = axes.transform(train)
    labels, inertia = nearest(points, centres)
    several = len(np.unique(labels)) > 1
    return Tried(
        k=k,
        stability=float(np.mean(agreed)),
        deviation=float(np.std(agreed)),
        silhouette=silhouette(points, labels, seed) or 0.0,
        calinski_harabasz=float(calinski_harabasz_score(points, labels)) if several else 0.0,
        davies_bouldin=float(davies_bouldin_score(points, labels)) if several else 0.0,
        inertia=inertia,
    )


def _told(train: Points, rows: Points, k: int, seed: int) -> Labels:
    axes, centres = adapted(train, k, seed, RESTARTS)
    return nearest(axes.transform(rows), centres)[0]


def nearest(points: Points, centres: Points) -> tuple[Labels, float]:
    """(n,): the centre next to every point; and the sum of the squared distances."""
    squares = np.square(points[:, None, :] - centres[None, :, :]).sum(axis=2)
    return squares.argmin(axis=1), float(squares.min(axis=1).sum())


def silhouette(points: Points, labels: Labels, seed: int) -> float | None:
    """Mean silhouette over at most SAMPLE rows; None where fewer than two segments are in it."""
    from sklearn.metrics import silhouette_score

    rng = np.random.default_rng(seed)
    chosen = np.arange(len(points))
    if len(chosen) > SAMPLE:
        chosen = rng.choice(chosen, SAMPLE, replace=False)
    if not 2 <= len(np.unique(labels[chosen])) < len(chosen):
        return None
    return float(silhouette_score(points[chosen], labels[chosen]))


def some(points: Points, most: int, rng: np.random.Generator) -> Points:
    """At most so many rows, in their order."""
    if len(points) <= most:
        return points
    return points[np.sort(rng.choice(len(points), most, replace=False))]
