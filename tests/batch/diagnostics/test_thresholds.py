from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, fbeta_score, precision_score, recall_score

from batch.diagnostics import calibration, confusion, thresholds
from batch.diagnostics.scored import Scored
from batch.diagnostics.subject import Unanswerable
from core.diagnostics.shapes import Heat, Lines
from tests.batch.diagnostics.test_ranking import line, scored, sound


def test_scores_at_every_threshold_are_those_of_sklearn() -> None:
    one = scored(400)
    grid = np.array([0.01, one.answers[one.truth > 0][0], 0.2])  # at a positive's very answer: it is alarmed
    found = thresholds.at_thresholds(one.truth, one.answers, grid)
    for place, threshold in enumerate(grid):
        alarms = one.answers >= threshold
        assert found.precision[place] == pytest.approx(precision_score(one.truth, alarms))
        assert found.recall[place] == pytest.approx(recall_score(one.truth, alarms))
        assert found.f1[place] == pytest.approx(f1_score(one.truth, alarms))
        assert found.f2[place] == pytest.approx(fbeta_score(one.truth, alarms, beta=2))
        assert found.queue[place] == pytest.approx(alarms.mean())


def test_weights_count_rows_more_than_once() -> None:
    one = scored(300)
    rows = np.random.default_rng(3).integers(0, 300, 300)
    weights = np.bincount(rows, minlength=300).astype(float)[None]
    grid = np.array([0.02, 0.1])
    weighed = thresholds.at_thresholds(one.truth, one.answers, grid, weights)
    repeated = thresholds.at_thresholds(one.truth[rows], one.answers[rows], grid)
    assert np.allclose(weighed.f1[0], repeated.f1)


def test_nothing_is_alarmed_above_every_answer() -> None:
    found = thresholds.at_thresholds(np.array([0.0, 1.0]), np.array([0.1, 0.2]), np.array([0.5]))
    assert np.isnan(found.precision[0])
    assert found.recall[0] == 0


def test_the_choice_marks_the_served_threshold_and_the_best_ones() -> None:
    panel = sound(thresholds.threshold_choice(scored(), np.random.default_rng(0)))[0]
    assert [mark.text for mark in panel.marks] == ["served", "best F1", "best F2"]
    recall = line(panel, "recall")
    assert all(
        low <= high  # type: ignore[operator]
        for low, high in zip(recall.low, recall.high, strict=True)
        if low is not None
    )


def test_precision_among_the_first_of_each_day() -> None:
    days = np.repeat(np.arange("2026-03-01", "2026-03-05", dtype="datetime64[D]"), 4).astype("datetime64[us]")
    answers = np.tile([0.9, 0.8, 0.2, 0.1], 4)
    truth = np.tile([1.0, 0.0, 0.0, 1.0], 4)
    one = Scored(truth, answers, 0.5, ("no", "yes"), days)
    panels, facts = thresholds.precision_at_top(one, 2)
    sound((panels, facts))
    assert facts[0].value == 0.5
    assert facts[1].value == 0.5
    assert line(panels[0], "best possible").y == [1.0] * 4
    assert line(panels[1], "precision").y == pytest.approx([1, 0.5, 1 / 3, 0.5], abs=1e-5)


def test_fewer_than_three_days_are_told_by_the_hour() -> None:
    times = np.datetime64("2026-03-01", "us") + np.arange(100) * np.timedelta64(15, "m")
    assert thresholds.spans(times).word == "hour"


def test_more_rows_than_a_day_has() -> None:
    with pytest.raises(Unanswerable, match="k=5000"):
        thresholds.precision_at_top(scored(), 5000)


def test_the_confusion_adds_up() -> None:
    one = scored(threshold=0.2)
    panels, facts = confusion.confusion(one)
    sound((panels, facts))
    heat = panels[0].series[0]
    assert isinstance(heat, Heat)
    assert sum(map(sum, heat.values)) == len(one.truth)  # type: ignore[arg-type]
    assert heat.values[1][1] == np.sum((one.truth > 0) & (one.answers >= 0.2))
    sound(confusion.report(one))
    sound(confusion.class_prediction_error(one))


def test_a_class_that_is_never_answered_has_scores_of_zero() -> None:
    one = scored(threshold=1.0)
    panels = sound(confusion.report(one))
    heat = panels[0].series[0]
    assert isinstance(heat, Heat)
    assert heat.values[1] == [0, 0, 0]


def test_honest_probabilities_lie_on_the_diagonal() -> None:
    panels, facts = calibration.calibration(scored(50_000), 10)
    sound((panels, facts))
    line = panels[0].series[0]
    assert isinstance(line, Lines)
    assert len(line.x) == 10
    inside = [
        low <= x <= high  # type: ignore[operator]
        for x, low, high in zip(line.x, line.low, line.high, strict=True)
    ]
    assert sum(inside) >= 8
    assert facts[0].value < 0.005  # type: ignore[operator]


def test_loud_probabilities_lie_below_it() -> None:
    one = scored(20_000)
    _, facts = calibration.calibration(one._replace(answers=np.minimum(1, one.answers * 2)), 10)
    assert facts[0].value == pytest.approx(one.answers.mean(), rel=0.2)


def test_answers_of_each_class_are_shares() -> None:
    panel = sound(thresholds.score_distribution(scored()))[0]
    for series in panel.series:
        assert isinstance(series, Lines)
        assert sum(series.y[:-1]) == pytest.approx(1, abs=1e-4)  # type: ignore[arg-type]
