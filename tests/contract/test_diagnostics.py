"""Every diagnostic of every application, computed on a small real run of every recipe."""

from __future__ import annotations

from time import process_time

import msgspec
import pytest

from batch.diagnostics import COMPUTATIONS, compute, live
from core.applications import APPLICATIONS
from core.diagnostics import DIAGNOSTICS, Cost, Diagnostic, Tab, diagnostics
from core.diagnostics.choices import BadChoice, choices, digest
from core.settings import Settings
from tests.batch.conftest import lake
from tests.batch.diagnostics.soundness import check
from tests.batch.subjects import subject

__all__ = ["lake"]

QUICK_SECONDS = {Cost.QUICK: 3.0, Cost.REFIT: 30.0}

FEWER = {"most": 4}
"""Choices that make a refit quick."""

EVERY = [
    pytest.param(name, recipe, one, id=f"{name}-{recipe}-{one.id}")
    for name, application in APPLICATIONS.items()
    for place, recipe in enumerate(application.batch)
    for one in diagnostics(application)
    if one.tab != Tab.LIVE and (place == 0 or one.cost == Cost.QUICK)
]

DECLARED = pytest.mark.parametrize("one", DIAGNOSTICS.values(), ids=lambda one: one.id)


def test_declarations_and_computations_are_the_same_set() -> None:
    of_live = {one.id for one in DIAGNOSTICS.values() if one.tab == Tab.LIVE}
    assert set(live.COMPUTATIONS) == of_live
    assert set(COMPUTATIONS) == set(DIAGNOSTICS) - of_live


def test_no_id_is_declared_twice() -> None:
    from core.diagnostics import clusters, errors, features, live, performance, selection, target, text

    modules = (performance, clusters, errors, features, target, selection, text, live)
    ids = [one.id for module in modules for one in module.DECLARED]
    assert len(ids) == len(set(ids)) == len(DIAGNOSTICS)


@pytest.mark.parametrize(("name", "recipe", "one"), EVERY)
def test_every_diagnostic_is_answered(name: str, recipe: str, one: Diagnostic, lake: Settings) -> None:
    run = subject(lake, name, recipe)
    asked = {parameter.name: FEWER[parameter.name] for parameter in one.parameters if parameter.name in FEWER}
    began = process_time()
    found = compute(one.id, run, choices(one, asked))
    assert process_time() - began < QUICK_SECONDS[one.cost]
    check(found)
    assert found.panels
    assert found.sample.rows


@pytest.mark.parametrize(("name", "one"), [(each.values[0], each.values[2]) for each in EVERY[::7]])
def test_the_same_question_has_the_same_answer(name: str, one: Diagnostic, lake: Settings) -> None:
    run = subject(lake, name, APPLICATIONS[name].batch[0])
    if one.cost == Cost.REFIT:
        pytest.skip("seconds of a fit differ from time to time")
    first, second = (compute(one.id, run, choices(one, {})) for _ in range(2))
    assert msgspec.json.encode(first.panels) == msgspec.json.encode(second.panels)


@DECLARED
def test_texts_are_whole(one: Diagnostic) -> None:
    assert one.title[0].isupper()
    assert one.question.endswith("?")
    assert len(one.reading) > 60
    assert one.reading.endswith(".")
    assert "  " not in one.reading + one.question
    assert one.covers, "people look for it under some name"
    assert not one.link or one.link.startswith("https://")
    assert one.tasks


@DECLARED
def test_defaults_may_be_chosen(one: Diagnostic) -> None:
    assert choices(one, {}) == {each.name: each.default for each in one.parameters}
    for each in one.parameters:
        assert each.title
        if each.kind in ("integer", "float"):
            assert each.low is not None
            assert each.high is not None
        if each.kind == "choice":
            assert each.default in each.values


def test_choices_are_checked() -> None:
    one = DIAGNOSTICS["precision_at_top"]
    assert choices(one, {"k": "7"}) == {"k": 7}
    for wrong, said in (
        ({"k": 0}, "must lie in 1..10000"),
        ({"k": 2.5}, "not a whole number"),
        ({"k": "many"}, "not a number"),
        ({"k": float("nan")}, "must lie in"),
        ({"n": 3}, "no parameter 'n'; there are k"),
    ):
        with pytest.raises(BadChoice, match=said):
            choices(one, wrong)
    with pytest.raises(BadChoice, match="the name of an input"):
        choices(DIAGNOSTICS["errors_by_segment"], {"input": "x" * 500})


def test_the_digest_does_not_depend_on_the_order() -> None:
    assert digest("a", {"x": 1, "y": "b"}) == digest("a", {"y": "b", "x": 1})
    assert len({digest("a", {"x": 1}), digest("a", {"x": 2}), digest("b", {"x": 1})}) == 3
