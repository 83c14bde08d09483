"""Every diagnostic of features, target, selection and text on real small runs of every application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest

from batch.diagnostics import COMPUTATIONS
from batch.diagnostics.selection import NOT_TRIED
from batch.diagnostics.subject import Found, Subject, Unanswerable
from batch.progress import Stopped
from batch.trainers import RECIPES
from core.applications import APPLICATIONS
from core.diagnostics import Cost, Diagnostic, Tab, diagnostics
from core.diagnostics.choices import choices
from core.diagnostics.selection import HYPERPARAMETERS
from core.diagnostics.shapes import Bars, Heat, Lines, Panel, Parallel, Points
from core.settings import Settings
from tests.batch.diagnostics.runs import Watched, run

TABS = (Tab.FEATURES, Tab.TARGET, Tab.SELECTION, Tab.TEXT)

ALL = [
    pytest.param(name, one, id=f"{name}-{one.id}")
    for name, application in APPLICATIONS.items()
    for one in diagnostics(application)
    if one.tab in TABS
]

LARGEST = 500_000


def compute(subject: Subject, one: Diagnostic, **chosen: Any) -> Found:
    return COMPUTATIONS[one.id](subject, choices(one, chosen))


def numbers(value: Any) -> Iterator[float]:
    """Every number of a result, however deep."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from numbers(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, float | int):
        yield value


def check_panel(panel: Panel) -> None:
    assert panel.title
    for one in panel.series:
        match one:
            case Lines(x=x, y=y, low=low, high=high):
                assert len(x) == len(y)
                assert len(low) == len(high)
                assert len(low) in (0, len(y))
            case Points(x=x, y=y, text=text):
                assert len(x) == len(y)
                assert len(text) in (0, len(x))
            case Bars(values=values, low=low):
                categories = panel.x.categories or panel.y.categories
                assert len(values) == len(categories)
                assert len(low) in (0, len(values))
            case Heat(values=grid):
                check_heat(panel, one, len(grid), {len(row) for row in grid})
            case Parallel(rows=rows):
                assert {len(row) for row in rows} == {len(panel.axes)}
    points = sum(len(one.x) for one in panel.series if isinstance(one, Points))
    assert points <= 2_000


def check_heat(panel: Panel, heat: Heat, rows: int, columns: set[int]) -> None:
    assert rows == len(heat.y or panel.y.categories)
    assert columns == {len(heat.x or panel.x.categories)}
    assert len(heat.text) in (0, rows)


@pytest.mark.parametrize(("name", "one"), ALL)
def test_it_answers(lake: Settings, name: str, one: Diagnostic) -> None:
    found = compute(run(lake, name), one)
    assert found.panels
    for panel in found.panels:
        check_panel(panel)
        assert panel.series, panel.title
    plain = msgspec.json.encode([found.panels, found.facts, found.sample, found.note])
    assert len(plain) < LARGEST
    assert all(np.isfinite(value) for value in numbers(msgspec.json.decode(plain)))
    assert 0 < found.sample.rows <= found.sample.available
    assert found.sample.split
    if found.sample.rows < found.sample.available:
        assert found.sample.how
    if one.cost == Cost.REFIT:
        assert "fitted again" in found.note


@pytest.mark.parametrize("name", APPLICATIONS)
@pytest.mark.parametrize("recipe", sorted({r for app in APPLICATIONS.values() for r in app.batch[1:]}))
def test_challengers_are_answered_for_too(lake: Settings, name: str, recipe: str) -> None:
    application = APPLICATIONS[name]
    if recipe not in application.batch:
        pytest.skip(f"{name} has no {recipe}")
    subject = run(lake, name, recipe)
    asked = ("feature_importances", "partial_dependence", "decision_boundary", "feature_elimination")
    for one in diagnostics(application):
        if one.id in asked:
            found = compute(subject, one)
            for panel in found.panels:
                check_panel(panel)


@pytest.mark.parametrize(("name", "one"), [p for p in ALL if p.values[1].cost == Cost.REFIT])
def test_what_fits_again_can_be_stopped(lake: Settings, name: str, one: Diagnostic) -> None:
    progress = Watched(calls=2)
    with pytest.raises(Stopped):
        compute(run(lake, name, progress=progress), one)
    assert progress.told


@pytest.mark.parametrize("name", APPLICATIONS)
def test_an_input_can_be_chosen(lake: Settings, name: str) -> None:
    subject = run(lake, name)
    known = {one.id: one for one in diagnostics(subject.application)}
    chosen = subject.inputs("number")[-1].name
    for id_ in ("partial_dependence", "distributions"):
        found = compute(subject, known[id_], input=chosen)
        assert len(found.panels) == 1
        assert chosen in found.panels[0].title
        with pytest.raises(Unanswerable, match="no such input 'nonsense'"):
            compute(subject, known[id_], input="nonsense")
    for id_ in ("joint_plot", "decision_boundary"):
        with pytest.raises(Unanswerable, match="twice"):
            compute(subject, known[id_], x=chosen, y=chosen)


def test_the_hyperparameters_are_those_of_the_recipes(lake: Settings) -> None:
    there = {name for recipe in RECIPES.values() for name in recipe.parameters} - NOT_TRIED
    assert set(HYPERPARAMETERS) == there | {"automatic"}
    for name, application in APPLICATIONS.items():
        subject = run(lake, name)
        curve = next(one for one in diagnostics(application) if one.id == "validation_curve")
        strange = next(iter(sorted(there - set(subject.trainer.parameters))))
        with pytest.raises(Unanswerable, match=f"has no '{strange}' to try; it has"):
            compute(subject, curve, hyperparameter=strange)


@pytest.mark.parametrize("method", ["spearman", "association"])
def test_rank_2d_has_other_measures(lake: Settings, method: str) -> None:
    subject = run(lake, next(iter(APPLICATIONS)))
    one = next(one for one in diagnostics(subject.application) if one.id == "rank_2d")
    found = compute(subject, one, method=method)
    heat = found.panels[0].series[0]
    assert isinstance(heat, Heat)
    assert heat.both_sides == (method == "spearman")
    shown = set(found.panels[0].x.categories)
    assert bool(shown & {i.name for i in subject.inputs("category")}) == (method == "association")
