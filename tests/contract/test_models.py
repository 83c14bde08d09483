"""Every recipe of every application passes the same checks."""

from __future__ import annotations

from typing import Any

import pytest
from river import base

from core.applications import APPLICATIONS
from core.declaration import Application, Classification, Clustering, Entity, EventTime, leaves
from models import OnlineModel, answer, build, restore
from models.base import BadModel, Row
from models.roster import RECIPES
from tests.learners.streams import lessons

RECIPES_OF = [(application, name) for application in APPLICATIONS.values() for name in application.online]
EVERY = pytest.mark.parametrize(
    ("application", "name"), RECIPES_OF, ids=lambda one: getattr(one, "name", one)
)

GROWTH_LIMIT = 1_000_000
"""Bytes of a model after 10,000 events; the streams have thousands of entities."""


def taught(application: Application, name: str, count: int) -> Any:
    model = build(application, name)
    for one in lessons(application, count, 20.0):
        model.learn_one(one.x, one.truth)
    return model


def told(application: Application, model: OnlineModel, rows: list[Row]) -> list[Any]:
    return [answer(application, model, x, 0.3) for x in rows]


def test_every_recipe_is_declared_somewhere() -> None:
    assert {name for _, name in RECIPES_OF} == set(RECIPES)


@EVERY
def test_is_a_river_estimator(application: Application, name: str) -> None:
    kind = {Classification: base.Classifier, Clustering: base.Clusterer}.get(
        type(application.task), base.Regressor
    )
    model = build(application, name)
    assert isinstance(model, kind)
    assert isinstance(model, OnlineModel)


@EVERY
def test_untrained_until_it_has_seen_enough(application: Application, name: str) -> None:
    assert not build(application, name).trained
    assert not taught(application, name, 20).trained
    assert taught(application, name, 4000).trained


@EVERY
def test_a_clone_is_fresh_and_has_the_same_parameters(application: Application, name: str) -> None:
    model = taught(application, name, 500)
    clone = model.clone()
    assert clone.to_bytes() == build(application, name).to_bytes()
    assert {k: v for k, v in clone._get_params().items() if k != "encoding"} == {
        k: v for k, v in model._get_params().items() if k != "encoding"
    }


@EVERY
def test_same_lessons_give_the_same_bytes(application: Application, name: str) -> None:
    assert taught(application, name, 1500).to_bytes() == taught(application, name, 1500).to_bytes()


@EVERY
@pytest.mark.parametrize("at", [0, 30, 2000, 3900])
def test_resumed_from_bytes_equals_never_stopped(application: Application, name: str, at: int) -> None:
    stream = lessons(application, 4000, 20.0)
    steady = build(application, name)
    for one in stream[:at]:
        steady.learn_one(one.x, one.truth)
    resumed = restore(application, name, steady.to_bytes())
    assert resumed.to_bytes() == steady.to_bytes()
    for one in stream[at:]:
        if resumed.trained:
            assert answer(application, resumed, one.x, None) == answer(application, steady, one.x, None)
        resumed.learn_one(one.x, one.truth)
        steady.learn_one(one.x, one.truth)
    assert resumed.to_bytes() == steady.to_bytes()


@EVERY
def test_asking_changes_nothing(application: Application, name: str) -> None:
    model = taught(application, name, 3500)
    before = model.to_bytes()
    rows = [one.x for one in lessons(application, 4000, 20.0)[3400:]]
    first = told(application, model, rows)
    assert told(application, model, rows) == first
    assert model.to_bytes() == before


@EVERY
def test_unseen_fields_change_no_answer(application: Application, name: str) -> None:
    model = taught(application, name, 3500)
    rows = [one.x for one in lessons(application, 3600, 20.0)[3500:]]
    assert told(application, model, [x | {"a new field": object()} for x in rows]) == told(
        application, model, rows
    )


def damaged(application: Application, x: Row) -> list[Row]:
    """A row with each leaf in turn missing, null, or of a value never seen; then without any."""
    rows: list[Row] = [{}]
    for path, leaf in leaves(application):
        rows.append({k: v for k, v in x.items() if k != path})
        rows.append(x | {path: None})
        if isinstance(x.get(path), str) and not isinstance(leaf, EventTime):
            rows.append(x | {path: "never seen before"})
        elif isinstance(x.get(path), int | float):
            rows.append(x | {path: type(x[path])(0)})
    return rows


@EVERY
def test_missing_null_and_unseen_values_are_answered_and_learned(application: Application, name: str) -> None:
    model = taught(application, name, 3500)
    one = lessons(application, 3600, 20.0)[-1]
    for x in damaged(application, one.x):
        answer(application, model, x, 0.3)
        model.learn_one(x, one.truth)
        answer(application, model, one.x, 0.3)
    assert restore(application, name, model.to_bytes()).to_bytes() == model.to_bytes()


@EVERY
def test_memory_is_bounded(application: Application, name: str) -> None:
    model = taught(application, name, 10_000)
    assert len(model.to_bytes()) < GROWTH_LIMIT
    assert model._raw_memory_usage < 10 * GROWTH_LIMIT


@EVERY
def test_new_entities_for_ever_do_not_grow_it_beyond_its_bound(application: Application, name: str) -> None:
    model: Any = build(application, name)
    if not hasattr(model, "most"):
        pytest.skip("remembers no entities")
    model = model.clone({"most": 50})
    entities = [path for path, leaf in leaves(application) if isinstance(leaf, Entity)]
    for n, one in enumerate(lessons(application, 4000, 20.0)):
        model.learn_one(one.x | {path: f"{path} {n}" for path in entities}, one.truth)
    assert len(model.to_bytes()) < 50_000


@EVERY
def test_bytes_of_something_else_are_refused(application: Application, name: str) -> None:
    others = [build(other, second).to_bytes() for other, second in RECIPES_OF if second != name]
    for data in [b"", b"\x00", b"not a model", *others]:
        with pytest.raises(BadModel):
            restore(application, name, data)


@EVERY
def test_a_recipe_refuses_an_application_that_it_does_not_fit(application: Application, name: str) -> None:
    for other in APPLICATIONS.values():
        if other is not application:
            with pytest.raises(ValueError, match=other.name):
                build(other, name)


def test_unknown_names_say_what_there_is() -> None:
    application = next(iter(APPLICATIONS.values()))
    with pytest.raises(KeyError, match=r"no recipe 'oracle'; there are .*token_stack"):
        build(application, "oracle")
    with pytest.raises(KeyError, match="does not declare the model 'oracle'"):
        restore(application, "oracle", b"")
