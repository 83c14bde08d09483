"""K-means: every entity belongs to the nearest of k centres."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from batch.trainers.clustering import Clusterer
from batch.trainers.space import kmeans
from core.recipes import KMEANS


class KMeans(Clusterer):
    """Lloyd's algorithm, from the best of several k-means++ starts."""

    name: ClassVar[str] = KMEANS.name
    title: ClassVar[str] = KMEANS.title

    def algorithm(self, k: int, held: Mapping[str, Any]) -> Any:
        """The estimator, unfitted."""
        return kmeans(k, held["seed"], held["restarts"])
