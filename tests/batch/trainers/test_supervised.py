"""Thresholds, forms of the target and intervals, all from validation rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from batch.datasets import BadData, Dataset
from batch.progress import Silent, Stopped
from batch.split import Split
from batch.trainers import RECIPES
from batch.trainers.catboost import Watch
from batch.trainers.supervised import chosen_form, some, spread, target, threshold
from core.batch import Stage
from core.declaration import Classification, Regression
from models.registered.inputs import frame, inputs
from models.registered.target import Target
from tests.batch.test_evaluation import BY_TASK, dataset, labelled


def f2(truth: Any, told: Any) -> float:
    tp, fp, fn = (truth * told).sum(), ((1 - truth) * told).sum(), (truth * (1 - told)).sum()
    return float(5 * tp / (5 * tp + 4 * fn + fp)) if tp else 0.0


@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_scores_the_best_f2_that_there_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = (rng.random(300) < 0.1).astype(np.float64)
    said = np.clip(0.3 * truth + rng.random(300) * 0.6, 0, 1).round(2)
    mine = f2(truth, said >= threshold(truth, said))
    assert mine == pytest.approx(max(f2(truth, said >= one) for one in np.unique(said)))


def test_the_threshold_lies_between_the_answers_that_it_parts() -> None:
    found = threshold(np.array([0.0, 0, 1, 1]), np.array([0.01, 0.1, 0.6, 0.9]))
    assert 0.1 < found < 0.6
    assert found == pytest.approx(0.29, abs=0.01), "half way in log-odds"


def test_without_positives_probabilities_stand_for_the_truth() -> None:
    said = np.r_[np.full(90, 0.001), np.full(10, 0.6)]
    assert 0.001 < threshold(np.zeros(100), said) <= 0.6
    assert threshold(np.empty(0), np.empty(0)) == 0.5
    assert 0 < threshold(np.ones(4), np.ones(4)) < 1


def test_the_interval_holds_the_share_that_it_promises() -> None:
    rng = np.random.default_rng(3)
    answers = rng.uniform(100, 1000, 4000)
    truth = answers * rng.lognormal(0.1, 0.3, 4000)
    found = spread(truth[:2000], answers[:2000])
    assert found is not None
    low, high = found
    inside = (truth[2000:] >= answers[2000:] * (1 + low)) & (truth[2000:] <= answers[2000:] * (1 + high))
    assert 0.77 < inside.mean() < 0.84
    assert spread(truth[:10], answers[:10]) is None


def trips(count: int, seed: int) -> Dataset:
    """Labels in proportion to the naive answer."""
    application = BY_TASK[Regression]
    assert isinstance(application.task, Regression)
    rng = np.random.default_rng(seed)
    rows = frame(application, [{} for _ in range(count)])
    base = rng.lognormal(6, 1, count)
    return dataset(
        application, rows.assign(**{application.task.naive: base}), base * rng.choice([1.0, 2.0], count)
    )


def test_the_form_of_the_target_is_the_one_with_the_least_error_on_validation_rows() -> None:
    class Constant:
        """Says the mean of what it was taught."""

        def __init__(self, said: float) -> None:
            self.said = said

        def predict(self, rows: Any) -> Any:
            return np.full(len(rows), self.said)

    def attempt(rows: Dataset, form: Target) -> Constant:
        assert rows.target is not None
        return Constant(float(form.taught(rows.target, rows.frame).mean()))

    told: dict[str, float] = {}

    class Listening(Silent):
        def line(self, text: str, **values: float) -> None:
            told.update(values)

    form = chosen_form(trips(400, 1), trips(200, 2), attempt, Listening())
    assert form != "label"
    assert told[f"mae_{form}"] == min(told.values())
    assert set(told) == {"mae_label", "mae_ratio", "mae_log_ratio"}


def test_a_target_knows_its_floor_and_what_stands_in() -> None:
    rows = trips(101, 1)
    task = rows.application.task
    assert isinstance(task, Regression)
    found = target("ratio", rows)
    assert (found.base, found.floor) == (task.naive, task.floor)
    assert found.usual == pytest.approx(np.median(rows.frame[task.naive]))
    with pytest.raises(TypeError, match="no regression"):
        target("ratio", labelled(Classification, [0.0, 1.0]))


def test_some_rows_are_taken_evenly_over_time() -> None:
    rows = labelled(Classification, np.zeros(20_000))
    taken = some(rows)
    assert taken.rows == 6_000
    assert (taken.times[0], taken.times[-1]) == (rows.times[0], rows.times[-1])
    assert some(taken) is taken


@pytest.mark.parametrize("name", ["catboost", "hist_gradient_boosting"])
def test_rows_that_can_not_teach_are_refused_with_their_reason(name: str) -> None:
    application = BY_TASK[Classification]
    rows = dataset(application, frame(application, [{} for _ in range(60)]), np.zeros(60))
    with pytest.raises(BadData, match=f"all 60 rows to train on have {application.task.label} = False"):
        RECIPES[name].fit(Split(rows, rows, rows), {}, 1, Silent())
    none = rows.take(np.arange(0))
    with pytest.raises(BadData, match="no rows"):
        RECIPES[name].fit(Split(none, rows, rows), {}, 1, Silent())
    unlabelled = dataset(application, rows.frame, np.r_[np.zeros(59), np.nan])
    with pytest.raises(BadData, match=f"have no {application.task.label}"):
        RECIPES[name].fit(Split(unlabelled, rows, rows), {}, 1, Silent())


@pytest.mark.parametrize("name", ["catboost", "hist_gradient_boosting"])
def test_without_validation_rows_every_tree_is_kept(name: str) -> None:
    application = BY_TASK[Classification]
    rng = np.random.default_rng(5)
    first = next(one.name for one in inputs(application) if one.kind == "number")
    rows = frame(application, [{} for _ in range(200)]).assign(**{first: rng.normal(size=200)})
    made = dataset(application, rows, (rows[first] + rng.normal(size=200) > 0).astype(float))
    none = made.take(np.arange(0))
    model = RECIPES[name].fit(Split(made, none, none), {"iterations": 40}, 1, Silent())
    trees = model.estimator.tree_count_ if name == "catboost" else model.estimator[-1].n_iter_
    assert trees == 40
    assert model.threshold == 0.5


class Counting(Silent):
    """Stops after so many lines."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.lines: list[dict[str, float]] = []

    def line(self, text: str, **values: float) -> None:
        self.lines.append(values)
        if len(self.lines) > self.most:
            raise Stopped

    def stage(self, stage: Stage, percent: float) -> None:
        assert 0 <= percent <= 100


class Info:
    """What CatBoost gives its callback."""

    def __init__(self, iteration: int, losses: list[float]) -> None:
        self.iteration = iteration
        self.metrics = {"learn": {"Logloss": losses}, "validation": {"Logloss": losses}}


def test_the_callback_says_true_to_go_on_and_false_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batch.trainers.catboost.EVERY_S", 0.0)
    progress = Counting(2)
    watch = Watch(progress, 10)
    assert watch.after_iteration(Info(1, [0.9])) is True
    assert watch.after_iteration(Info(2, [0.9, 0.5])) is True
    watch.settle()
    assert watch.after_iteration(Info(3, [0.9, 0.5, 0.7])) is False
    assert [one["iteration"] for one in progress.lines] == [1, 2, 3]
    assert progress.lines[2]["best"] == 0.5
    assert progress.lines[2]["loss"] == 0.7
    assert progress.lines[0]["total"] == 10
    assert all(one["remaining_s"] >= 0 for one in progress.lines)
    with pytest.raises(Stopped):
        watch.settle()
