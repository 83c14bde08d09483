"""Maps of many dimensions that keep neighbours together: t-SNE and UMAP.

rows -> (n, m) of one scale -> (n, 2)
"""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Literal

import numpy as np

from batch.diagnostics.subject import Floats, Unanswerable
from models.registered.threads import limited

METHODS = ("t-SNE", "UMAP")

ITERATIONS = 500
"""Of t-SNE, half of them with exaggeration at most; the library's 1,000 change little at 1,500 rows."""

FEWEST = 20


def embed(
    values: Floats,
    method: str,
    neighbours: int,
    seed: int,
    metric: Literal["euclidean", "cosine"] = "euclidean",
) -> Floats:
    """(n, m) -> (n, 2); the same seed gives the same map. Only nearness means anything, not the directions.

    neighbours: about how many rows count as near (t-SNE: the perplexity). Raises Unanswerable below 20 rows.
    """
    if len(values) < FEWEST:
        raise Unanswerable(f"{len(values)} rows are too few for a map: at least {FEWEST} are needed")
    near = min(neighbours, (len(values) - 1) // 3)
    made = _tsne(values, near, seed, metric) if method == "t-SNE" else _umap(values, near, seed, metric)
    return np.asarray(made, dtype=np.float64)


def _tsne(values: Floats, near: int, seed: int, metric: str) -> Floats:
    from sklearn.manifold import TSNE

    init = "pca" if values.shape[1] > 1 else "random"
    kind = TSNE(perplexity=near, init=init, max_iter=ITERATIONS, metric=metric, random_state=seed, n_jobs=1)
    with limited(1, len(values)):
        made: Floats = kind.fit_transform(values)
    return made


def _umap(values: Floats, near: int, seed: int, metric: str) -> Floats:
    with warnings.catch_warnings():
        # It says that a seed leaves it one thread, and that equal rows have no direction: both are known.
        warnings.simplefilter("ignore")
        import umap

        _keep_compiled(umap.umap_, umap.layouts, umap.utils, umap.distances)
        kind = umap.UMAP(n_neighbors=max(2, near), metric=metric, random_state=seed, n_jobs=1, n_epochs=200)
        made: Floats = kind.fit_transform(values)
    return made


def _keep_compiled(*modules: ModuleType) -> None:
    """Lets numba keep what it compiles of these modules on disk: half a minute once, not once per process."""
    for module in modules:
        for member in vars(module).values():
            if hasattr(member, "enable_caching"):
                member.enable_caching()
