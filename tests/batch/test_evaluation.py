"""Scores of held-out rows against their definitions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from batch.datasets import Dataset, Source
from batch.evaluation import naive_scores, scores
from batch.split import Split
from batch.trainers import RECIPES
from core.applications import APPLICATIONS
from core.declaration import Application, Classification, Clustering, Regression
from core.metrics import batch_metrics
from models.registered.inputs import inputs
from models.registered.model import BatchModel

BY_TASK = {type(one.task): one for one in APPLICATIONS.values()}
MODEL: Any = None
"""Scores of labels need none."""


def dataset(application: Application, frame: pd.DataFrame, target: Any) -> Dataset:
    count = len(frame)
    times = np.datetime64("2026-03-02") + np.arange(count).astype("timedelta64[m]")
    moment = datetime(2026, 3, 2, tzinfo=UTC)
    source = Source(tables={}, uri="", start=moment, end=moment, available=count, rows=count, how="made up")
    return Dataset(
        application=application,
        frame=frame,
        target=None if target is None else np.asarray(target, dtype=np.float64),
        times=times.astype("datetime64[us]"),
        known_at=times.astype("datetime64[us]"),
        keys=np.array([f"entity {n}" for n in range(count)], dtype=object),
        texts=None,
        source=source,
    )


def labelled(task: type, target: Any, **columns: Any) -> Dataset:
    return dataset(BY_TASK[task], pd.DataFrame(columns, index=range(len(target))), target)


TRUTH = np.array([0, 0, 1, 0, 1, 0, 0, 1, 0, 0], dtype=np.float64)
SAID = np.array([0.1, 0.2, 0.9, 0.6, 0.4, 0.05, 0.3, 0.7, 0.1, 0.02])


def test_classification_by_hand() -> None:
    application = BY_TASK[Classification]
    told = scores(application, labelled(Classification, TRUTH), SAID, 0.5, MODEL)
    tp, fp, tn, fn = 2, 1, 6, 1
    p, q = 0.3, TRUTH * SAID + (1 - TRUTH) * (1 - SAID)
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    chance = (3 * 3 + 7 * 7) / 100
    wanted = {
        "roc_auc": 20 / 21,
        "average_precision": (1 + 1 + 3 / 4) / 3,
        "f2": 5 * tp / (5 * tp + 4 * fn + fp),
        "recall": tp / 3,
        "precision": tp / 3,
        "f1": 2 * tp / (2 * tp + fp + fn),
        "log_loss": -np.log(q).mean(),
        "brier": np.square(TRUTH - SAID).mean(),
        "d2_log_loss": 1 + np.log(q).mean() / entropy,
        "d2_brier": 1 - np.square(TRUTH - SAID).mean() / (p * (1 - p)),
        "accuracy": 0.8,
        "balanced_accuracy": (tp / 3 + tn / 7) / 2,
        "g_mean": (tp / 3 * tn / 7) ** 0.5,
        "jaccard": tp / (tp + fp + fn),
        "kappa": (0.8 - chance) / (1 - chance),
        "mcc": (tp * tn - fp * fn) / (3 * 3 * 7 * 7) ** 0.5,
    }
    assert {name: told[name] for name in wanted} == pytest.approx(wanted)
    assert told["calibration_error"] == pytest.approx((0.07 + 0.2 + 0.2 + 0.3 + 0.6 + 0.6 + 0.3 + 0.1) / 10)


def test_one_class_only_leaves_out_what_compares_two() -> None:
    application = BY_TASK[Classification]
    for truth in (np.zeros(10), np.ones(10)):
        told = scores(application, labelled(Classification, truth), SAID, 0.5, MODEL)
        for name in ("roc_auc", "average_precision", "d2_log_loss", "balanced_accuracy", "g_mean", "mcc"):
            assert told[name] is None, name
        for name in ("log_loss", "brier", "accuracy", "calibration_error"):
            assert told[name] is not None, name
    assert scores(application, labelled(Classification, np.zeros(10)), SAID, 0.5, MODEL)["recall"] is None
    certain = scores(application, labelled(Classification, TRUTH), 1 - TRUTH, 0.5, MODEL)
    assert certain["log_loss"] == pytest.approx(-np.log(1e-15), rel=1e-4)


def test_regression_by_hand() -> None:
    application = BY_TASK[Regression]
    truth, said = np.array([100.0, 200.0, 400.0, 500.0]), np.array([110.0, 190.0, 300.0, 520.0])
    told = scores(application, labelled(Regression, truth), said, None, MODEL)
    off = truth - said
    wanted = {
        "mae": 35.0,
        "rmse": np.sqrt(np.square(off).mean()),
        "mse": np.square(off).mean(),
        "mape": 100 * (0.1 + 0.05 + 0.25 + 0.04) / 4,
        "smape": 100 * (20 / 210 + 20 / 390 + 200 / 700 + 40 / 1020) / 4,
        "r2": 1 - np.square(off).sum() / np.square(truth - 300).sum(),
        "explained_variance": 1 - off.var() / truth.var(),
        "median_ae": 15.0,
        "max_error": 100.0,
        "rmsle": np.sqrt(np.square(np.log1p(truth) - np.log1p(said)).mean()),
        "d2_absolute_error": 1 - 140 / 600,
        "d2_pinball": 1 - 140 / 600,
        "d2_tweedie": 1 - np.square(off).sum() / np.square(truth - 300).sum(),
    }
    assert told == pytest.approx(wanted)
    same = scores(application, labelled(Regression, [7.0, 7.0]), np.array([6.0, 8.0]), None, MODEL)
    assert same["r2"] is None
    assert same["mae"] == 1


@pytest.mark.filterwarnings("error")
def test_no_rows_have_no_scores() -> None:
    for task in (Classification, Regression):
        told = scores(BY_TASK[task], labelled(task, np.empty(0)), np.empty(0), None, MODEL)
        assert set(told.values()) == {None}


def test_what_costs_nothing_is_scored_on_the_same_rows() -> None:
    train, test = labelled(Classification, TRUTH), labelled(Classification, TRUTH[:5])
    told = naive_scores(BY_TASK[Classification], Split(train, test, test), test, MODEL)
    assert told["roc_auc"] == 0.5
    assert told["recall"] == 1
    assert told["f2"] == pytest.approx(5 * 0.4 / (4 * 0.4 + 1))
    assert told["log_loss"] == pytest.approx(-(2 * np.log(0.3) + 3 * np.log(0.7)) / 5)
    application = BY_TASK[Regression]
    assert isinstance(application.task, Regression)
    naive, floor = application.task.naive, application.task.floor
    trips = labelled(Regression, [100.0, 300.0, 500.0], **{naive: [120.0, np.nan, 0.0]})
    told = naive_scores(application, Split(trips, trips, trips), trips, MODEL)
    assert told["mae"] == pytest.approx((20 + 0 + 500 - floor) / 3)


def clustered(seed: int = 0, count: int = 300) -> tuple[Dataset, np.ndarray[Any, Any]]:
    """Three groups that lie far apart in every input."""
    application, rng = BY_TASK[Clustering], np.random.default_rng(seed)
    groups = rng.integers(0, 3, count)
    names = [one.name for one in inputs(application)]
    values = rng.normal(size=(count, len(names))) * 0.1 + groups[:, None] * np.linspace(-1, 2, len(names))
    return dataset(application, pd.DataFrame(values, columns=names), None), groups


def model() -> BatchModel:
    train, _ = clustered(1)
    from batch.progress import Silent

    return RECIPES["kmeans"].fit(Split(train, train, train), {"segments": 3}, 1, Silent())


def test_clustering_finds_what_is_there() -> None:
    from sklearn.metrics import adjusted_rand_score

    fitted, (test, groups) = model(), clustered(2)
    answers = fitted.answers(test.frame)
    assert adjusted_rand_score(groups, answers) == 1
    told = scores(test.application, test, answers, None, fitted)
    assert told["segments"] == 3
    assert told["stability"] == 1
    assert (told["silhouette"] or 0) > 0.8
    assert told["rolling_silhouette"] == told["silhouette"], "fewer rows than the window holds"
    points = fitted.points(test.frame)
    inside = sum(np.square(points[answers == n] - points[answers == n].mean(axis=0)).sum() for n in range(3))
    assert told["inertia"] == pytest.approx(inside)
    naive = naive_scores(test.application, Split(test, test, test), test, fitted)
    assert naive["segments"] == 1
    assert naive["silhouette"] is None
    assert naive["inertia"] == pytest.approx(np.square(points - points.mean(axis=0)).sum())


def test_silhouettes_over_time_look_at_the_newest_rows_only() -> None:
    fitted, (test, _) = model(), clustered(3, 1500)
    answers = fitted.answers(test.frame)
    whole = scores(test.application, test, answers, None, fitted)
    worse = answers.copy()
    worse[-150:] = np.random.default_rng(1).permutation(worse[-150:])
    told = scores(test.application, test, worse, None, fitted)
    changed = {name: (whole[name] or 0) - (told[name] or 0) for name in whole}
    assert changed["time_rolling_silhouette"] > changed["rolling_silhouette"] > changed["silhouette"] > 0


def test_fewer_rows_than_segments_can_not_tell_stability() -> None:
    fitted, (test, _) = model(), clustered(4, 8)
    told = scores(test.application, test, fitted.answers(test.frame), None, fitted)
    assert told["stability"] is None
    assert told["inertia"] is not None
    nothing = replace(test, frame=test.frame[:0], times=test.times[:0], known_at=test.known_at[:0])
    assert set(scores(test.application, nothing, np.empty(0), None, fitted).values()) == {None}


def test_every_metric_has_its_definition() -> None:
    for application in APPLICATIONS.values():
        metrics = batch_metrics(application.task)
        assert len({metric.id for metric in metrics}) == len(metrics)
        for metric in metrics:
            assert metric.group
            assert metric.formula
            assert metric.explanation.endswith(".")
            assert metric.high is None or metric.low < metric.high
