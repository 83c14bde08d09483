from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as exact

from core.applications import APPLICATIONS
from core.declaration import Clustering
from learners.scores.segmentation import (
    SegmentScores,
    adjusted_rand_index,
    normalized_mutual_information,
    silhouette,
)
from models.base import Settled

APPLICATION = next(one for one in APPLICATIONS.values() if isinstance(one.task, Clustering))

SECOND = 1_000_000


def placed(count: int, apart: float, seed: int = 1) -> tuple[Any, Any]:
    """Points around four centres that lie so far apart, and their segments."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count)
    centres = np.eye(4)[labels] * apart
    return centres + rng.normal(size=(count, 4)), labels


def settle(scores: SegmentScores, points: Any, labels: Any, start_s: int = 0) -> None:
    """One a second."""
    scores.settle(
        [Settled(point.tolist(), int(label), 0) for point, label in zip(points, labels, strict=True)],
        [(start_s + n) * SECOND for n in range(len(labels))],
    )
    last = np.array([(start_s + len(labels)) * SECOND])
    scores.follow(np.zeros(1), np.full(1, np.nan), np.array([0, ~0]), np.zeros(1), last, last)


def test_silhouette_is_that_of_scikit_learn() -> None:
    points, labels = placed(150, 1.0)
    labels[0] = 9  # Alone in its segment.
    assert silhouette(points, labels) == pytest.approx(exact.silhouette_score(points, labels))
    assert silhouette(points, np.zeros(150, dtype=np.int64)) is None
    assert silhouette(points[:0], labels[:0]) is None


def test_counts_steadiness_and_segments() -> None:
    scores = SegmentScores(APPLICATION)
    for segment, before in ((0, 0), (1, 0), (0, None), (2, 2)):
        scores.settle([Settled([float(segment), 0.0], segment, before)])
    values = scores.values()
    assert values["stability"] == pytest.approx(2 / 3)
    assert values["segments"] == 3


def test_each_silhouette_looks_back_as_far_as_it_says() -> None:
    scores = SegmentScores(APPLICATION)
    settle(scores, *placed(4000, 8.0))
    tight = scores.values()
    settle(scores, *placed(600, 0.0, seed=2), start_s=4000)
    values = scores.values()
    # All: mostly tight; the last 1,000: mostly mixed; the last five minutes: mixed only.
    assert values["silhouette"] > 0.4  # type: ignore[operator]
    assert values["silhouette"] < tight["silhouette"]  # type: ignore[operator]
    assert 0.0 < values["rolling_silhouette"] < 0.35  # type: ignore[operator]
    assert values["time_rolling_silhouette"] < 0.02  # type: ignore[operator]


def test_the_sample_is_of_all_that_were_settled() -> None:
    scores = SegmentScores(APPLICATION)
    settle(scores, np.arange(20_000)[:, None].astype(float), np.arange(20_000) % 3)
    sampled = np.sort(scores._sample[:, 0])
    assert len(np.unique(sampled)) == 200
    assert sampled.mean() == pytest.approx(10_000, rel=0.15)
    assert np.percentile(sampled, 25) == pytest.approx(5000, rel=0.3)


def test_vectors_of_another_width_are_refused() -> None:
    scores = SegmentScores(APPLICATION)
    scores.settle([Settled([1.0, 2.0], 0, None)])
    with pytest.raises(ValueError, match="has 3 numbers, those before 2"):
        scores.settle([Settled([1.0, 2.0, 3.0], 0, None)])


PARTITIONS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@given(PARTITIONS)
def test_agreement_with_a_truth_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truths, found = zip(*pairs, strict=True)
    assert adjusted_rand_index(truths, found) == pytest.approx(exact.adjusted_rand_score(truths, found))
    assert normalized_mutual_information(truths, found) == pytest.approx(
        exact.normalized_mutual_info_score(truths, found), abs=1e-9
    )


def test_partitions_of_different_entities_are_refused() -> None:
    with pytest.raises(ValueError, match="not of 2 and 1"):
        adjusted_rand_index([1, 2], [1])
