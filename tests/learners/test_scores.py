from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from learners.labels import Told
from learners.scores.clustering import silhouette
from learners.scores.histogram import BINS, best_threshold, bin_of, edge, f_beta, logit

from core.applications import APPLICATIONS
from core.declaration import Application
from core.metrics import metrics
from learners import scores as scoring
from learners.scores import ClassificationScores, ClusteringScores, RegressionScores
from models.base import Settled

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=lambda one: one.name)
TFD, ETA, ECCI = (APPLICATIONS[name] for name in ("tfd", "eta", "ecci"))


def classified(
    count: int, seed: int = 1, share: float = 0.1
) -> tuple[ClassificationScores, list[float], list[bool]]:
    rng, scores, told, truth = random.Random(seed), ClassificationScores(TFD), [], []
    for _ in range(count):
        label = rng.random() < share
        p = min(0.999, max(0.001, rng.betavariate(5, 2) if label else rng.betavariate(1, 8)))
        served = 0.5 if scores.threshold is None else scores.threshold
        scores.add(Told(p >= served, p, scores.naive_answer({})), label, ())
        told.append(p)
        truth.append(label)
    return scores, told, truth


@EVERY
def test_scores_are_those_of_the_vocabulary_and_unknown_at_first(application: Application) -> None:
    values = scoring.build(application).values()
    assert {*values} <= {metric.id for metric in metrics(application.task)}
    assert set(values.values()) == {None}


def exact_auc(truth: list[bool], told: list[float]) -> float:
    """By all pairs."""
    y, p = np.array(truth), np.array(told)
    above = p[y][:, None] - p[~y][None, :]
    return float(((above > 0) + (above == 0) / 2).mean())


def exact_precision(truth: list[bool], told: list[float]) -> float:
    """Mean over the positives of the precision at their own rank."""
    y = np.array(truth)[np.argsort(-np.array(told))]
    return float((np.cumsum(y) / np.arange(1, len(y) + 1))[y].mean())


def exact_loss(truth: list[bool], told: list[float]) -> float:
    y, p = np.array(truth), np.array(told)
    return float(-np.log(np.where(y, p, 1 - p)).mean())


def exact_silhouette(points: Any, labels: Any) -> float:
    """Point by point, as it is defined."""
    found = []
    for n, label in enumerate(labels):
        away = np.linalg.norm(points - points[n], axis=1)
        own = (labels == label) & (np.arange(len(labels)) != n)
        if not own.any():
            found.append(0.0)
            continue
        b = min(away[labels == other].mean() for other in set(labels) if other != label)
        a = away[own].mean()
        found.append((b - a) / max(a, b))
    return float(np.mean(found))


def test_ranking_and_loss_agree_with_the_exact_ones() -> None:
    scores, told, truth = classified(6000)
    values = scores.values()
    assert values["roc_auc"] == pytest.approx(exact_auc(truth, told), abs=0.002)
    assert values["average_precision"] == pytest.approx(exact_precision(truth, told), abs=0.01)
    assert values["log_loss"] == pytest.approx(exact_loss(truth, told))
    late = exact_auc(truth[-5000:], told[-5000:])
    assert values["rolling_roc_auc"] == pytest.approx(late, abs=0.002)


def test_rolling_figure_forgets() -> None:
    scores, _, _ = classified(2000)
    for n in range(5000):
        positive = n % 10 == 0
        # From here on all answers are wrong way round.
        scores.add(Told(not positive, 0.1 if positive else 0.9, None), positive, ())
    assert scores.values()["rolling_roc_auc"] == 0.0
    assert scores.values()["roc_auc"] != 0.0


def test_confusion_counts_what_was_served() -> None:
    scores = ClassificationScores(TFD)
    for value, truth, times in ((True, True, 3), (True, False, 2), (False, True, 1), (False, False, 4)):
        for _ in range(times):
            # The probability says nothing about the class that was served.
            scores.add(Told(value, 0.4, None), truth, ())
    assert scores.confusion == {"tp": 3, "fp": 2, "tn": 4, "fn": 1}
    values = scores.values()
    assert values["precision"] == 0.6
    assert values["recall"] == 0.75
    assert values["f2"] == pytest.approx(5 * 0.6 * 0.75 / (4 * 0.6 + 0.75))


def test_threshold_comes_from_answers_before() -> None:
    scores, told, truth = classified(199, share=0.2)
    assert scores.threshold is None
    scores.add(Told(False, 0.01, None), False, ())
    chosen = scores.threshold
    assert chosen is not None

    def f2(threshold: float) -> float:
        tp = sum(p >= threshold and y for p, y in zip(told, truth, strict=True))
        fp = sum(p >= threshold and not y for p, y in zip(told, truth, strict=True))
        return f_beta(tp, fp, sum(truth) - tp, 2.0) or 0.0

    assert f2(chosen) >= max(f2(edge(n)) for n in range(BINS)) - 1e-9


def test_no_threshold_without_positives() -> None:
    scores, _, _ = classified(1000, share=0.0)
    assert scores.threshold is None
    assert scores.values()["recall"] is None
    assert scores.values()["roc_auc"] is None


@given(st.floats(1e-4, 1 - 1e-4))
def test_a_bin_holds_the_probabilities_above_its_edge(p: float) -> None:
    number = bin_of(logit(p))
    assert edge(number) <= p * (1 + 1e-9)
    assert p <= edge(number + 1) * (1 + 1e-9)


def test_best_threshold_of_separable_answers_separates() -> None:
    negatives, positives = [0] * BINS, [0] * BINS
    negatives[100], positives[150] = 50, 5
    assert edge(100) < best_threshold(negatives, positives, 2.0) <= edge(150)


def test_calibration_tells_means_and_shares() -> None:
    scores = ClassificationScores(TFD)
    for n in range(10):
        scores.add(Told(False, 0.25, None), n < 3, ())
    assert scores.calibration == [(0.25, 0.3, 10)]


def test_prior_is_the_naive_answer() -> None:
    scores, _, truth = classified(500)
    assert scores.naive_answer({}) == pytest.approx((sum(truth) + 1) / 502)
    naive = scores.naive_values()
    assert naive["roc_auc"] == pytest.approx(0.5, abs=0.15)
    assert (naive["log_loss"] or 0) > (scores.values()["log_loss"] or 1)


def test_regression_agrees_with_the_exact_figures() -> None:
    rng, scores, told, truth = random.Random(3), RegressionScores(ETA), [], []
    for _ in range(1500):
        seconds = rng.uniform(60, 9000)
        told.append(seconds * rng.uniform(0.7, 1.3))
        truth.append(seconds)
        scores.add(Told(told[-1], None, seconds + 100), seconds, ())
    y, p = np.array(truth), np.array(told)
    values = scores.values()
    assert values["mae"] == pytest.approx(np.abs(y - p).mean())
    assert values["rmse"] == pytest.approx(np.sqrt(((y - p) ** 2).mean()))
    assert values["r2"] == pytest.approx(1 - ((y - p) ** 2).mean() / y.var())
    assert values["mape"] == pytest.approx((np.abs(y - p) / y).mean() * 100)
    assert values["rolling_mae"] == pytest.approx(np.abs(y - p)[-1000:].mean())
    assert scores.naive_values()["mae"] == pytest.approx(100)


def test_a_trip_of_no_time_has_no_relative_error() -> None:
    scores = RegressionScores(ETA)
    scores.add(Told(10.0, None, None), 0, ())
    assert scores.values()["mape"] is None
    assert scores.values()["r2"] is None
    assert scores.values()["mae"] == 10


def test_silhouette_agrees_with_the_exact_one() -> None:
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 4, 150)
    points = rng.normal(size=(150, 3)) + labels[:, None]
    labels[0] = 9  # Alone in its segment.
    assert silhouette(points, labels) == pytest.approx(exact_silhouette(points, labels))
    assert silhouette(points, np.zeros(150, dtype=np.int64)) is None


def test_clustering_counts_steadiness_and_segments() -> None:
    scores = ClusteringScores(ECCI)
    for segment, before in ((0, 0), (1, 0), (0, None), (2, 2)):
        scores.add(None, None, [Settled([float(segment), 0.0], segment, before)])
    values = scores.values()
    assert values["stability"] == pytest.approx(2 / 3)
    assert values["segments"] == 3
    assert scores.naive_values() == {}


def filled(application: Application) -> Any:
    if application is TFD:
        return classified(5600)[0]
    scores, rng = scoring.build(application), random.Random(2)
    for _ in range(1200):
        y = rng.uniform(60, 900)
        scores.add(Told(y + 3.5, None, y), y, [Settled([y, 1.0], int(y) % 3, int(y) % 2)])
    return scores


@EVERY
def test_bytes_go_on_exactly(application: Application) -> None:
    scores = filled(application)
    again = scoring.restore(application, scores.to_bytes())
    assert again.to_bytes() == scores.to_bytes()
    assert again.values() == scores.values()
    for one in (scores, again):
        one.add(Told(True, 0.7, 0.2), 1, [Settled([1.0, 2.0], 1, 1)])
    assert again.to_bytes() == scores.to_bytes()
    assert again.values() == scores.values()
    assert again.threshold == scores.threshold
