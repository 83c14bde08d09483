"""k-means from scratch, seeded: k-means++ with restarts on few points, to start a streaming model from.

Own code rather than scikit-learn's: a live process would pay seconds and a hundred megabytes for one call.
Sums run over the inputs one after the other, so that they are the same on every machine.
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
    flat = np.ascontiguousarray(points.T)
    best: tuple[float, Array] | None = None
    for _ in range(RESTARTS):
        centres = _lloyd(flat, _spread_out(flat, k, rng))
        inertia = float(squares(flat, centres).min(axis=0).sum())
        if best is None or inertia < best[0]:
            best = inertia, centres
    assert best is not None  # noqa: S101
    centres = best[1]
    sizes = np.bincount(squares(flat, centres).argmin(axis=0), minlength=k)
    centres = centres[np.argsort(-sizes, kind="stable")]
    return centres, squares(flat, centres).argmin(axis=0)


def squares(flat: Array, centres: Array) -> Array:
    """Squared distances (k, n) of points, flat: (d, n), from centres (k, d)."""
    found = np.empty((len(centres), flat.shape[1]))
    for n, centre in enumerate(centres):
        off = flat - centre[:, None]
        off *= off
        off.sum(axis=0, out=found[n])
    return found


def _spread_out(flat: Array, k: int, rng: np.random.Generator) -> Array:
    """First centres: each the more probable the farther it lies from those before."""
    count = flat.shape[1]
    chosen = [flat[:, rng.integers(count)]]
    nearest = squares(flat, np.array(chosen))[0]
    for _ in range(k - 1):
        reach = np.cumsum(nearest)
        # When all points coincide with a centre, any will do.
        index = np.searchsorted(reach, rng.random() * reach[-1], side="right") if reach[-1] > 0 else 0
        chosen.append(flat[:, min(int(index), count - 1)])
        nearest = np.minimum(nearest, squares(flat, chosen[-1][None, :])[0])
    return np.array(chosen)


def _lloyd(flat: Array, centres: Array) -> Array:
    """Moves the centres to the means of their points until no point changes segment."""
    labels: Labels | None = None
    for _ in range(MOST_ROUNDS):
        nearest = squares(flat, centres).argmin(axis=0)
        if labels is not None and np.array_equal(nearest, labels):
            break
        labels = nearest
        centres = means(flat, labels, centres)
    return centres


def means(flat: Array, labels: Labels, otherwise: Array) -> Array:
    """Means (k, d) of the points of each label; that of `otherwise` (k, d) where a label has none."""
    k = len(otherwise)
    counts = np.bincount(labels, minlength=k)
    sums = np.array([np.bincount(labels, weights=inputs, minlength=k) for inputs in flat]).T
    return np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], otherwise)


def matched(centres: Array, before: Array) -> Labels:
    """For each former centre (k, d) the new one (k, d) that takes its number: one to one, least distance.

    The sum of the squared distances is the least of all assignments: Jonker and Volgenant (1987), by scipy.
    """
    from scipy.optimize import linear_sum_assignment

    taken: Labels = linear_sum_assignment(squares(np.ascontiguousarray(centres.T), before))[1]
    return taken
