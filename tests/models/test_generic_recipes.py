"""The recipes that serve any application: forests, linear models, naive answers, on toys of their own."""

from __future__ import annotations

from functools import cache
from statistics import fmean
from typing import Any

import pytest

from core.applications import APPLICATIONS
from core.declaration import Application, Clustering
from models import build
from models.adaptive_random_forest import ForestOfClasses, ForestOfNumbers
from models.roster import is_heavy
from models.tree_paths import logit
from tests.models.toys import BURSTS, WEAR, readings

ROWS = readings(3000)

NUMBERS = ["adaptive_random_forest", "binned_linear"]


@cache
def taught(application: Application, name: str) -> Any:
    """After 2,000 lessons; shared by tests that only ask."""
    model = build(application, name)
    for x, burst, wear in ROWS[:2000]:
        model.learn_one(x, burst if application is BURSTS else wear)
    return model


@pytest.mark.parametrize("name", NUMBERS)
def test_finds_bursts_where_nobody_wrote_a_recipe(name: str) -> None:
    model = taught(BURSTS, name)
    risky: list[float] = []
    calm: list[float] = []
    for x, _, _ in ROWS[2000:]:
        told = model.predict_proba_one(x)[True]
        (risky if x["pressure"] > 100 and not x["sealed"] else calm).append(told)
    assert fmean(risky) > 3 * fmean(calm)


@pytest.mark.parametrize("name", NUMBERS)
def test_probabilities_are_probabilities(name: str) -> None:
    """Also of the forest, which sees ten negatives per positive where there are fifty."""
    model: Any = build(BURSTS, name)
    rare = [one for n, one in enumerate(readings(6000, seed=5)) if not one[1] or n % 7 == 0]
    for x, burst, _ in rare[:4000]:
        model.learn_one(x, burst)
    told = fmean(model.predict_proba_one(x)[True] for x, _, _ in rare[4000:])
    share = fmean(burst for _, burst, _ in rare)
    assert 0.01 < share < 0.03
    assert told == pytest.approx(share, rel=0.4)


@pytest.mark.parametrize("name", NUMBERS)
def test_tells_wear_better_than_the_event_itself(name: str) -> None:
    model = taught(WEAR, name)
    own: Any = build(WEAR, "own_estimate")
    errors, naive = (
        fmean(abs(one.predict_one(x) - wear) for x, _, wear in ROWS[2000:]) for one in (model, own)
    )
    assert errors < 0.5 * naive


@pytest.mark.parametrize("name", NUMBERS)
def test_effects_on_a_probability_add_up_to_its_log_odds(name: str) -> None:
    model = taught(BURSTS, name)
    for x, _, _ in [*ROWS[2000:2100], ({}, False, 0.0), ({"material": "wood", "pressure": 9e4}, False, 0.0)]:
        told = sum(one.effect for one in model.explain_one(x))
        answer = logit(model.predict_proba_one(x)[True])
        assert model.usual_one(x) + told == pytest.approx(answer, abs=1e-6)


@pytest.mark.parametrize("name", NUMBERS)
def test_effects_on_a_number_add_up_to_it(name: str) -> None:
    model = taught(WEAR, name)
    for x, _, _ in [*ROWS[2000:2100], ({"expected": 40.0}, False, 0.0)]:
        told = sum(one.effect for one in model.explain_one(x))
        assert model.usual_one(x) + told == pytest.approx(model.predict_one(x), abs=1e-6)


@pytest.mark.parametrize("name", NUMBERS)
def test_what_matters_leads_the_explanation(name: str) -> None:
    brass = {**ROWS[0][0], "material": "brass", "expected": 150.0, "weekday": 0}
    leading = {one.name for one in taught(WEAR, name).explain_one(brass)[:2]}
    assert "material" in leading
    unsealed = {**ROWS[0][0], "sealed": False, "pressure": 500.0}
    leading = {one.name for one in taught(BURSTS, name).explain_one(unsealed)[:2]}
    assert leading == {"sealed", "pressure"}


def test_short_whole_numbers_act_together() -> None:
    x = {**ROWS[0][0], "weekday": 2, "shift": 1, "material": "iron"}
    told = {one.name: one for one in taught(WEAR, "binned_linear").explain_one(x)}
    assert told["weekday x shift"].value == [2, 1]
    assert told["weekday x shift"].effect > 0


def test_a_forest_that_is_asked_about_an_unknown_class_stays_as_it_was() -> None:
    model = ForestOfClasses.build(BURSTS)
    for n, (x, burst, _) in enumerate(ROWS[:800]):
        model.learn_one(x, burst)
        if n % 100 == 0:
            before = model.to_bytes()
            for other, _, _ in ROWS[:50]:
                model.predict_proba_one(other)
            assert model.to_bytes() == before


def test_of_the_negatives_every_so_many_th_is_kept_and_every_positive() -> None:
    model = ForestOfClasses.build(BURSTS)
    for n in range(5000):
        model.learn_one(ROWS[n % 3000][0], n % 200 == 0)
    assert model._lessons == [4975, 25]
    assert 150 < model._kept < 700


@pytest.mark.parametrize("label", [None, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["adaptive_random_forest", "binned_linear", "last_label", "own_estimate"])
def test_no_number_teaches_nothing(name: str, label: float | None) -> None:
    model: Any = build(WEAR, name)
    before = model.to_bytes()
    model.learn_one(ROWS[0][0], label)
    assert model.to_bytes() == before


def test_an_event_without_its_own_estimate_counts_as_a_mean_one() -> None:
    for name in NUMBERS:
        model = taught(WEAR, name)
        told = model.predict_one({**ROWS[0][0], "expected": None, "material": "iron", "weekday": 0})
        assert told == pytest.approx(fmean(x["expected"] for x, _, _ in ROWS), rel=0.3)


def test_the_prior_is_the_share_of_positives_so_far() -> None:
    model: Any = build(BURSTS, "prior")
    for label in (True, False, False):
        model.learn_one({}, label)
    assert model.predict_proba_one({}) == {True: 0.4, False: 0.6}
    assert model.predict_one({}) is False


def test_the_last_label_is_told_with_all_but_certainty_or_as_it_is() -> None:
    model: Any = build(BURSTS, "last_label")
    model.learn_one({}, True)
    assert model.predict_proba_one({})[True] == 0.99
    number: Any = build(WEAR, "last_label")
    number.learn_one({}, 0.2)
    assert number.predict_one({}) == 1.0, "never less than the floor"
    number.learn_one({}, 7.5)
    assert number.predict_one({}) == 7.5


def test_the_own_estimate_is_the_declared_field() -> None:
    model: Any = build(WEAR, "own_estimate")
    assert [model.predict_one({"expected": value}) for value in (12.5, 0.0, None)] == [12.5, 1.0, 1.0]


@pytest.mark.parametrize("name", ["adaptive_random_forest", "binned_linear", "prior", "last_label"])
def test_a_task_that_is_not_served_is_refused_by_name(name: str) -> None:
    other = next(one for one in APPLICATIONS.values() if isinstance(one.task, Clustering))
    with pytest.raises(ValueError, match=f"{name}.*{other.name}"):
        build(other, name)


def test_heavy_recipes_say_so() -> None:
    assert is_heavy("adaptive_random_forest")
    assert ForestOfNumbers.heavy
    assert not is_heavy("prior")
    with pytest.raises(KeyError, match="no recipe 'oracle'"):
        is_heavy("oracle")
