"""K-means: every entity belongs to the nearest of k centres, along the axes that tell segments apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from batch.trainers.clustering import Clusterer
from batch.trainers.space import Points, adapted
from core.recipes import KMEANS


class KMeans(Clusterer):
    """Lloyd's algorithm, from the best of several k-means++ starts, in turn with discriminant analysis."""

    name: ClassVar[str] = KMEANS.name
    title: ClassVar[str] = KMEANS.title

    def steps(self, points: Points, held: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """The axes, and the centres on them."""
        from sklearn import cluster

        axes, centres = adapted(points, held["segments"], held["seed"], held["restarts"])
        fitted = cluster.KMeans(n_clusters=len(centres), init=centres, n_init=1, random_state=held["seed"])
        return [("axes", axes), ("segments", fitted.fit(axes.transform(points)))]
