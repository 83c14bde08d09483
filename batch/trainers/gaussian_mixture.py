"""Gaussian mixture: segments may be wide in one input and narrow in another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from batch.trainers.clustering import Clusterer
from core.recipes import GAUSSIAN_MIXTURE

FLOOR = 0.05
"""Added to every variance: an input that never varies within a segment must not decide alone."""


class GaussianMixture(Clusterer):
    """A mixture of Gaussians without correlations, by expectation maximisation from k-means starts."""

    name: ClassVar[str] = GAUSSIAN_MIXTURE.name
    title: ClassVar[str] = GAUSSIAN_MIXTURE.title

    def algorithm(self, k: int, held: Mapping[str, Any]) -> Any:
        """The estimator, unfitted."""
        from sklearn import mixture

        return mixture.GaussianMixture(
            n_components=k,
            covariance_type="diag",
            reg_covar=FLOOR,
            n_init=max(1, held["restarts"] // 3),
            max_iter=200,
            random_state=held["seed"],
        )
