"""Gaussian mixture: every entity belongs to the cloud that it most probably comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from batch.trainers.clustering import Clusterer
from batch.trainers.space import Points
from core.recipes import GAUSSIAN_MIXTURE

FLOOR = 0.1
"""Added to every variance: an input that never varies within a segment must not decide alone."""


class GaussianMixture(Clusterer):
    """A mixture of Gaussians of one common shape, by expectation maximisation from k-means starts.

    With a shape of its own per segment there is too much to learn: without correlations it found the
    customers' hidden personas worse, with them it could not be fitted to a thousand customers.
    """

    name: ClassVar[str] = GAUSSIAN_MIXTURE.name
    title: ClassVar[str] = GAUSSIAN_MIXTURE.title

    def steps(self, points: Points, held: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """The mixture alone."""
        from sklearn import mixture

        fitted = mixture.GaussianMixture(
            n_components=held["segments"],
            covariance_type="tied",
            reg_covar=FLOOR,
            n_init=max(1, held["restarts"] // 3),
            max_iter=200,
            random_state=held["seed"],
        )
        return [("segments", fitted.fit(points))]
