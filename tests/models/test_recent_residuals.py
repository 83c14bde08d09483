from __future__ import annotations

from random import Random

import pytest

from models.recent_residuals import BINS, KEPT, REFRESH, RecentResiduals


def test_quantiles_of_a_normal_distribution() -> None:
    rng, recent = Random(1), RecentResiduals()
    for _ in range(KEPT):
        recent.add(rng.gauss(0, 1))
    assert recent.spread == pytest.approx((-1.2816, 1.2816), abs=0.07)


def test_the_old_leaves() -> None:
    recent = RecentResiduals()
    for n in range(2 * KEPT):
        recent.add(-3.0 if n < KEPT else 2.0 + n % 2)
    assert recent.spread is not None
    assert recent.spread[0] > 1.9
    assert sum(recent._counts) == KEPT


def test_none_before_the_first_reading_and_beyond_the_range_at_its_edge() -> None:
    recent = RecentResiduals()
    for n in range(REFRESH):
        assert recent.spread is None
        recent.add(-1e9 if n % 2 else 1e9)
    assert recent._counts[0] == recent._counts[BINS - 1] == REFRESH // 2


def test_goes_on_from_its_ring() -> None:
    rng, steady = Random(2), RecentResiduals()
    for _ in range(KEPT + 70):
        steady.add(rng.gauss(0, 1))
    resumed = RecentResiduals(steady.taken, steady.ring)
    for _ in range(100):
        residual = rng.gauss(1, 2)
        steady.add(residual)
        resumed.add(residual)
    assert (resumed.ring, resumed.spread) == (steady.ring, steady.spread)
