"""What may be chosen of inputs, measures and hyperparameters, on small real runs of every application."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from batch.diagnostics import COMPUTATIONS, Found, Subject, Unanswerable
from batch.diagnostics.dependence import DOTS
from batch.diagnostics.groups import pictured
from batch.diagnostics.selection import NOT_TRIED, tried
from batch.progress import Stopped
from batch.trainers import RECIPES, Parameter
from core.applications import APPLICATIONS
from core.diagnostics import DIAGNOSTICS, Diagnostic, Tab, diagnostics
from core.diagnostics.choices import choices
from core.diagnostics.selection import HYPERPARAMETERS
from core.diagnostics.shapes import Heat, Points
from core.settings import Settings
from tests.batch.diagnostics.soundness import check
from tests.batch.diagnostics.watched import Watched
from tests.batch.subjects import subject

REFITS = [
    pytest.param(name, one, id=f"{name}-{one.id}")
    for name, application in APPLICATIONS.items()
    for one in diagnostics(application)
    if one.tab == Tab.SELECTION
]


def run(lake: Settings, name: str) -> Subject:
    return subject(lake, name, APPLICATIONS[name].batch[0])


def compute(about: Subject, id_: str, **chosen: Any) -> Found:
    found = COMPUTATIONS[id_](about, choices(DIAGNOSTICS[id_], chosen))
    check(found)
    return found


@pytest.mark.parametrize(("name", "one"), REFITS)
def test_what_fits_again_can_be_stopped(lake: Settings, name: str, one: Diagnostic) -> None:
    progress = Watched(calls=2)
    with pytest.raises(Stopped):
        compute(run(lake, name).watched(progress), one.id)
    assert progress.told


@pytest.mark.parametrize("name", APPLICATIONS)
def test_an_input_can_be_chosen(lake: Settings, name: str) -> None:
    about = run(lake, name)
    chosen = about.inputs("number")[-1].name
    for id_ in ("partial_dependence", "distributions"):
        found = compute(about, id_, input=chosen)
        assert len(found.panels) == 1
        assert chosen in found.panels[0].title
        with pytest.raises(Unanswerable, match="no such input 'nonsense'"):
            compute(about, id_, input="nonsense")
    for id_ in ("joint_plot", "decision_boundary"):
        with pytest.raises(Unanswerable, match="twice"):
            compute(about, id_, x=chosen, y=chosen)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_what_is_left_open_is_an_input_that_varies(lake: Settings, name: str) -> None:
    """A day of the week never varies within a day: nobody asked for it, so another number is shown."""
    about = run(lake, name)
    numbers = [one.name for one in about.inputs("number")]
    lasting, other = numbers[0], numbers[-1]
    held_out = about.split.validation
    same = replace(held_out, frame=held_out.frame.assign(**dict.fromkeys(numbers[1:-1], 1.0)))
    still = replace(about, split=replace(about.split, validation=same), _cache={})
    title = compute(still, "decision_boundary").panels[0].title
    assert lasting in title
    assert other in title


def test_the_hyperparameters_are_those_of_the_recipes(lake: Settings) -> None:
    there = {name for recipe in RECIPES.values() for name in recipe.parameters} - NOT_TRIED
    assert set(HYPERPARAMETERS) == there | {"automatic"}
    for name in APPLICATIONS:
        about = run(lake, name)
        strange = min(there - set(about.trainer.parameters))
        with pytest.raises(Unanswerable, match=f"has no '{strange}' to try; it has"):
            compute(about, "validation_curve", hyperparameter=strange)


def test_the_runs_own_value_is_among_those_tried() -> None:
    rate = Parameter(name="rate", default=0.05, low=0.001, high=1, tuned=(0.02, 0.2), log=True)
    assert tried(rate, 0.05) == sorted({0.02, 0.0431, 0.0928, 0.2, 0.05})
    trees = Parameter(name="trees", default=100, low=1, high=300)
    assert tried(trees, 100) == [25, 57, 100, 131, 300]
    segments = Parameter(name="segments", default=0, low=0, high=50)
    assert min(tried(segments, 3)) == 2, "0 would search, and 1 is none"
    weights = Parameter(name="weights", default="none", choices=("none", "some"))
    assert tried(weights, "none") == ["none", "some"]


@pytest.mark.parametrize("method", ["spearman", "association"])
def test_rank_2d_has_other_measures(lake: Settings, method: str) -> None:
    about = run(lake, next(iter(APPLICATIONS)))
    found = compute(about, "rank_2d", method=method)
    heat = found.panels[0].series[0]
    assert isinstance(heat, Heat)
    assert heat.both_sides == (method == "spearman")
    shown = set(found.panels[0].x.categories)
    assert bool(shown & {one.name for one in about.inputs("category")}) == (method == "association")


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_surface_is_of_the_runs_own_model(lake: Settings, name: str) -> None:
    """Cells of the figure are what the model answers to a row of medians with the two numbers of the cell."""
    about = run(lake, name)
    numbers = about.inputs("number")
    x, y = numbers[0].name, numbers[1].name
    found = compute(about, "decision_boundary", x=x, y=y)
    heat = next(one for one in found.panels[0].series if isinstance(one, Heat))
    frame = pictured(about, DOTS, "validation")[0].dataset.frame
    row = frame.head(1).copy()
    for column in frame:
        usual = frame[column].mode() if frame[column].dtype == "category" else frame[column].median()
        flag = column in about.model.flags
        row[column] = usual if isinstance(usual, float) and not flag else frame[column].mode().head(1).array
    row[x], row[y] = heat.x[3], heat.y[5]
    assert len(heat.values) == len(heat.y) == 40
    assert heat.values[5][3] == pytest.approx(about.model.answers(row)[0], rel=1e-3)
    assert any(isinstance(one, Points) for one in found.panels[0].series)
