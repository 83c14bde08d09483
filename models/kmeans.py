"""k-means from scratch, seeded: k-means++ with restarts on a small buffer, to start a streaming model from.

Own code rather than scikit-learn's: a live process would pay seconds and a hundred megabytes for one call.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]

RESTARTS = 10
MOST_ROUNDS = 100


def kmeans(points: Array, k: int, seed: int) -> tuple[Array, Labels]:
    """Centres (k, d) and labels (n,) of the best of ten runs, the largest segment first.

    points: (n, d). Source: Arthur and Vassilvitskii, "k-means++" (SODA 2007). Raises ValueError when there
    are fewer points than segments.
    """
    if len(points) < k:
        raise ValueError(f"{k} segments need at least as many points, there are {len(points)}")
    rng = np.random.default_rng(seed)
    best: tuple[float, Array] | None = None
    for _ in range(RESTARTS):
        centres = _lloyd(points, _spread_out(points, k, rng))
        inertia = float(_squares(points, centres).min(axis=1).sum())
        if best is None or inertia < best[0]:
            best = inertia, centres
    assert best is not None  # noqa: S101
    centres = best[1]
    sizes = np.bincount(_squares(points, centres).argmin(axis=1), minlength=k)
    centres = centres[np.argsort(-sizes, kind="stable")]
    return centres, _squares(points, centres).argmin(axis=1)


def _squares(points: Array, centres: Array) -> Array:
    """Squared distances (n, k), summed in a fixed order: a matrix product might add differently elsewhere."""
    squares: Array = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
    return squares


def _spread_out(points: Array, k: int, rng: np.random.Generator) -> Array:
    """First centres: each the more probable the farther it lies from those before."""
    chosen = [points[rng.integers(len(points))]]
    for _ in range(k - 1):
        nearest = _squares(points, np.array(chosen)).min(axis=1)
        reach = np.cumsum(nearest)
        # When all points coincide with a centre, any will do.
        index = np.searchsorted(reach, rng.random() * reach[-1], side="right") if reach[-1] > 0 else 0
        chosen.append(points[min(int(index), len(points) - 1)])
    return np.array(chosen)


def _lloyd(points: Array, centres: Array) -> Array:
    """Moves the centres to the means of their points until no point changes segment."""
    labels: Labels | None = None
    for _ in range(MOST_ROUNDS):
        nearest = _squares(points, centres).argmin(axis=1)
        if labels is not None and np.array_equal(nearest, labels):
            break
        labels = nearest
        centres = np.array(
            [
                points[labels == n].mean(axis=0) if (labels == n).any() else centres[n]
                for n in range(len(centres))
            ]
        )
    return centres
