"""Projections: components, circle, maps; against the library that defines them and simple cases."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import KNeighborsClassifier

from batch.diagnostics.groups import Groups
from batch.diagnostics.maps import embed
from batch.diagnostics.matrix import Matrix, scale
from batch.diagnostics.projections import clouds, components, radial, separation, telling
from batch.diagnostics.subject import Unanswerable
from core.diagnostics.shapes import Points
from models.registered.inputs import Input

RNG = np.random.default_rng(5)
CODES = np.repeat([0, 1], 60)
ISLANDS = np.column_stack([CODES * 8.0, RNG.normal(size=120), RNG.normal(size=120)]) + RNG.normal(
    scale=0.3, size=(120, 3)
)
GROUPS = Groups(("a", "b"), CODES, "by letter")


def test_components_are_those_of_the_library() -> None:
    found = components(ISLANDS)
    known = PCA().fit(scale(ISLANDS))
    assert found.shares == pytest.approx(known.explained_variance_ratio_)
    assert np.abs(found.weights) == pytest.approx(np.abs(known.components_[:2]))
    assert np.abs(found.points) == pytest.approx(np.abs(known.transform(scale(ISLANDS))[:, :2]))
    assert (found.weights[np.arange(2), np.abs(found.weights).argmax(axis=1)] > 0).all()


def test_anchors_pull_by_value() -> None:
    points, anchors = radial(np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0]]))
    assert points[:3] == pytest.approx(anchors)
    assert points[3] == pytest.approx([0, 0])
    assert points[4] == pytest.approx([0, 0])
    assert (np.hypot(*radial(RNG.normal(size=(200, 7)))[0].T) <= 1).all()


def test_the_telling_inputs_are_kept_in_order() -> None:
    inputs = tuple(Input(name, "number") for name in ("same", "apart", "noise"))
    values = np.column_stack([ISLANDS[:, 1], ISLANDS[:, 0], ISLANDS[:, 2]])
    assert separation(values, GROUPS).argmax() == 1
    kept = telling(Matrix(inputs, values, 0, ()), GROUPS, most=2)
    assert "apart" in [one.name for one in kept.inputs]
    assert len(kept.inputs) == 2
    assert kept.values.shape == (120, 2)
    alone = Groups(("a",), np.zeros(120, dtype=np.int64), "")
    assert telling(Matrix(inputs, values, 0, ()), alone, most=3).values.shape == (120, 3)


@pytest.mark.parametrize("method", ["t-SNE", "UMAP"])
def test_maps_keep_neighbours_and_repeat_themselves(method: str) -> None:
    points = embed(scale(ISLANDS), method, 15, 42)
    told = KNeighborsClassifier(5).fit(points, CODES).predict(points)
    assert adjusted_rand_score(CODES, told) > 0.9
    assert (points == embed(scale(ISLANDS), method, 15, 42)).all()


def test_too_few_rows_are_no_map() -> None:
    with pytest.raises(Unanswerable, match="5 rows"):
        embed(ISLANDS[:5], "t-SNE", 30, 42)


def test_clouds_have_their_groups() -> None:
    made = clouds(ISLANDS, GROUPS)
    assert [one.name for one in made] == ["a", "b"]
    assert all(isinstance(one, Points) and len(one.x) == 60 for one in made)
