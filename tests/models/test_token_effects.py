"""What moved an answer: the parts add up, and a planted pattern is led by its own field."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from core.applications.tfd import TFD
from models.base import Explaining, Row
from models.tfd_tokens import PAYMENTS, Slot
from models.token_effects import Part, effects, usual
from models.token_stack import TokenStack
from tests.learners.streams import lessons
from tests.models.test_token_stack import bare, payments

BY_ROW = pytest.mark.parametrize("read", [bare, lambda x: x], ids=["row", "windows"])


def logit(model: TokenStack, x: Row) -> float:
    probability = model.predict_proba_one(x)[True]
    return math.log(probability / (1 - probability))


def taught(truth: Callable[[Row], bool] | None = None) -> TokenStack:
    model = TokenStack()
    for x, label in zip(*payments(3000), strict=True):
        model.learn_one(x, label if truth is None else truth(x))
    return model


@BY_ROW
def test_effects_add_up_to_the_answer_minus_the_usual_one(read: Callable[[Row], Row]) -> None:
    model = taught()
    assert isinstance(model, Explaining)
    windows = read is not bare
    for x in payments(3000)[0][-100:]:
        told = model.explain_one(read(x))
        moved = logit(model, read(x)) - model.usual_logit(windows)
        assert sum(one.effect for one in told) == pytest.approx(moved, abs=1e-6)


def test_effects_add_up_where_logits_are_clipped() -> None:
    slots = (Slot(("a",), 0, 2), Slot(("b",), 2, 2))
    part = Part(0.5, -2.0, (0, 1), [-1.0, 30.0, 0.0, 8.0].__getitem__, [9.0, 1.0, 9.0, 1.0], 11.5)
    assert usual(slots, [part]) == pytest.approx(0.5 * (-2 + 2.1 + 0.8))
    found = effects(slots, (1, 3), {"a": "rare", "b": "rare too"}, [part])
    assert [one.name for one in found] == ["a", "b"]
    assert sum(one.effect for one in found) == pytest.approx(0.5 * 11.5 - usual(slots, [part]))


def test_an_untaught_model_has_nothing_to_tell() -> None:
    assert {one.effect for one in TokenStack().explain_one(payments(3000)[0][5])} == {0.0}


@pytest.mark.parametrize(
    ("field", "value"),
    [("product_category", "gambling"), ("cvv_provided", False), ("payment_method", "crypto")],
)
def test_a_planted_field_leads(field: str, value: object) -> None:
    model = taught(lambda x: bool(x[field] == value))
    rows = [x for x in payments(3000)[0] if x[field] == value]
    assert rows
    for x in (rows[0], bare(rows[0])):
        told = model.explain_one(x)
        assert told[0].name == field
        assert told[0].value == value
        assert told[0].effect > 2


def test_a_planted_window_leads() -> None:
    model = taught(lambda x: bool(x["user_id_24h_count"] >= 2))
    x = next(x for x in payments(3000)[0] if x["user_id_24h_count"] == 2)
    told = model.explain_one(x)
    assert "user_id_24h_count" in told[0].name.split(" x ")
    assert told[0].effect > 0


def test_effects_speak_the_words_of_the_row() -> None:
    told = taught().explain_one(lessons(TFD, 3)[-1].x)
    names = [one.name for one in told]
    assert len(set(names)) == len(names)
    assert {name for one in names for name in one.split(" x ")} <= PAYMENTS.fields
    x = lessons(TFD, 3)[-1].x
    values = {one.name: one.value for one in told}
    assert values["amount"] == x["amount"]
    assert values["amount x cvv_provided"] == [x["amount"], x["cvv_provided"]]
    assert [abs(one.effect) for one in told] == sorted((abs(one.effect) for one in told), reverse=True)
