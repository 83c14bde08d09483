from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.applications.tfd import TFD
from models import row
from models.tfd_tokens import PAYMENTS, tokens
from models.token_stack import TokenStack, _sigmoid
from tests.bench.reference_streams import reference_events
from tests.learners.streams import lessons

ODD = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.integers(), st.booleans())
FIELDS = sorted(PAYMENTS.fields)


@given(st.fixed_dictionaries({field: st.one_of(ODD, st.text(max_size=5)) for field in FIELDS[3:]}), ODD, ODD)
def test_every_token_lies_in_its_own_part_of_the_table(
    row: dict[str, object], amount: object, age: object
) -> None:
    found = tokens(row | {"amount": amount, "account_age_days": age})
    assert len(found) == 15
    assert all(0 <= token < PAYMENTS.size for token in found)
    assert len(set(found)) == len(found)


def test_bins_follow_the_amount() -> None:
    first = tokens({"amount": 100.0})
    # 2^(1/4) is one bin of the quarter octaves.
    assert tokens({"amount": 100.0 * 2**0.26})[0] == first[0] + 1
    assert tokens({"amount": 101.0})[0] == first[0]
    assert tokens({"amount": None})[0] != first[0]


def test_naive_bayes_is_its_formula() -> None:
    """The product form equals the sum of the logarithms of shrunk frequencies."""
    model = TokenStack()
    stream = lessons(TFD, 400)
    for one in stream:
        model.learn_one(one.x, one.truth)
    found = tokens(stream[0].x)
    n0, n1 = model._lessons
    logit = math.log((n1 + 1) / (n0 + 1))
    for token in found[:10]:
        c0, c1 = model._counts[0][token], model._counts[1][token]
        pooled = (c0 + c1 + 1) / (n0 + n1 + 32)
        logit += math.log((c1 + 32 * pooled) / (n1 + 32)) - math.log((c0 + 32 * pooled) / (n0 + 32))
    clip = math.log((1 - 1e-5) / 1e-5)
    assert model._bayes(found) == pytest.approx(min(clip, max(-clip, logit)))


def test_ranks_frauds_and_tells_probabilities() -> None:
    """Asked first, then taught, on the reference's marginals; floors below what long streams reach."""
    model, told, truth = TokenStack(), [], []
    for event in reference_events(TFD, 8000):
        x = row(TFD, event)
        told.append(model.predict_proba_one(x)[True])
        truth.append(event["is_fraud"])
        model.learn_one(x, event["is_fraud"])
    late, known = told[3000:], truth[3000:]
    frauds = [p for p, y in zip(late, known, strict=True) if y]
    normal = [p for p, y in zip(late, known, strict=True) if not y]
    won = sum((f > n) + (f == n) / 2 for f in frauds for n in normal)
    assert won / (len(frauds) * len(normal)) > 0.97
    # Calibrated: as many are expected as there are.
    assert sum(late) == pytest.approx(len(frauds), rel=0.35)


@given(st.floats(-1e4, 1e4))
def test_sigmoid_never_overflows(logit: float) -> None:
    assert 0.0 <= _sigmoid(logit) <= 1.0


def test_probabilities_sum_to_one() -> None:
    model = TokenStack(positive=False)
    for one in lessons(TFD, 600):
        model.learn_one(one.x, one.truth)
    told = model.predict_proba_one(lessons(TFD, 1)[0].x)
    assert sum(told.values()) == pytest.approx(1)
    # Of the class False, which most payments have.
    assert told[False] > 0.9
    assert model.predict_one(lessons(TFD, 1)[0].x) is False
