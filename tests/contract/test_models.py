"""Every recipe of every application passes the same checks."""

from __future__ import annotations

import dataclasses
from functools import cache
from random import Random
from typing import Any

import pytest
from river import base

from core.applications import APPLICATIONS
from core.declaration import Application, Classification, Clustering, Entity, EventTime, leaves
from core.features import features
from models import OnlineModel, answer, build, restore
from models.base import BadModel, Explaining, Row
from models.roster import RECIPES, is_heavy
from tests.learners.streams import Lesson, lessons

RECIPES_OF = [(application, name) for application in APPLICATIONS.values() for name in application.online]
EVERY = pytest.mark.parametrize(
    ("application", "name"), RECIPES_OF, ids=lambda one: getattr(one, "name", one)
)

HEAVY = 6
"""A heavy recipe gets so many times fewer lessons, or the suite would take minutes."""

GROWTH_LIMIT = 1_000_000
"""Bytes of a model after 10,000 events; the streams have thousands of entities."""

GROWTH_LIMITS = {
    "adaptive_random_forest": 5_000_000,
    "binned_linear": 60_000,
    "prior": 100,
    "last_label": 100,
}
"""Bytes of those that are bounded otherwise."""

TRAINED_AFTER = {"own_estimate": 0, "prior": 1, "last_label": 1}
"""Lessons after which a naive answer is one; the others need more than 20 and fewer than 4,000."""


def fewer(name: str, count: int) -> int:
    """How many lessons this recipe gets where the light ones get `count`."""
    return count // HEAVY if is_heavy(name) else count


@cache
def stream(application: Application, count: int) -> tuple[Lesson, ...]:
    """Lessons with windowed features, made up; every fifth row is late and has none."""
    rng, found = Random(7), []
    for n, one in enumerate(lessons(application, count, 20.0)):
        known = {f.name: _feature(rng, f.integer) if n % 5 else None for f in features(application)}
        found.append(dataclasses.replace(one, x=one.x | known))
    return tuple(found)


def _feature(rng: Random, integer: bool) -> float | int:
    value = rng.lognormvariate(2, 2)
    return int(value) if integer else value


def learned(application: Application, name: str, count: int) -> Any:
    """A model fresh from lessons."""
    model = build(application, name)
    for one in stream(application, fewer(name, count)):
        model.learn_one(one.x, one.truth)
    return model


@cache
def learned_bytes(application: Application, name: str, count: int) -> bytes:
    made: bytes = learned(application, name, count).to_bytes()
    return made


def taught(application: Application, name: str, count: int) -> Any:
    """The same from bytes, which costs less the second time."""
    return restore(application, name, learned_bytes(application, name, count))


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
    """A naive answer is one as soon as it has what it tells; others need some lessons, not thousands."""
    enough = TRAINED_AFTER.get(name, 21)
    model, stopped = build(application, name), stream(application, 20)[:enough]
    for one in stopped:
        assert not model.trained
        model.learn_one(one.x, one.truth)
    assert model.trained == (name in TRAINED_AFTER)
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
    assert learned(application, name, 1500).to_bytes() == learned(application, name, 1500).to_bytes()


@EVERY
@pytest.mark.parametrize("at", [0, 30, 2000, 3900])
def test_resumed_from_bytes_equals_never_stopped(application: Application, name: str, at: int) -> None:
    rows = stream(application, fewer(name, 4000))
    steady, at = build(application, name), fewer(name, at)
    for one in rows[:at]:
        steady.learn_one(one.x, one.truth)
    resumed = restore(application, name, steady.to_bytes())
    assert resumed.to_bytes() == steady.to_bytes()
    for one in rows[at:]:
        if resumed.trained:
            assert answer(application, resumed, one.x, None) == answer(application, steady, one.x, None)
        resumed.learn_one(one.x, one.truth)
        steady.learn_one(one.x, one.truth)
    assert resumed.to_bytes() == steady.to_bytes()


@EVERY
def test_asking_changes_nothing(application: Application, name: str) -> None:
    model = taught(application, name, 3500)
    before = model.to_bytes()
    rows = [one.x for one in stream(application, 4000)[3400:]]
    first = told(application, model, rows)
    assert told(application, model, rows) == first
    assert model.to_bytes() == before


@EVERY
def test_unseen_fields_change_no_answer(application: Application, name: str) -> None:
    model = taught(application, name, 3500)
    rows = [one.x for one in stream(application, 3600)[3500:]]
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
    one = stream(application, 3600)[-1]
    for x in damaged(application, one.x):
        answer(application, model, x, 0.3)
        model.learn_one(x, one.truth)
        answer(application, model, one.x, 0.3)
    assert restore(application, name, model.to_bytes()).to_bytes() == model.to_bytes()


@EVERY
def test_memory_is_bounded(application: Application, name: str) -> None:
    model = taught(application, name, 10_000)
    limit = GROWTH_LIMITS.get(name, GROWTH_LIMIT)
    assert len(model.to_bytes()) < limit
    assert model._raw_memory_usage < 10 * max(limit, GROWTH_LIMIT)


@EVERY
def test_new_entities_for_ever_do_not_grow_it_beyond_its_bound(application: Application, name: str) -> None:
    model: Any = build(application, name)
    if not hasattr(model, "most"):
        pytest.skip("remembers no entities")
    model = model.clone({"most": 50})
    entities = [path for path, leaf in leaves(application) if isinstance(leaf, Entity)]
    for n, one in enumerate(stream(application, 4000)):
        model.learn_one(one.x | {path: f"{path} {n}" for path in entities}, one.truth)
    assert len(model.to_bytes()) < 50_000


@EVERY
def test_bytes_of_something_else_are_refused(application: Application, name: str) -> None:
    others = [build(other, second).to_bytes() for other, second in RECIPES_OF if second != name]
    own = build(application, name).to_bytes()
    for data in [b"", b"\x00", b"not a model", own[:-1], own[: len(own) // 2], *others]:
        with pytest.raises(BadModel):
            restore(application, name, data)


@EVERY
def test_a_recipe_refuses_an_application_that_it_does_not_serve(application: Application, name: str) -> None:
    """Of another task; or of the same, where it reads fields that are not declared."""
    for other in APPLICATIONS.values():
        if (other, name) not in RECIPES_OF:
            with pytest.raises(ValueError, match=other.name):
                build(other, name)


@EVERY
def test_explanations_are_in_the_declared_words_and_change_nothing(
    application: Application, name: str
) -> None:
    model = taught(application, name, 3500)
    explaining: bool = isinstance(model, Explaining)
    if not explaining:
        pytest.skip("explains nothing")
    before = model.to_bytes()
    known = {path for path, _ in leaves(application)} | {one.name for one in features(application)}
    known |= {field.name for field in application.fields}
    for one in stream(application, 3600)[3500:3520]:
        effects = model.explain_one(one.x)
        assert effects
        assert {word for told in effects for word in told.name.split(" x ")} <= known
        sizes = [abs(told.effect) for told in effects]
        assert sizes == sorted(sizes, reverse=True)
    for x in damaged(application, one.x):
        model.explain_one(x)
    assert model.to_bytes() == before


def test_unknown_names_say_what_there_is() -> None:
    application = next(iter(APPLICATIONS.values()))
    with pytest.raises(KeyError, match=r"no recipe 'oracle'; there are .*token_stack"):
        build(application, "oracle")
    with pytest.raises(KeyError, match="does not declare the model 'oracle'"):
        restore(application, "oracle", b"")
