"""Segments of a fitted clustering: their numbers, their sizes, what their entities are like."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from batch.datasets import Dataset
from core.records import Segment
from models.registered.inputs import Input, inputs

Labels = npt.NDArray[np.int64]

BEST = 5
"""Values that are told of each field."""


def by_size(labels: Labels, k: int) -> Labels:
    """(k,): which of the fitted segments takes number 0, 1 and so on: the largest first."""
    return np.argsort(-np.bincount(labels, minlength=k), kind="stable")


def as_before(labels: Labels, before: Labels, k: int) -> Labels:
    """(k,): the same, so that as many rows as possible keep the number that another model gave them.

    labels, before: (n,), segments of the same rows. Fitted segments that are like none take what is left.
    """
    from scipy.optimize import linear_sum_assignment

    former = max(k, int(before.max()) + 1 if len(before) else 0)
    shared = np.zeros((former, k), dtype=np.int64)
    np.add.at(shared, (before, labels), 1)
    numbers, fitted = linear_sum_assignment(-shared)
    order = np.full(k, -1, dtype=np.int64)
    for number, one in zip(numbers, fitted, strict=True):
        if number < k:
            order[number] = one
    left = [one for one in by_size(labels, k) if one not in order]
    order[order < 0] = left
    return order


def reorder(estimator: Any, order: Labels) -> None:
    """Numbers the segments of a fitted k-means or tied mixture anew: number n becomes what order[n] was."""
    place = np.argsort(order)
    for name in ("cluster_centers_", "means_", "weights_"):
        if hasattr(estimator, name):
            setattr(estimator, name, np.ascontiguousarray(getattr(estimator, name)[order]))
    if hasattr(estimator, "labels_"):
        estimator.labels_ = place[estimator.labels_].astype(np.int32)


def described(dataset: Dataset, labels: Labels, k: int) -> list[Segment]:
    """Every segment: how many rows (entities) it has, their mean of each input, the values they show most."""
    columns = inputs(dataset.application)
    return [_described(dataset, columns, labels == number, number) for number in range(k)]


def _described(dataset: Dataset, columns: tuple[Input, ...], inside: Any, number: int) -> Segment:
    profile: dict[str, float] = {}
    counts: dict[str, list[tuple[str, int]]] = {}
    rows = dataset.frame.loc[inside]
    for one in columns:
        values = rows[one.name].to_numpy(dtype=np.float64)
        values = values[~np.isnan(values)]
        if one.share_of is not None:
            counts.setdefault(one.path, []).append((one.share_of, round(float(values.sum()))))
        elif len(values):
            mean = float(values.mean())
            profile[one.name] = float(np.expm1(mean)) if one.log else mean
    top = {
        path: sorted((t for t in told if t[1]), key=lambda t: -t[1])[:BEST] for path, told in counts.items()
    }
    return Segment(number=number, size=int(inside.sum()), profile=profile, top=top)
