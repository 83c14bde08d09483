"""Every recipe of batch models of every application passes the same checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
import pytest

from batch.datasets import load
from batch.evaluation import naive_scores, scores
from batch.progress import Silent, Stopped
from batch.split import Split, split
from batch.trainers import RECIPES, BadParameter, recipe
from core.applications import APPLICATIONS
from core.batch import Rows, Stage, Take
from core.declaration import Application, Classification, Entity, Identifier, Regression, leaves
from core.metrics import batch_metrics
from core.settings import Settings
from models.registered.inputs import frame, inputs
from models.registered.model import BatchModel
from tests.batch.conftest import lake

__all__ = ["lake"]

EVERY = pytest.mark.parametrize(
    ("application", "name"),
    [(application, name) for application in APPLICATIONS.values() for name in application.batch],
    ids=lambda one: getattr(one, "name", one),
)

SMALL: Mapping[str, Any] = {"iterations": 60, "segments": 4, "restarts": 2, "target": "label"}
"""Each recipe takes those that it has."""


def small(name: str, **more: Any) -> dict[str, Any]:
    return {key: value for key, value in {**SMALL, **more}.items() if key in RECIPES[name].parameters}


@cache
def made(lake: Settings, application: Application) -> Split:
    return split(load(lake, application, Rows(take=Take.ALL), Silent()))


@cache
def fitted(lake: Settings, application: Application, name: str) -> BatchModel:
    return RECIPES[name].fit(made(lake, application), small(name), 1, Silent())


def test_every_recipe_is_declared_somewhere() -> None:
    assert {name for application in APPLICATIONS.values() for name in application.batch} == set(RECIPES)
    for application in APPLICATIONS.values():
        assert len(application.batch) >= 2, "a champion needs somebody to compare with"


@EVERY
def test_answers_mean_what_the_task_says(application: Application, name: str, lake: Settings) -> None:
    model, rows = fitted(lake, application, name), made(lake, application).test
    answers = model.answers(rows.frame)
    assert answers.shape == (rows.rows,)
    assert np.isfinite(answers).all()
    match application.task:
        case Classification():
            assert 0 <= answers.min() < answers.max() <= 1
            assert model.threshold is not None
            assert 0 < model.threshold < 1
        case Regression(floor=floor):
            assert answers.min() >= floor
            interval = model.interval(rows.frame)
            assert interval is not None
            assert rows.target is not None
            inside = (interval[:, 0] <= rows.target) & (rows.target <= interval[:, 1])
            assert 0.65 < inside.mean() < 0.95
        case _:
            assert set(answers) <= set(range(len(model.segments)))
            assert [one.number for one in model.segments] == list(range(4))
            assert sum(one.size for one in model.segments) == made(lake, application).train.rows
            assert all(isfinite(value) for one in model.segments for value in one.profile.values())
    assert model.answers(rows.frame.iloc[:0]).shape == (0,)


@EVERY
def test_every_metric_is_told_and_the_model_beats_what_costs_nothing(
    application: Application, name: str, lake: Settings
) -> None:
    model, parts = fitted(lake, application, name), made(lake, application)
    answers = model.answers(parts.test.frame)
    told = scores(application, parts.test, answers, model.threshold, model)
    naive = naive_scores(application, parts, parts.test, model)
    assert list(told) == list(naive) == [metric.id for metric in batch_metrics(application.task)]
    for metric in batch_metrics(application.task):
        value = told[metric.id]
        assert value is not None, metric.id
        assert isfinite(value)
        assert metric.high is None or value <= metric.high + 1e-9
    decisive = {Classification: "d2_log_loss", Regression: "d2_absolute_error"}.get(type(application.task))
    if decisive is None:
        assert (naive["inertia"] or 0) > (told["inertia"] or 0)
    else:
        assert (told[decisive] or 0) > (naive[decisive] or 0) + 0.1


@EVERY
def test_bytes_bring_back_the_same_model(application: Application, name: str, lake: Settings) -> None:
    model, rows = fitted(lake, application, name), made(lake, application).test.frame
    again = BatchModel.from_bytes(model.to_bytes())
    assert (again.answers(rows) == model.answers(rows)).all()
    assert again.explain(rows[:5]) == model.explain(rows[:5])
    assert again.segments == model.segments
    assert (again.application, again.recipe, again.inputs) == (application.name, name, model.inputs)
    assert again.parameters == model.parameters
    assert again.threshold == model.threshold


@EVERY
def test_unseen_values_and_rows_of_nothing_are_answered(
    application: Application, name: str, lake: Settings
) -> None:
    model = fitted(lake, application, name)
    rows = frame(application, [{}, {one.path: "never seen" for one in inputs(application) if one.values}])
    answers = model.answers(rows)
    assert np.isfinite(answers).all()
    known = made(lake, application).test.frame
    for column in known:
        if not pd.api.types.is_numeric_dtype(known[column]):
            odd = known[:3].assign(**{str(column): ["never seen"] * 3})
            assert np.isfinite(model.answers(odd)).all()
    assert len(model.explain(rows)) == 2


@EVERY
def test_reads_the_declared_inputs_and_nothing_else(
    application: Application, name: str, lake: Settings
) -> None:
    model, rows = fitted(lake, application, name), made(lake, application).test.frame[:50]
    names = {path for path, leaf in leaves(application) if isinstance(leaf, Identifier | Entity)}
    assert not {*names, application.label, application.event_time.name} & set(model.inputs)
    answers = model.answers(rows)
    moved = rows[list(reversed(rows.columns))].assign(another="x", **{str(application.label): 1.0})
    assert (model.answers(moved) == answers).all()
    with pytest.raises(ValueError, match=model.inputs[0]):
        model.answers(rows.drop(columns=[model.inputs[0]]))


@EVERY
def test_equal_seeds_give_equal_models_on_any_number_of_threads(
    application: Application, name: str, lake: Settings
) -> None:
    model, rows = fitted(lake, application, name), made(lake, application)
    again = RECIPES[name].fit(rows, small(name), 1, Silent())
    assert (again.answers(rows.test.frame) == model.answers(rows.test.frame)).all()
    wider = RECIPES[name].fit(rows, small(name), 2, Silent())
    assert np.allclose(wider.answers(rows.test.frame), model.answers(rows.test.frame), rtol=1e-6)


@EVERY
def test_the_test_rows_are_not_looked_at(application: Application, name: str, lake: Settings) -> None:
    model, rows = fitted(lake, application, name), made(lake, application)
    target = None if rows.test.target is None else np.full(rows.test.rows, np.nan)
    blind = replace(rows.test, frame=rows.test.frame.iloc[:0], target=target, times=rows.test.times[:0])
    again = RECIPES[name].fit(replace(rows, test=blind), small(name), 1, Silent())
    assert (again.answers(rows.test.frame) == model.answers(rows.test.frame)).all()
    assert again.threshold == model.threshold


@EVERY
def test_refitted_to_the_same_rows_it_is_the_same_model(
    application: Application, name: str, lake: Settings
) -> None:
    model, rows = fitted(lake, application, name), made(lake, application)
    again = RECIPES[name].refit(model, rows.train, threads=1)
    assert np.allclose(again.answers(rows.test.frame), model.answers(rows.test.frame))
    assert again.threshold == model.threshold
    half = RECIPES[name].refit(model, rows.train.take(np.arange(rows.train.rows // 2)))
    assert not np.array_equal(half.answers(rows.test.frame), model.answers(rows.test.frame))
    assert half.estimator is not model.estimator


@EVERY
def test_a_stop_in_the_middle_stops(application: Application, name: str, lake: Settings) -> None:
    for calls in (0, 2):
        with pytest.raises(Stopped):
            RECIPES[name].fit(made(lake, application), small(name), 1, Impatient(calls))


class Impatient:
    """Progress that is stopped after so many calls."""

    def __init__(self, calls: int) -> None:
        self.calls = calls

    def stage(self, stage: Stage, percent: float) -> None:
        assert 0 <= percent <= 100
        self.check()

    def line(self, text: str, **values: float) -> None:
        self.check()

    def check(self) -> None:
        self.calls -= 1
        if self.calls < 0:
            raise Stopped


@EVERY
def test_parameters_that_it_lacks_or_can_not_take_are_refused(
    application: Application, name: str, lake: Settings
) -> None:
    rows, trainer = made(lake, application), RECIPES[name]
    with pytest.raises(BadParameter, match=f"{name} has no parameter nonsense; it has"):
        trainer.fit(rows, {"nonsense": 1}, 1, Silent())
    for one in trainer.parameters.values():
        wrong: list[Any] = (
            ["other"] if one.choices else [one.low - 1, one.high + 1, "many", float("nan"), True]
        )
        for value in wrong:
            with pytest.raises(BadParameter, match=one.name):
                trainer.fit(rows, {one.name: value}, 1, Silent())
        assert one.check(one.default) == one.default
        assert one.help


@EVERY
def test_explanations_are_in_the_fields_words_and_largest_first(
    application: Application, name: str, lake: Settings
) -> None:
    model, rows = fitted(lake, application, name), made(lake, application).test.frame[:20]
    told = model.explain(rows)
    assert len(told) == 20
    effects = model.effects(rows)
    if effects is None:
        assert not any(told)
        return
    for n, row in enumerate(told):
        sizes = [abs(one.effect) for one in row]
        assert sizes == sorted(sizes, reverse=True)
        assert {one.name for one in row} <= set(model.inputs)
        assert row[0].effect == pytest.approx(effects[n][model.inputs.index(row[0].name)])
    usual = model.usual(rows)
    assert usual is not None
    whole, answers = usual + effects.sum(axis=1), model.answers(rows)
    if model.kind == "classification":
        whole = 1 / (1 + np.exp(-whole))
    assert np.allclose(np.maximum(whole, model.target.floor if model.target else 0), answers)


def test_recipes_are_refused_with_what_there_is() -> None:
    (application, *_, other) = APPLICATIONS.values()
    with pytest.raises(ValueError, match=f"{application.name} has no batch recipe 'magic'; it declares"):
        recipe(application, "magic")
    wrong = replace(application, batch=(*application.batch, *other.batch))
    with pytest.raises(ValueError, match=f"'{other.batch[0]}' is not for a"):
        recipe(wrong, other.batch[0])
    assert recipe(application, application.batch[0]) is RECIPES[application.batch[0]]
