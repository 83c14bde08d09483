from __future__ import annotations

import numpy as np
import pytest

from core.applications.eta import ETA
from models.eta_inputs import SIZE, base_hours, inputs
from models.relative_least_squares import RelativeLeastSquares, _variance
from tests.learners.streams import lessons


def test_starts_from_forty_kilometres_an_hour() -> None:
    model = RelativeLeastSquares()
    assert model.predict_one({"estimated_distance_km": 20.0}) == pytest.approx(1800)
    assert model.predict_one({"estimated_distance_km": 0.1}) == 60
    assert model.predict_one({}) == 60


def test_equals_weighted_ridge_regression() -> None:
    """Recursive least squares is the exact solution of the weighted, regularised normal equations."""
    stream = lessons(ETA, 300, 500.0)
    model = RelativeLeastSquares()
    start = np.zeros(SIZE)
    start[1] = 1.0
    information, moments = np.eye(SIZE) / 10.0, start / 10.0
    for one in stream:
        model.learn_one(one.x, one.truth)
        hours = base_hours(one.x)
        assert hours is not None
        x = np.zeros(SIZE)
        positions, values = inputs(one.x, hours)
        x[positions] = values
        information += np.outer(x, x) / _variance(hours)
        moments += x * (one.truth / 3600) / _variance(hours)
    assert np.allclose(model._weights, np.linalg.solve(information, moments), atol=1e-8)


def test_beats_the_planner_and_its_interval_holds() -> None:
    model = RelativeLeastSquares()
    errors, planned, inside, asked = 0.0, 0.0, 0, 0
    for n, one in enumerate(lessons(ETA, 4000, 500.0)):
        if n >= 1000:
            told, spread = model.predict_one(one.x), model.spread_one(one.x)
            assert spread is not None
            asked += 1
            errors += abs(one.truth - told)
            planned += abs(one.truth - one.x[ETA.task.naive])  # type: ignore[union-attr]
            inside += told + spread[0] <= one.truth <= told + spread[1]
        model.learn_one(one.x, one.truth)
    assert errors < 0.6 * planned
    assert inside / asked == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("label", [None, float("nan"), float("inf")])
def test_no_number_teaches_nothing(label: float | None) -> None:
    model = RelativeLeastSquares()
    before = model.to_bytes()
    model.learn_one({"estimated_distance_km": 5.0}, label)
    model.learn_one({"estimated_distance_km": None}, 100.0)
    assert model.to_bytes() == before


def test_forgetting_follows_a_change() -> None:
    def after_change(forgetting: float) -> float:
        model = RelativeLeastSquares(forgetting=forgetting)
        for n in range(4000):
            x = {"estimated_distance_km": 10.0 + n % 7}
            model.learn_one(x, 90.0 * x["estimated_distance_km"] * (1 if n < 3000 else 2))
        return model.predict_one({"estimated_distance_km": 12.0})

    assert abs(after_change(0.995) - 2160) < 60 < abs(after_change(1.0) - 2160)
