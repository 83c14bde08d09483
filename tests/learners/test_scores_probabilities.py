from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as exact

from core.applications import APPLICATIONS
from core.declaration import Classification
from learners.scores.loops import BINS, best_threshold, bin_of, edge
from learners.scores.probabilities import ProbabilityScores, decisions, f_beta
from learners.scores.ranking import average_precision, roc_auc
from models.base import Floats

APPLICATION = next(one for one in APPLICATIONS.values() if isinstance(one.task, Classification))

SECOND = 1_000_000


def told(count: int, seed: int, share: float = 0.03) -> tuple[NDArray[np.bool_], Floats]:
    """Classes, and probabilities that rank them well and are skewed as those of rare positives are."""
    rng = np.random.default_rng(seed)
    truth = rng.random(count) < share
    return truth, np.where(truth, rng.beta(2, 3, count), rng.beta(0.3, 8, count))


def scored(truth: NDArray[np.bool_], p: Floats, gap_s: float = 0.1, delay_s: float = 60) -> ProbabilityScores:
    """All asked at even times, then all labels in that order."""
    scores = ProbabilityScores(APPLICATION)
    follow(scores, truth, p, np.full(len(p), np.nan), gap_s=gap_s, delay_s=delay_s)
    return scores


def follow(
    scores: ProbabilityScores,
    truth: NDArray[np.bool_],
    p: Floats,
    served: Floats,
    gap_s: float = 0.1,
    delay_s: float = 60,
    start_s: float = 0,
) -> None:
    """Labels only, of rows that were served at what is given."""
    asked = ((start_s + np.arange(len(p)) * gap_s) * SECOND).astype(np.int64)
    due = asked + int(delay_s * SECOND)
    scores.follow(p, truth.astype(np.float64), ~np.arange(len(p)), served, asked, due)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [8000, 60_000])
def test_ranking_is_that_of_scikit_learn(seed: int, count: int) -> None:
    truth, p = told(count, seed)
    values = scored(truth, p).values()
    assert values["roc_auc"] == pytest.approx(exact.roc_auc_score(truth, p), abs=0.002)
    of_few = 0.002 if count > 10_000 else 0.004
    assert values["average_precision"] == pytest.approx(exact.average_precision_score(truth, p), abs=of_few)


def test_loss_and_calibration_are_those_of_scikit_learn() -> None:
    truth, p = told(20_000, 5)
    values = scored(truth, p).values()
    assert values["log_loss"] == pytest.approx(exact.log_loss(truth, p))
    assert values["brier"] == pytest.approx(exact.brier_score_loss(truth, p))
    tenth = np.minimum(9, (p * 10).astype(int))
    expected = sum(
        abs(truth[tenth == n].mean() - p[tenth == n].mean()) * (tenth == n).mean() for n in range(10)
    )
    assert values["calibration_error"] == pytest.approx(expected)


def test_rolling_figures_are_of_the_last_5000() -> None:
    truth, p = told(12_345, 6, share=0.1)
    p[:6000] = 1 - p[:6000]
    values = scored(truth, p).values()
    late, ranked = truth[-5000:], p[-5000:]
    assert values["rolling_log_loss"] == pytest.approx(exact.log_loss(late, ranked), rel=1e-6)
    assert values["rolling_roc_auc"] == pytest.approx(exact.roc_auc_score(late, ranked), abs=0.002)
    assert values["rolling_average_precision"] == pytest.approx(
        exact.average_precision_score(late, ranked), abs=0.002
    )


def test_figures_of_five_minutes_are_of_event_time() -> None:
    truth, p = told(10_000, 7)
    values = scored(truth, p).values()
    # The clock is where the last label came; ten seconds hold a hundred labels.
    newest = (len(p) - 1) // 100
    late = np.arange(len(p)) // 100 > newest - 30
    assert values["time_rolling_log_loss"] == pytest.approx(exact.log_loss(truth[late], p[late]))


def test_what_lies_back_five_minutes_is_forgotten_without_new_labels() -> None:
    scores = scored(*told(100, 7))
    assert scores.values()["time_rolling_log_loss"] is not None
    later = np.array([10_000 * SECOND])
    scores.follow(np.array([0.5]), np.array([1.0]), np.array([0]), np.zeros(1), later, later)
    assert scores.values()["time_rolling_log_loss"] is None
    # A label that was due before the ring began is no longer of these minutes, whatever slot it would share.
    follow(scores, np.array([True]), np.array([0.5]), np.array([np.nan]), start_s=9900)
    for turns in (1, 2, 30):
        follow(scores, np.array([True]), np.array([0.01]), np.array([np.nan]), start_s=9900 - turns * 300)
    assert scores.values()["time_rolling_log_loss"] == pytest.approx(np.log(2))


@given(*[st.integers(0, 40)] * 4)
def test_decisions_are_those_of_scikit_learn(tp: int, fp: int, tn: int, fn: int) -> None:
    truth = np.repeat([1, 0, 0, 1], (tp, fp, tn, fn))
    alarm = np.repeat([1, 1, 0, 0], (tp, fp, tn, fn))
    values = decisions(tp, fp, tn, fn) | {"f2": f_beta(tp, fp, fn, 2.0)}
    if not (tp + fn and tn + fp and tp + fp and tn + fn):
        assert (values["f2"] is None) == (tp + fn == 0)
        assert values["mcc"] is None
        return
    found, absent = tp / (tp + fn), tn / (tn + fp)
    assert values == {
        "f1": pytest.approx(exact.f1_score(truth, alarm)),
        "f2": pytest.approx(exact.fbeta_score(truth, alarm, beta=2)),
        "accuracy": pytest.approx(exact.accuracy_score(truth, alarm)),
        "balanced_accuracy": pytest.approx(exact.balanced_accuracy_score(truth, alarm)),
        "g_mean": pytest.approx(np.sqrt(found * absent)),
        "kappa": pytest.approx(exact.cohen_kappa_score(truth, alarm)),
        "jaccard": pytest.approx(exact.jaccard_score(truth, alarm)),
        "mcc": pytest.approx(exact.matthews_corrcoef(truth, alarm)),
    }


def test_confusion_and_report_are_of_the_thresholds_served() -> None:
    scores = ProbabilityScores(APPLICATION)
    truth = np.array([True] * 4 + [False] * 6)
    # The same probability, served at different thresholds; without one, a half decides.
    served = np.array([0.1, 0.4, 0.41, np.nan, 0.3, 0.9, 0.9, 0.9, np.nan, 0.4])
    follow(scores, truth, np.full(10, 0.4), served)
    assert scores.confusion == {"tp": 2, "fp": 2, "tn": 4, "fn": 2}
    negative, positive = scores.report
    assert (negative.value, negative.precision, negative.recall, negative.n) == (False, 4 / 6, 4 / 6, 6)
    assert (positive.value, positive.precision, positive.recall, positive.n) == (True, 0.5, 0.5, 4)
    assert positive.f1 == 0.5
    assert scores.values()["precision"] == 0.5


def test_the_threshold_is_of_labels_before_and_written_at_the_ask() -> None:
    truth, p = told(199, 8, share=0.2)
    scores = scored(truth, p)
    assert scores.threshold is None
    p, truth = np.append(p, [0.01, 0.2]), np.append(truth, [False, False])
    served = np.zeros(201)
    times = np.zeros(201, dtype=np.int64)
    # Row 199 is asked before the 200th label, row 200 after it.
    scores.follow(p, truth.astype(np.float64), np.array([199, ~199, 200]), served, times, times)
    chosen = scores.threshold
    assert chosen is not None
    assert np.isnan(served[199])
    assert served[200] == chosen

    def f2(threshold: float) -> float:
        return float(exact.fbeta_score(truth[:200], p[:200] >= threshold, beta=2))

    assert f2(chosen) >= max(f2(edge(n)) for n in range(BINS)) - 1e-9


def test_the_threshold_is_chosen_anew_every_200_labels() -> None:
    truth, p = told(1000, 8, share=0.2)
    # Each 200 labels the same positives move further down.
    p = p / (1 + np.arange(1000) // 200)
    scores, chosen = ProbabilityScores(APPLICATION), []
    for n in range(1000):
        follow(scores, truth[n : n + 1], p[n : n + 1], np.array([np.nan]))
        chosen.append(scores.threshold)
    changes = [n for n in range(1, 1000) if chosen[n] != chosen[n - 1]]
    assert {n + 1 for n in changes} <= {200, 400, 600, 800, 1000}
    assert len(changes) > 2


def test_no_threshold_without_positives() -> None:
    scores = scored(*told(1000, 1, share=0.0))
    assert scores.threshold is None
    assert scores.values()["recall"] is None
    assert scores.values()["roc_auc"] is None
    assert scores.values()["average_precision"] is None


def test_delays_have_scores_of_their_own() -> None:
    scores, (truth, p) = ProbabilityScores(APPLICATION), told(6000, 9)
    parts = ((30, 0), (60, 1), (61, 2), (86_400, 3))
    for delay_s, number in parts:
        mine = np.arange(6000) % 4 == number
        follow(scores, truth[mine], p[mine], np.full(1500, np.nan), delay_s=delay_s)
    quick, middle, slow = scores.by_delay
    assert [(one.low_s, one.high_s, one.count) for one in (quick, middle, slow)] == [
        (0, 60, 3000),
        (60, 300, 1500),
        (21_600, None, 1500),
    ]
    mine = np.arange(6000) % 4 == 3
    assert slow.scores["log_loss"] == pytest.approx(exact.log_loss(truth[mine], p[mine]))
    assert slow.scores["roc_auc"] == pytest.approx(exact.roc_auc_score(truth[mine], p[mine]), abs=0.004)
    assert slow.scores["f2"] == pytest.approx(exact.fbeta_score(truth[mine], p[mine] >= 0.5, beta=2))


def test_calibration_tells_means_and_shares() -> None:
    scores = scored(np.arange(10) < 3, np.full(10, 0.25))
    assert scores.calibration == [(0.25, 0.3, 10)]
    assert scores.values()["calibration_error"] == pytest.approx(0.05)


def test_what_is_no_probability_leaves_no_trace() -> None:
    scores = scored(np.array([True, False, True]), np.array([0.5, np.nan, np.inf]))
    assert (scores.labels, scores.scored) == (3, 1)
    certain = scored(np.array([True, False]), np.array([0.0, 1.0])).values()
    assert certain["log_loss"] == pytest.approx(-np.log(1e-15), rel=1e-2)


@given(st.floats(1e-4, 1 - 1e-4))
def test_a_bin_holds_the_probabilities_above_its_edge(p: float) -> None:
    number = bin_of(p)
    assert edge(number) <= p * (1 + 1e-9)
    assert p <= edge(number + 1) * (1 + 1e-9)


def test_best_threshold_of_separable_answers_separates() -> None:
    histogram = np.zeros((2, BINS), dtype=np.int64)
    histogram[0, 100], histogram[1, 150] = 50, 5
    assert edge(100) < best_threshold(histogram, 2.0) <= edge(150)
    assert (roc_auc(histogram), average_precision(histogram)) == (1.0, 1.0)


def test_precision_of_one_answer_for_all_is_the_share_of_positives() -> None:
    for positives in (20, 2000):
        histogram = np.zeros((2, BINS), dtype=np.int64)
        histogram[0, 90], histogram[1, 90] = 49 * positives, positives
        assert roc_auc(histogram) == 0.5
        assert average_precision(histogram) == pytest.approx(0.02, rel=0.06)


def test_precision_within_a_bin_is_that_of_an_even_mix() -> None:
    """Many positives of a bin are summed by a formula, few one by one: both are the sum as it is defined."""
    rng = np.random.default_rng(3)
    for most in (40, 400):
        histogram = rng.integers(1, most, (2, BINS))
        found, false, area = 0, 0, 0.0
        for zero, one in histogram.T[::-1].tolist():
            j = np.arange(1, one + 1)
            area += float(((found + j) / (found + j + false + zero * j / (one + 1))).sum())
            found, false = found + one, false + zero
        assert average_precision(histogram) == pytest.approx(area / found, rel=1e-6)
