from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import r2_score

from batch.diagnostics import regression
from batch.diagnostics.arrays import cells, quantile_bins, thinned, wilson
from batch.diagnostics.scored import Measured
from core.diagnostics.shapes import Lines
from tests.batch.diagnostics.test_ranking import line, sound


def measured(rows: int = 2000, noise: float = 0.2, bias: float = 0.0, seed: int = 1) -> Measured:
    """Trips whose errors grow with their length."""
    rng = np.random.default_rng(seed)
    answers = rng.gamma(3, 800, rows) + 60
    truth = answers * np.exp(rng.normal(bias, noise, rows))
    times = np.datetime64("2026-03-01", "us") + np.arange(rows) * np.timedelta64(2, "m")
    return Measured(truth, answers, answers * 1.3, "travel time", "s", times)


def test_residuals_are_truth_minus_answer() -> None:
    one = measured(bias=0.5)
    rows = {"train": np.arange(100), "test": np.arange(100)}
    panels, facts = regression.residuals(one, one, rows)
    sound((panels, facts))
    assert facts[0].value == pytest.approx(r2_score(one.truth, one.answers), rel=1e-3)
    assert facts[2].value > 0  # type: ignore[operator]


def test_equal_labels_have_no_r2() -> None:
    one = measured(10)._replace(truth=np.full(10, 5.0))
    assert np.isnan(regression.r2(one))
    sound(regression.prediction_error(one, np.arange(10)))


def test_the_best_fit_and_identity() -> None:
    one = measured()
    one = one._replace(answers=100 + 0.5 * one.truth)
    panel = sound(regression.prediction_error(one, np.arange(500)))[0]
    fit, identity = line(panel, "best fit"), line(panel, "identity")
    slope = (fit.y[1] - fit.y[0]) / (fit.x[1] - fit.x[0])  # type: ignore[operator]
    assert slope == pytest.approx(0.5, rel=1e-3)
    assert identity.x == identity.y


def test_normal_residuals_lie_on_the_line() -> None:
    rng = np.random.default_rng(0)
    one = measured()
    one = one._replace(truth=one.answers + rng.normal(0, 100, len(one.answers)))
    panels, facts = regression.residual_distribution(one)
    sound((panels, facts))
    points = panels[0].series[0]
    middle = slice(20, -20)
    assert isinstance(points.x, list)  # type: ignore[union-attr]
    assert np.allclose(points.x[middle], points.y[middle], atol=30)  # type: ignore[union-attr, arg-type]
    named = {fact.title: fact.value for fact in facts}
    assert named["50% of the errors are below"] == pytest.approx(67.4, rel=0.1)


def test_the_share_within_a_tolerance() -> None:
    one = measured(4)._replace(
        truth=np.array([100.0, 100, 100, 100]),
        answers=np.array([96.0, 108, 115, 300]),
        naive=np.array([300.0, 300, 300, 300]),
    )
    panels, facts = regression.tolerance(one)
    sound((panels, facts))
    assert [fact.value for fact in facts] == [0.25, 0.5, 0.75, 0, 0, 0]


def test_intervals_hold_what_they_promise_where_nothing_has_changed() -> None:
    panels, facts = regression.interval_coverage(measured(8000), measured(8000, seed=2), None)
    sound((panels, facts))
    assert facts[0].value == pytest.approx(0.8, abs=0.02)


def test_intervals_promise_too_much_where_errors_have_grown() -> None:
    _, facts = regression.interval_coverage(measured(8000), measured(8000, noise=0.4, seed=2), None)
    assert facts[0].value < 0.6  # type: ignore[operator]


def test_the_models_own_interval_stands_beside() -> None:
    test = measured(4000, seed=2)
    own = np.stack([test.answers * 0.5, test.answers * 2], axis=1)
    panels, facts = regression.interval_coverage(measured(4000), test, own)
    sound((panels, facts))
    named = {fact.title: fact.value for fact in facts}
    assert named["Within the model's own 80 % interval"] > 0.99  # type: ignore[operator]


def test_bins_tell_a_bias() -> None:
    panels, facts = regression.by_prediction(measured(bias=0.3, noise=0.01), 10)
    sound((panels, facts))
    curve = panels[0].series[0]
    assert isinstance(curve, Lines)
    assert all(y > x for x, y in zip(curve.x, curve.y, strict=True))  # type: ignore[operator]


def test_curves_keep_their_ends_and_steps() -> None:
    x = np.arange(10_000.0)
    y = np.where(x < 5000, 0.0, 1.0)
    kept = thinned(x, y)
    assert len(kept) <= 500
    assert kept[0] == 0
    assert kept[-1] == 9999
    assert {4999, 5000} <= set(kept.tolist())


def test_the_interval_of_a_share() -> None:
    low, high = wilson([0, 5, 10], [10, 10, 10])
    assert low == pytest.approx([0, 0.2366, 0.7225], abs=1e-4)
    assert high == pytest.approx([0.2775, 0.7634, 1], abs=1e-4)


def test_equal_values_share_a_bin() -> None:
    bins = quantile_bins(np.array([1.0, 1, 1, 1, 2, 3]), 3)
    assert len(set(bins[:4].tolist())) == 1


def test_what_is_not_finite_draws_nothing() -> None:
    assert cells([1.23456789, np.nan, np.inf]) == [1.23457, None, None]
