"""Shapes of inputs and how they go together, against known cases and the library that defines them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from batch.diagnostics.ranks import association, associations, correlations, explained, normality

RNG = np.random.default_rng(3)


def test_normality_and_skewness() -> None:
    values = np.column_stack([RNG.normal(size=500), RNG.lognormal(size=500)])
    w, skewness = normality(values)
    assert w[0] > 0.99 > 0.8 > w[1]
    assert abs(skewness[0]) < 0.3 < 2 < skewness[1]


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_correlations_are_those_of_pandas(method: str) -> None:
    values = RNG.normal(size=(200, 3))
    values[:, 2] = np.exp(values[:, 0]) + 0.1 * values[:, 1]
    wanted = pd.DataFrame(values).corr(method=method).to_numpy()  # type: ignore[arg-type]
    assert correlations(values, method) == pytest.approx(wanted)


def test_association_of_categories() -> None:
    a = np.arange(600) % 3
    assert association(a, (a + 1) % 3) == pytest.approx(1, abs=0.01)
    assert association(a, RNG.permutation(a)) < 0.1
    assert np.isnan(association(a, np.zeros(600, dtype=np.int64)))


def test_many_values_are_no_association_by_chance() -> None:
    """Plain Cramer's V of 200 names with 3 values on 1,000 rows is about 0.4."""
    names, values = RNG.integers(0, 200, 1000), RNG.integers(0, 3, 1000)
    assert association(names, values) < 0.2
    assert explained(names, RNG.normal(size=1000)) < 0.2


def test_explained_variance() -> None:
    codes = np.arange(300) % 3
    assert explained(codes, codes * 10.0 + RNG.normal(size=300) * 0.01) == pytest.approx(1, abs=0.001)
    assert np.isnan(explained(codes, np.ones(300)))
    assert np.isnan(explained(np.zeros(300, dtype=np.int64), RNG.normal(size=300)))


def test_associations_of_any_kinds() -> None:
    number, category = RNG.normal(size=400), RNG.integers(0, 4, 400)
    made = associations([number, -number, category, category], [False, False, True, True])
    assert made[0, 1] == pytest.approx(1)
    assert made[2, 3] == pytest.approx(1, abs=0.01)
    assert made[0, 2] < 0.2
    assert (made == made.T).all()
