from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as exact

from core.applications import APPLICATIONS
from core.declaration import Regression
from learners.scores.numbers import NumberScores
from models.base import Floats

APPLICATION = next(one for one in APPLICATIONS.values() if isinstance(one.task, Regression))
assert isinstance(APPLICATION.task, Regression)
FLOOR = APPLICATION.task.floor

SECOND = 1_000_000


def scored(truth: Floats, told: Floats, delay_s: Floats | float = 60.0) -> NumberScores:
    """Labels at ten per second."""
    scores = NumberScores(APPLICATION)
    asked = np.arange(len(told)) * (SECOND // 10)
    due = asked + (np.broadcast_to(delay_s, len(told)) * SECOND).astype(np.int64)
    scores.follow(told, truth, ~np.arange(len(told)), np.zeros(len(told)), asked, due)
    return scores


def trips(count: int, seed: int = 3) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(100, 9000, count)
    return truth, truth * rng.uniform(0.7, 1.3, count)


def test_figures_are_those_of_scikit_learn() -> None:
    y, p = trips(7000)
    values = scored(y, p).values()
    late = np.arange(7000) // 100 > 69 - 30
    assert values == {
        "mae": pytest.approx(exact.mean_absolute_error(y, p)),
        "rmse": pytest.approx(exact.root_mean_squared_error(y, p)),
        "r2": pytest.approx(exact.r2_score(y, p)),
        "mape": pytest.approx(100 * exact.mean_absolute_percentage_error(y, p)),
        "rolling_mae": pytest.approx(exact.mean_absolute_error(y[-1000:], p[-1000:])),
        "rolling_rmse": pytest.approx(exact.root_mean_squared_error(y[-1000:], p[-1000:])),
        "time_rolling_mae": pytest.approx(exact.mean_absolute_error(y[late], p[late])),
        "mse": pytest.approx(exact.mean_squared_error(y, p)),
        "smape": pytest.approx(100 * np.mean(2 * np.abs(y - p) / (np.abs(y) + np.abs(p)))),
        "rmsle": pytest.approx(exact.root_mean_squared_log_error(y, p)),
    }


def test_a_trip_of_no_time_has_no_relative_error() -> None:
    values = scored(np.array([0.0]), np.array([FLOOR + 10])).values()
    assert values["mape"] is None
    assert values["r2"] is None
    assert values["mae"] == FLOOR + 10
    assert values["smape"] == 200


def test_what_is_below_the_floor_is_scored_as_the_floor_that_is_served() -> None:
    assert scored(np.array([FLOOR + 5]), np.array([-1e9])).values()["mae"] == 5


def test_what_is_no_number_leaves_no_trace() -> None:
    scores = scored(np.array([100.0, 100.0, 100.0]), np.array([np.nan, np.inf, 130.0]))
    assert (scores.labels, scores.scored, scores.values()["mae"]) == (3, 1, 30)


def test_delays_have_scores_of_their_own() -> None:
    y, p = trips(4000)
    scores = scored(y, p, delay_s=y)
    assert [(one.low_s, one.high_s) for one in scores.by_delay] == [
        (60, 300),
        (300, 900),
        (900, 3600),
        (3600, 21_600),
    ]
    for one in scores.by_delay:
        mine = (y > one.low_s) & (y <= (one.high_s or np.inf))
        assert one.count == mine.sum()
        assert one.scores == {
            "mae": pytest.approx(exact.mean_absolute_error(y[mine], p[mine])),
            "rmse": pytest.approx(exact.root_mean_squared_error(y[mine], p[mine])),
            "mape": pytest.approx(100 * exact.mean_absolute_percentage_error(y[mine], p[mine])),
        }
