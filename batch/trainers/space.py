"""The space in which entities are compared: nulls filled, inputs standardised, axes that tell segments apart.

frame -> fill -> standardise -> weigh fields -> (segments, axes between them, in turn) -> points
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.declaration import Application
from models.registered.inputs import inputs

Points = npt.NDArray[np.float64]

ROUNDS = 10
"""At most, of segments and axes in turn."""

SETTLED = 0.002
"""Segments stay the same where no larger share of the rows changes them."""

SHRINKAGE = 0.1
"""How far the spread within segments is drawn to that without correlations, which few rows tell badly."""

RESTARTS = 4
"""Of a clustering that only serves to find the number of segments."""


def weights(application: Application) -> Points:
    """(inputs,): of a field that became one column per value, each weighs less: their number ^ -1/4.

    Together they then weigh as the square root of their number: more than one number, less than so many. Of
    the powers 0, 1/4 and 1/2 this one found the customers' hidden personas best.
    """
    columns = inputs(application)
    parts = Counter(one.path for one in columns if one.share_of is not None)
    return np.array([parts[one.path] ** -0.25 if one.share_of is not None else 1.0 for one in columns])


def preprocessing(application: Application, frame: pd.DataFrame) -> list[tuple[str, Any]]:
    """The first steps of a pipeline, fitted: medians for nulls, then weighted standard units."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    fill = SimpleImputer(strategy="median", keep_empty_features=True).fit(frame)
    scale = StandardScaler().fit(fill.transform(frame))
    # What never varied in training must not decide when it varies later.
    flat = scale.var_ <= 1e-12 * np.maximum(1.0, np.square(scale.mean_))
    scale.scale_ = np.where(flat, np.inf, scale.scale_ / weights(application))
    return [("fill", fill), ("scale", scale)]


def transformed(steps: Sequence[tuple[str, Any]], frame: pd.DataFrame) -> Points:
    """(n, inputs): rows in the space of some steps."""
    points: Any = frame
    for _, step in steps:
        points = step.transform(points)
    return np.asarray(points, dtype=np.float64)


def adapted(points: Points, k: int, seed: int, restarts: int) -> tuple[Any, Points]:
    """The axes along which k segments differ, measured by the spread within them, and the centres on them.

    Segments are sought, the axes that tell them apart best are taken, segments are sought again along these
    axes alone, and so on until they stay the same. What only varies within segments, alone or together with
    something else, then no longer counts. Source: C. Ding and T. Li, Adaptive dimension reduction using
    discriminant analysis and k-means clustering, ICML 2007.

    points: (n, inputs), standardised. Returns a fitted linear discriminant analysis with at most k - 1 axes,
    and (k, axes).
    """
    from sklearn.cluster import KMeans
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    labels = kmeans(k, seed, restarts).fit(points).labels_
    for _ in range(ROUNDS):
        # One row alone has no spread to measure by.
        several = np.bincount(labels, minlength=k)[labels] > 1
        axes = LinearDiscriminantAnalysis(solver="eigen", shrinkage=SHRINKAGE)
        axes.fit(points[several], labels[several])
        seen = axes.transform(points)
        fitted = KMeans(n_clusters=k, n_init=1, init=_means(seen, labels, k), random_state=seed).fit(seen)
        moved = float((fitted.labels_ != labels).mean())
        labels = fitted.labels_
        if moved <= SETTLED or len(np.unique(labels)) < k:
            break
    return axes, fitted.cluster_centers_


def _means(points: Points, labels: npt.NDArray[Any], k: int) -> Points:
    return np.stack([points[labels == number].mean(axis=0) for number in range(k)])


def kmeans(k: int, seed: int, restarts: int) -> Any:
    """Lloyd's k-means from k-means++ starts."""
    from sklearn.cluster import KMeans

    return KMeans(n_clusters=k, n_init=restarts, random_state=seed)
