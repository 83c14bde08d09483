"""The number of segments, the axes between them, and their numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from batch.datasets import BadData
from batch.progress import Silent
from batch.split import Split
from batch.trainers import RECIPES, BadParameter
from batch.trainers.search import Tried, best, nearest, search, silhouette
from batch.trainers.segments import as_before, by_size, reorder
from batch.trainers.space import adapted, preprocessing, transformed, weights
from core.applications import APPLICATIONS
from core.declaration import Clustering
from models.registered.inputs import inputs
from models.registered.threads import limited
from tests.batch.test_evaluation import clustered

Array = np.ndarray[Any, Any]
CLUSTERING = next(one for one in APPLICATIONS.values() if isinstance(one.task, Clustering))


def groups(k: int, count: int, seed: int, noise: float = 0.2) -> tuple[Array, Array]:
    """k groups that two inputs tell apart; six more vary as much, partly together, and mean nothing."""
    rng = np.random.default_rng(seed)
    number = rng.integers(0, k, count)
    angle = 2 * np.pi * number / k
    told = np.stack([np.cos(angle), np.sin(angle)], axis=1) * 1.4 + rng.normal(0, 0.15, (count, 2))
    common = rng.normal(0, noise, (count, 1))
    return np.hstack([told, common + rng.normal(0, noise, (count, 6))]), number


class Listening(Silent):
    def __init__(self) -> None:
        self.told: list[dict[str, float]] = []

    def line(self, text: str, **values: float) -> None:
        self.told.append(values)


@pytest.mark.parametrize("k", [3, 5])
def test_finds_the_number_of_groups_that_there_are(k: int) -> None:
    (train, _), (validation, _) = groups(k, 600, 1), groups(k, 200, 2)
    progress = Listening()
    with limited(1, 1):
        tried = search(train, validation, range(2, 8), 42, progress)
    assert best(tried, 0) == k
    assert [one["k"] for one in progress.told] == list(range(2, 8))
    wanted = {"k", "silhouette", "calinski_harabasz", "davies_bouldin", "stability", "best"}
    assert set(progress.told[0]) == wanted
    with limited(1, 1):
        assert search(train, validation, range(2, 4), 42, Silent()) == tried[:2]


def tried(k: int, stability: float, silhouette: float = 0.5) -> Tried:
    return Tried(
        k=k,
        stability=stability,
        deviation=0.01,
        silhouette=silhouette,
        calinski_harabasz=1,
        davies_bouldin=1,
        inertia=1,
    )


def test_stability_decides_then_silhouette_and_the_declaration_where_it_is_about_as_stable() -> None:
    found = [tried(2, 0.70, 0.9), tried(5, 0.95, 0.3), tried(6, 0.94, 0.4), tried(7, 0.91, 0.8)]
    assert best(found, 0) == 6
    assert best(found, 7) == 7
    assert best(found, 2) == 6, "the declared number is clearly less stable"


def test_too_few_rows_for_a_number_leave_it_out() -> None:
    train, _ = groups(3, 20, 1)
    assert [one.k for one in search(train, train, range(2, 11), 1, Silent())] == [2, 3, 4, 5]
    rows, _ = clustered(1, 6)
    with pytest.raises(BadData, match="6 entities to train on are too few for 2 segments"):
        RECIPES["kmeans"].fit(Split(rows, rows, rows), {}, 1, Silent())
    with pytest.raises(BadData, match="6 entities to train on are too few for 3 segments: at least 15"):
        RECIPES["kmeans"].fit(Split(rows, rows, rows), {"segments": 3}, 1, Silent())
    with pytest.raises(BadParameter, match="fewest 9 is above most 4"):
        RECIPES["kmeans"].fit(Split(rows, rows, rows), {"fewest": 9, "most": 4}, 1, Silent())
    with pytest.raises(BadParameter, match="segments 1"):
        RECIPES["kmeans"].fit(Split(rows, rows, rows), {"segments": 1}, 1, Silent())


def test_axes_tell_apart_what_plain_distances_can_not() -> None:
    from sklearn.metrics import adjusted_rand_score

    from batch.trainers.space import kmeans

    points, number = groups(5, 900, 4, noise=0.4)
    plain = adjusted_rand_score(number, kmeans(5, 1, 5).fit(points).labels_)
    axes, centres = adapted(points, 5, 1, 5)
    found = adjusted_rand_score(number, nearest(axes.transform(points), centres)[0])
    assert plain < 0.7 < 0.95 < found


def test_a_group_of_one_row_is_no_obstacle() -> None:
    points, _ = groups(3, 60, 4)
    points[0] = 50
    axes, centres = adapted(points, 4, 1, 3)
    assert np.isfinite(axes.transform(points)).all()
    assert np.isfinite(centres).all()


def test_what_never_varied_never_decides() -> None:
    rows, _ = clustered(1)
    name = rows.frame.columns[3]
    flat = rows.frame.assign(**{name: 5.0})
    steps = preprocessing(CLUSTERING, flat)
    moved = transformed(steps, flat[:2].assign(**{name: [5.0, 1e6]}))
    assert (moved[:, 3] == 0).all()
    assert np.isfinite(transformed(steps, flat[:2].assign(**{name: [np.nan, np.inf]}).fillna(0)[:1])).all()


def test_the_columns_of_one_field_share_its_weight() -> None:
    told = dict(zip([one.name for one in inputs(CLUSTERING)], weights(CLUSTERING), strict=True))
    for one in inputs(CLUSTERING):
        if one.share_of is None:
            assert told[one.name] == 1
        else:
            columns = [other for other in inputs(CLUSTERING) if other.share_of and other.path == one.path]
            assert told[one.name] == pytest.approx(len(columns) ** -0.25)


def test_the_largest_segment_is_number_0_and_a_refit_keeps_numbers() -> None:
    assert list(by_size(np.array([2, 2, 2, 0, 0, 1]), 3)) == [2, 0, 1]
    before = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    labels = np.array([1, 1, 1, 2, 2, 0, 0, 0])
    assert list(as_before(labels, before, 3)) == [1, 2, 0]
    fewer = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    assert sorted(as_before(fewer, before, 2)) == [0, 1]
    more = np.array([0, 1, 2, 3, 3, 4, 4, 4])
    assert sorted(as_before(more, before, 5)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", ["kmeans", "gaussian_mixture"])
def test_segments_are_described_by_the_rows_that_they_hold(name: str) -> None:
    rows, _ = clustered(5)
    model = RECIPES[name].fit(Split(rows, rows, rows), {"segments": 3}, 1, Silent())
    answers = model.answers(rows.frame)
    sizes = [one.size for one in model.segments]
    assert sizes == sorted(sizes, reverse=True) == list(np.bincount(answers.astype(int)))
    numbers = [one for one in inputs(rows.application) if one.share_of is None]
    for segment in model.segments:
        inside = rows.frame[answers == segment.number]
        assert set(segment.profile) == {one.name for one in numbers}
        for one in numbers[:4]:
            mean = float(inside[one.name].mean())
            assert segment.profile[one.name] == pytest.approx(np.expm1(mean) if one.log else mean)
    again = RECIPES[name].refit(model, rows.take(np.arange(200)))
    assert (again.answers(rows.frame) == answers).mean() > 0.99


def test_reordered_estimators_answer_with_the_new_numbers() -> None:
    from sklearn.cluster import KMeans

    points, _ = groups(3, 90, 1)
    fitted = KMeans(3, random_state=1).fit(points)
    before = fitted.predict(points)
    reorder(fitted, np.array([2, 0, 1]))
    assert (fitted.predict(points) == np.array([1, 2, 0])[before]).all()
    assert (fitted.labels_ == fitted.predict(points)).all()


def test_a_silhouette_needs_two_segments_in_the_sample() -> None:
    points, number = groups(3, 90, 1)
    assert silhouette(points, np.zeros(90, dtype=np.int64), 1) is None
    assert silhouette(points, np.arange(90), 1) is None
    assert silhouette(points[:, :2], number, 1) is not None
