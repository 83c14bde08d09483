from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from batch.diagnostics import COMPUTATIONS, Subject, Unanswerable
from batch.diagnostics.effects import effects, importance
from batch.diagnostics.slices import LEAST_ROWS, all_slices, measured_slices, slices, told
from core.applications import APPLICATIONS
from core.declaration import Classification, Regression
from core.diagnostics.shapes import Bars
from core.settings import Settings
from models.registered.inputs import MISSING, Input
from tests.batch.diagnostics.soundness import check
from tests.batch.subjects import subject

LABELLED = [
    (name, recipe)
    for name, one in APPLICATIONS.items()
    if isinstance(one.task, Classification | Regression)
    for recipe in one.batch
]
REGRESSION = next(name for name, one in APPLICATIONS.items() if isinstance(one.task, Regression))
CLASSIFICATION = next(name for name, one in APPLICATIONS.items() if isinstance(one.task, Classification))


@pytest.fixture(params=[REGRESSION, CLASSIFICATION])
def run(request: pytest.FixtureRequest, lake: Settings) -> Subject:
    return subject(lake, request.param, APPLICATIONS[request.param].batch[0])


def test_a_number_is_cut_in_parts_with_as_many_rows() -> None:
    values = pd.Series(np.r_[np.arange(100.0), np.nan, np.nan])
    cut = slices(Input("amount", "number", unit="USD"), values, 4)
    assert np.bincount(cut.of).tolist() == [25, 25, 25, 25, 2]
    assert cut.titles[0] == "0 to 24.75 USD"
    assert cut.titles[-1] == "unknown"


def test_a_number_with_few_values_is_cut_by_value() -> None:
    cut = slices(Input("hour", "number"), pd.Series([3.0, 1.0, 3.0, 2.0]), 2)
    assert cut.titles == ["1", "2", "3"]
    assert cut.of.tolist() == [2, 0, 2, 1]


def test_a_category_is_cut_by_value_and_rare_ones_go_together() -> None:
    values = pd.Series(pd.Categorical(["a"] * 5 + ["b"] * 3 + [f"rare {n}" for n in range(40)]))
    cut = slices(Input("kind", "category", ("b", "a")), values, 8)
    assert cut.titles[:2] == ["b", "a"]
    assert cut.titles[-1] == "12 other values"
    assert np.sum(cut.of == len(cut.titles) - 1) == 12


def test_what_is_not_known_is_a_slice() -> None:
    assert slices(Input("sent", "flag"), pd.Series([1.0, 0.0, np.nan]), 8).titles == ["no", "yes", "unknown"]
    assert MISSING in slices(Input("kind", "category", ("a",)), pd.Series(["a", MISSING]), 8).titles


def test_every_row_is_in_one_slice(run: Subject) -> None:
    one = told(run)
    for single in run.inputs():
        cut = slices(single, one.drawn.dataset.frame[single.name], 8)
        found = list(measured_slices(one, cut))
        assert sum(each.rows for each in found) == len(one.truth), single.name
        mean = sum(each.rows * each.loss for each in found) / len(one.truth)
        assert mean == pytest.approx(float(one.loss.mean()))


def test_the_loss_of_a_slice_is_that_of_its_rows(run: Subject) -> None:
    one, single = told(run), run.inputs("category")[0]
    cut = slices(single, one.drawn.dataset.frame[single.name], 8)
    first = next(measured_slices(one, cut))
    mine = (one.drawn.dataset.frame[single.name].astype(str) == first.title).to_numpy()
    assert first.rows == mine.sum()
    assert first.loss == pytest.approx(one.loss[mine].mean())
    assert first.worth == pytest.approx(1 - one.loss[mine].mean() / one.naive[mine].mean())


def test_slices_with_few_rows_are_not_compared(run: Subject) -> None:
    assert all(each.rows >= LEAST_ROWS for _, each in all_slices(run, told(run), 8))


def test_a_biased_slice_is_found(lake: Settings) -> None:
    honest = subject(lake, REGRESSION, APPLICATIONS[REGRESSION].batch[0])
    single = honest.inputs("category")[0]
    value = honest.split.test.frame[single.name].astype(str).mode()[0]
    spoiled = honest.split.test.target.copy()  # type: ignore[union-attr]
    spoiled[(honest.split.test.frame[single.name].astype(str) == value).to_numpy()] += 50_000
    test = replace(honest.split.test, target=spoiled)
    run = replace(honest, split=replace(honest.split, test=test), _cache={})
    check(COMPUTATIONS["errors_by_segment"](run, {"input": "", "bins": 8}))
    found = COMPUTATIONS["errors_by_segment"](run, {"input": single.name, "bins": 8})
    assert found.panels[0].y.categories[0].startswith(f"{value} (n = ")
    bias = found.panels[1].series[0]
    assert isinstance(bias, Bars)
    assert bias.values[0] > 40_000  # type: ignore[operator]


def test_an_input_that_does_not_exist(run: Subject) -> None:
    with pytest.raises(Unanswerable, match="'nonsense'; there are"):
        COMPUTATIONS["errors_by_segment"](run, {"input": "nonsense", "bins": 8})


@pytest.mark.parametrize(("name", "recipe"), LABELLED)
def test_effects_lead_from_the_usual_answer_to_this_one(lake: Settings, name: str, recipe: str) -> None:
    run = subject(lake, name, recipe)
    rows = run.split.test.take(np.arange(8))
    found, answers = effects(run, rows.frame), run.model.answers(rows.frame)
    if isinstance(run.application.task, Classification):
        answers = np.log(answers / (1 - answers))
    assert np.allclose(found.usual + found.values.sum(axis=1), answers, rtol=1e-4, atol=1e-4)


def test_an_input_that_the_model_does_not_use_has_no_effect(lake: Settings) -> None:
    run = subject(lake, REGRESSION, APPLICATIONS[REGRESSION].batch[1])
    used = run.inputs("number")[0].name

    class Plain:
        """A model that reads one input only."""

        inputs = run.model.inputs

        def effects(self, frame: pd.DataFrame) -> None:
            return None

        usual = effects

        def answers(self, frame: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
            return 2 * frame[used].to_numpy(dtype=np.float64)

    plain = replace(run, model=Plain(), _cache={})  # type: ignore[arg-type]
    found = effects(plain, run.split.test.frame.iloc[:5])
    place = run.model.inputs.index(used)
    assert np.allclose(np.delete(found.values, place, axis=1), 0)
    assert np.abs(found.values[:, place]).max() > 0


def test_a_row_that_does_not_exist(run: Subject) -> None:
    with pytest.raises(Unanswerable, match="row=100000"):
        COMPUTATIONS["shap_row"](run, {"row": 100_000})


def test_a_row_is_explained_and_named(run: Subject) -> None:
    found = COMPUTATIONS["shap_row"](run, {"row": 3})
    check(found)
    named = {fact.title: fact.value for fact in found.facts}
    assert named["Row"] == 3
    assert named[run.application.key] == run.split.test.keys[2]
    assert len(found.panels[0].y.categories) <= 16


def test_inputs_are_ranked(run: Subject) -> None:
    found = importance(run)
    assert set(found) == set(run.model.inputs)
    assert list(found.values()) == sorted(found.values(), reverse=True)
