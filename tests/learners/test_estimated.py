from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as exact
from sklearn.isotonic import IsotonicRegression

from core.applications import APPLICATIONS
from core.declaration import Application, Classification, Clustering, Regression
from learners import expectation
from learners.estimated import MEASURES, BadEstimates, Estimated
from learners.scores.prequential import build
from models.base import Floats
from tests.learners.test_scores_prequential import Stream, stream

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=lambda one: one.name)
CLASSES = next(one for one in APPLICATIONS.values() if isinstance(one.task, Classification))
NUMBERS = next(one for one in APPLICATIONS.values() if isinstance(one.task, Regression))
CLUSTERS = next(one for one in APPLICATIONS.values() if isinstance(one.task, Clustering))

DELAY = 3000
"""Answers that wait, once the stream runs."""


def feed(one: Estimated, answers: Floats, truths: Floats, threshold: float = 0.3, start: int = 0) -> None:
    """Asks at ten a second; labels come after 3,000 more asks, in one call."""
    n = len(answers)
    steps = [step for row in range(n) for step in ((row,) if row < DELAY else (row, ~(row - DELAY)))]
    order = np.array(steps, dtype=np.int64)
    asked = (start + np.arange(n, dtype=np.int64)) * 100_000
    one.follow(answers, truths, order, np.full(n, threshold), asked, asked + DELAY * 100_000)


def doubtful(count: int, seed: int, share: float) -> tuple[Floats, Floats]:
    """Probabilities that mean what they say: a share of them doubtful, the others clear; and what came."""
    rng = np.random.default_rng(seed)
    clear = np.where(rng.random(count) < 0.1, rng.beta(30, 2, count), rng.beta(1, 60, count))
    p = np.where(rng.random(count) < share, rng.beta(2, 6, count), clear)
    return p, (rng.random(count) < p).astype(np.float64)


def scored(p: Floats, y: Floats, threshold: float = 0.3) -> dict[str, float]:
    alarm = p >= threshold
    return {
        "roc_auc": float(exact.roc_auc_score(y, p)),
        "f2": float(exact.fbeta_score(y, alarm, beta=2)),
        "precision": float(exact.precision_score(y, alarm)),
        "recall": float(exact.recall_score(y, alarm)),
        "log_loss": float(exact.log_loss(y, p)),
    }


TOLERANCE = {"roc_auc": 0.02, "f2": 0.04, "precision": 0.05, "recall": 0.04, "log_loss": 0.015}


def test_a_drop_by_covariate_shift_is_told_before_its_labels_come() -> None:
    before, after = doubtful(20_000, 1, 0.05), doubtful(DELAY, 2, 0.9)
    one = Estimated(CLASSES)
    feed(one, *before)
    calm = one.values()
    waiting = scored(before[0][-DELAY:], before[1][-DELAY:])
    for name, value in waiting.items():
        assert calm[name].value == pytest.approx(value, abs=TOLERANCE[name]), name
    # The doubtful ones are asked; of the labels only those of the calm ones come.
    shifted = Estimated(CLASSES)
    feed(shifted, np.append(before[0], after[0]), np.append(before[1], after[1]))
    assert shifted.waiting == DELAY
    told, came = shifted.values(), scored(*after)
    assert came["f2"] < waiting["f2"] - 0.2
    for name, value in came.items():
        estimate = told[name]
        assert estimate.value == pytest.approx(value, abs=2 * TOLERANCE[name]), name
        assert estimate.realised == pytest.approx(scored(*before)[name], abs=2 * TOLERANCE[name]), name
        assert estimate.error is not None
        assert 0 < estimate.error < 2 * TOLERANCE[name]


def test_probabilities_that_say_too_much_are_corrected_by_past_labels() -> None:
    rng = np.random.default_rng(3)
    p, y = doubtful(30_000, 3, 0.5)
    boast = p**0.5
    one = Estimated(CLASSES)
    feed(one, boast, y)
    came = scored(boast[-DELAY:], y[-DELAY:])
    for name, value in came.items():
        assert one.values()[name].value == pytest.approx(value, abs=2 * TOLERANCE[name]), name
        error = one.values()[name].error
        assert error is not None
        assert error < 1.5 * TOLERANCE[name], name
    uncorrected = Estimated(CLASSES)
    feed(uncorrected, boast[:DELAY], rng.random(DELAY))
    estimate = uncorrected.values()["precision"].value
    assert estimate is not None
    assert estimate > came["precision"] + 0.1


def test_what_answers_meant_long_ago_is_forgotten() -> None:
    p, y = doubtful(80_000, 9, 0.5)
    y[:30_000] = 0
    one = Estimated(CLASSES)
    feed(one, p, y)
    for name, value in scored(p[-DELAY:], y[-DELAY:]).items():
        assert one.values()[name].value == pytest.approx(value, abs=2 * TOLERANCE[name]), name


def test_the_error_of_the_estimate_is_measured_when_the_same_answers_mean_something_else() -> None:
    p, y = doubtful(40_000, 4, 0.3)
    steady, changed = Estimated(CLASSES), Estimated(CLASSES)
    feed(steady, p, y)
    y = y.copy()
    y[20_000:] = np.random.default_rng(5).random(20_000) < p[20_000:] / 3
    feed(changed, p, y)
    small, large = steady.values()["precision"].error, changed.values()["precision"].error
    assert small is not None
    assert large is not None
    assert large > 3 * small


def test_longer_trips_are_expected_to_err_more() -> None:
    rng = np.random.default_rng(6)
    told = np.append(rng.uniform(300, 1200, 15_000), rng.uniform(300, 6000, 15_000))
    truths = told * rng.normal(1, 0.1, 30_000)
    one, late = Estimated(NUMBERS), rng.uniform(4000, 6000, DELAY)
    feed(one, np.append(told, late), np.append(truths, late))
    estimate = one.values()["mae"]
    expected = float(np.mean(late) * 0.1 * np.sqrt(2 / np.pi))
    assert estimate.value == pytest.approx(expected, rel=0.1)
    assert one.values()["rmse"].value == pytest.approx(np.sqrt((late**2).mean()) * 0.1, rel=0.1)
    assert estimate.realised == pytest.approx(np.abs(truths - told)[-6000:].mean(), rel=0.1)
    assert estimate.error is not None
    assert estimate.error < 0.15 * expected


def test_what_is_below_the_floor_errs_as_the_floor_does() -> None:
    assert isinstance(NUMBERS.task, Regression)
    one, floor = Estimated(NUMBERS), NUMBERS.task.floor
    feed(one, np.full(9000, -1e6), np.full(9000, floor + 5))
    assert one.values()["mae"].value == pytest.approx(5)


def test_calibration_is_isotonic() -> None:
    rng = np.random.default_rng(1)
    known, table = np.zeros((3, expectation.PLACES)), np.full((2, expectation.PLACES), np.nan)
    known[0], known[1] = rng.integers(0, 500, (2, expectation.PLACES))
    expectation._calibrate(known, table)
    middle = np.array([expectation.middle(place) for place in range(expectation.PLACES)])
    weight = known[0] + known[1] + expectation.PRIOR
    share = (known[1] + expectation.PRIOR * middle) / weight
    fitted = IsotonicRegression().fit(middle, share, sample_weight=weight).predict(middle)
    np.testing.assert_allclose(table[0], fitted)


def test_windows_hold_4000_answers_each_and_are_compared_once() -> None:
    p, y = doubtful(4000 * 5 + DELAY, 2, 0.3)
    one = Estimated(CLASSES)
    feed(one, p, y)
    expected, realised, comparisons = one._state[6][:, -1], one._state[7][:, -1], one._state[11]
    assert expected[:6].tolist() == [4000] * 5 + [3000]
    assert realised[:6].tolist() == [4000] * 5 + [0]
    assert set(comparisons.tolist()) == {5}
    # An event that comes late belongs to a window that is over: its label changes nothing there.
    before = one._state[7].copy()
    early = np.array([100], dtype=np.int64)
    one.follow(np.array([0.5]), np.ones(1), np.array([0, ~0]), np.array([0.3]), early, early)
    np.testing.assert_array_equal(one._state[7], before)
    assert set(one._state[11].tolist()) == {5}


def test_events_of_one_moment_are_of_one_window() -> None:
    p, y = doubtful(10_000, 2, 0.3)
    one, same, order = Estimated(CLASSES), np.full(10_000, 7, dtype=np.int64), np.arange(10_000)
    one.follow(p, y, order, np.full(10_000, 0.3), same, same)
    assert one._state[6][:2, -1].tolist() == [10_000, 0]
    assert one._state[0][expectation.NUMBER] == 0


def test_windows_with_a_few_labels_missing_are_compared_when_they_are_old() -> None:
    p, y = doubtful(4000 * 40, 2, 0.3)
    y[::20] = np.nan
    one = Estimated(CLASSES)
    feed(one, p, y)
    assert set(one._state[11].tolist()) == {40 - expectation.WINDOWS}


@EVERY
def test_nothing_is_known_at_first(application: Application) -> None:
    values = Estimated(application).values()
    assert list(values) == list(MEASURES[type(application.task)])
    assert all((one.value, one.realised, one.error) == (None, None, None) for one in values.values())


def batches(one: Stream, served: Floats, cuts: NDArray[np.int64], estimated: Estimated) -> None:
    for start, end in pairwise([0, *cuts.tolist(), len(one.order)]):
        steps = one.order[start:end]
        rows = np.unique(np.where(steps >= 0, steps, ~steps))
        place = np.searchsorted(rows, np.where(steps >= 0, steps, ~steps))
        estimated.follow(
            one.answers[rows],
            one.truths[rows],
            np.where(steps >= 0, place, ~place),
            served[rows],
            one.asked_us[rows],
            one.due_us[rows],
        )


@EVERY
def test_cuts_change_no_bit(application: Application) -> None:
    one, rng = stream(application, 30_000), np.random.default_rng(7)
    scores, served = build(application), np.zeros(30_000)
    scores.follow(one.answers, one.truths, one.order, served, one.asked_us, one.due_us)
    whole = Estimated(application)
    batches(one, served, np.array([], dtype=np.int64), whole)
    assert all(estimate.error is not None for estimate in whole.values().values())
    for cuts in (np.arange(1, 12_000), np.sort(rng.choice(len(one.order), 50, replace=False))):
        cut = Estimated(application)
        batches(one, served, cuts, cut)
        assert cut.to_bytes() == whole.to_bytes()
        assert cut.values() == whole.values()


@EVERY
def test_bytes_go_on_exactly(application: Application) -> None:
    one, served = stream(application, 20_000), np.full(20_000, 0.2)
    estimated, half = Estimated(application), len(one.order) // 2
    estimated.follow(one.answers, one.truths, one.order[:half], served, one.asked_us, one.due_us)
    again = Estimated.from_bytes(estimated.to_bytes(), application)
    assert again.to_bytes() == estimated.to_bytes()
    for each in (estimated, again):
        each.follow(one.answers, one.truths, one.order[half:], served, one.asked_us, one.due_us)
    assert again.to_bytes() == estimated.to_bytes()
    assert again.values() == estimated.values()
    assert again.waiting == 0
    assert len(again.to_bytes()) < 120_000


def test_bytes_of_others_are_refused() -> None:
    data = Estimated(CLASSES).to_bytes()
    with pytest.raises(BadEstimates, match="no estimates"):
        Estimated.from_bytes(data[:-4], CLASSES)
    with pytest.raises(BadEstimates, match="estimates are of roc_auc"):
        Estimated.from_bytes(data, NUMBERS)


def test_what_does_not_fit_is_refused() -> None:
    zeros, times = np.zeros(3), np.zeros(3, dtype=np.int64)
    with pytest.raises(ValueError, match="different lengths: 3, 3, 2, 3"):
        Estimated(CLASSES).follow(zeros, zeros, times, np.zeros(2), times, times)
    for application in (CLASSES, NUMBERS):
        with pytest.raises(IndexError, match="not there"):
            Estimated(application).follow(zeros, zeros, np.array([~3]), zeros, times, times)


def test_labels_that_never_come_do_not_fill_the_memory() -> None:
    p, y = doubtful(400_000, 8, 0.3)
    one, times = Estimated(CLASSES), np.arange(400_000, dtype=np.int64)
    order = np.arange(400_000, dtype=np.int64)
    one.follow(p, y, order, np.full(400_000, 0.3), times, times)
    assert one.waiting == 400_000
    assert one.values()["f2"].error is None
    one.follow(p, y, ~order, np.full(400_000, 0.3), times, times)
    assert one.waiting == 0
