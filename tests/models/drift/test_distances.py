from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest

from models.drift import distances as drifted
from models.drift.distances import Bins

stats: Any = import_module("scipy.stats")
distance: Any = import_module("scipy.spatial.distance")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_distances_are_those_of_scipy(rng: np.random.Generator) -> None:
    old, new = rng.normal(size=900), rng.normal(0.3, 1.2, size=700)
    with_nulls = np.concatenate([new, np.full(30, np.nan)])
    assert drifted.kolmogorov_smirnov(old, with_nulls) == pytest.approx(stats.ks_2samp(old, new).statistic)
    expected = stats.wasserstein_distance(old, new) / np.std(old)
    assert drifted.wasserstein(old, with_nulls) == pytest.approx(expected)
    bins = drifted.binned_numbers(old, new)
    found = drifted.jensen_shannon(bins)
    assert found == pytest.approx(distance.jensenshannon(bins.reference, bins.newest, base=2))


def test_psi_by_hand() -> None:
    bins = Bins(["a", "b", "null"], np.array([50.0, 50, 0]), np.array([25.0, 75, 0]))
    assert drifted.psi(bins) == pytest.approx(-0.25 * np.log(0.5) + 0.25 * np.log(1.5))
    bins = Bins(["a", "b"], np.array([100.0, 0]), np.array([60.0, 40]))
    assert 0.25 < drifted.psi(bins) < 10, "a new value counts, and not without end"


def test_chance_is_what_equal_samples_give(rng: np.random.Generator) -> None:
    """Of 400 pairs without drift, about one in a hundred lies above the bound for a single input."""
    above = 0
    for _ in range(400):
        bins = drifted.binned_numbers(rng.normal(size=400), rng.normal(size=300))
        above += drifted.psi(bins) > drifted.psi_by_chance(bins, 1)
    assert above <= 14
    bins = Bins(list("abcdef"), np.full(6, 100.0), np.full(6, 50.0))
    exact = stats.chi2.ppf(1 - drifted.FALSE_ALARMS / 20, 5) * (1 / 600 + 1 / 300)
    assert drifted.psi_by_chance(bins, 20) == pytest.approx(exact, rel=0.02)


def test_bins_of_numbers_are_tenths_of_the_reference(rng: np.random.Generator) -> None:
    old = np.append(rng.exponential(size=1000), [np.nan] * 50)
    bins = drifted.binned_numbers(old, np.array([np.nan, 1e9]))
    assert bins.reference[:-1] == pytest.approx(100, abs=1)
    assert (bins.reference[-1], bins.newest[-1], bins.newest[-2]) == (50, 1, 1)
    assert len(bins.labels) == 11
    few = drifted.binned_numbers(np.array([0.0, 1, 1]), np.array([1.0, 0, 0, np.nan]))
    assert few.labels == ["0", "1", "null"]
    assert few.newest.tolist() == [2, 1, 1]


def test_values_of_categories() -> None:
    bins = drifted.binned_values(np.array(list("aabx"), object), np.array(list("acccx"), object), "x")
    assert dict(zip(bins.labels, bins.reference, strict=True)) == {"a": 2, "b": 1, "c": 0, "null": 1}
    assert drifted.unseen(bins) == {"c": 0.6}


def test_nothing_and_one_value_only() -> None:
    nothing, same = np.full(5, np.nan), np.ones(5)
    assert drifted.kolmogorov_smirnov(nothing, same) is None
    assert drifted.wasserstein(same, same) is None
    assert drifted.outside(nothing, same) is None
    assert drifted.outside(same, np.array([1.0, 2, np.nan, 0.5])) == pytest.approx(2 / 3)
    for old, new in ((nothing, nothing), (nothing, same), (same, nothing)):
        assert np.isfinite(drifted.psi(drifted.binned_numbers(old, new)))
