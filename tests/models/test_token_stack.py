from __future__ import annotations

import math
from bisect import bisect_right
from functools import cache

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.applications.tfd import TFD
from core.declaration import leaves
from core.features import features
from models import row
from models.base import BadModel, Row
from models.tfd_tokens import PAYMENTS, RATIOS, tokens
from models.token_stack import TokenStack, _sigmoid, read
from tests.bench import windows
from tests.bench.reference_streams import reference_events
from tests.bench.streams import SPARSE_S, stream
from tests.learners.streams import lessons

ODD = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.integers(), st.booleans())
NUMBERS = {"amount", "account_age_days"} | {one.name for one in features(TFD)}
FIELDS = sorted(PAYMENTS.fields - NUMBERS)
WINDOWS = [one.name for one in features(TFD)]


@cache
def payments(count: int, gap: float = SPARSE_S, seed: int = 7) -> tuple[list[Row], list[bool]]:
    """Rows with their windowed features, and labels."""
    events, _ = stream(TFD.name, count, gap, seed)
    return windows.rows(TFD, events), [event["is_fraud"] for event in events]


def bare(x: Row) -> Row:
    """A row whose features came too late."""
    return x | dict.fromkeys(WINDOWS)


@given(
    st.fixed_dictionaries({field: st.one_of(ODD, st.text(max_size=5)) for field in FIELDS}),
    st.fixed_dictionaries({}, optional=dict.fromkeys(sorted(NUMBERS), ODD)),
)
def test_every_token_lies_in_its_own_slot(x: Row, numbers: Row) -> None:
    found = tokens(x | numbers)
    known = numbers.get("user_id_24h_count")
    assert len(found) == (16 if known is None or math.isnan(known) else 24)
    for token, slot in zip(found, PAYMENTS.slots, strict=False):
        assert slot.start <= token < slot.start + slot.size


def test_slots_fill_the_table_and_name_what_rows_have() -> None:
    ends = [slot.start + slot.size for slot in PAYMENTS.slots]
    assert [slot.start for slot in PAYMENTS.slots] == [0, *ends[:-1]]
    assert ends[-1] == PAYMENTS.size
    assert len(PAYMENTS.slots) == 24
    assert {path for path, _ in leaves(TFD)} | set(WINDOWS) > PAYMENTS.fields


def test_bins_follow_the_amount() -> None:
    first = tokens({"amount": 100.0})
    # 2^(1/4) is one bin of the quarter octaves.
    assert tokens({"amount": 100.0 * 2**0.26})[0] == first[0] + 1
    assert tokens({"amount": 101.0})[0] == first[0]
    assert tokens({"amount": None})[0] != first[0]
    assert tokens({"amount": 8.0})[0] == tokens({"amount": 9.5})[0] == tokens({"amount": 7.99})[0] + 1


def test_an_amount_is_compared_with_the_others_of_the_day() -> None:
    """Its window holds the payment itself: 3 payments of 60 in all, this one 40, are 10 each besides."""
    slot = PAYMENTS.slots[18]
    day = {"user_id_24h_count": 3, "user_id_24h_sum_amount": 60.0}
    ratio = tokens({"amount": 40.0} | day)[18] - slot.start
    assert ratio == bisect_right(RATIOS, 4.0)
    alone = {"user_id_24h_count": 1, "user_id_24h_sum_amount": 40.0}
    assert tokens({"amount": 40.0} | alone)[18] == slot.start + slot.size - 1
    # Sums differ in their last bits: nothing else was paid, or a little less than nothing.
    tiny = {"user_id_24h_count": 2, "user_id_24h_sum_amount": 39.999999}
    assert tokens({"amount": 40.0} | tiny)[18] == slot.start + len(RATIOS)


def test_naive_bayes_is_its_formula() -> None:
    """The product form equals the sum of the logarithms of shrunk frequencies."""
    model = TokenStack()
    rows, labels = payments(400)
    for x, label in zip(rows, labels, strict=True):
        model.learn_one(x, label)
    found = tokens(rows[0])
    n0, n1 = model._lessons
    assert n1 > 0
    read = found[:10] + found[16:20]
    logit = math.log((n1 + 1) / (n0 + 1))
    for token in read:
        c0, c1 = model._counts[0][token], model._counts[1][token]
        pooled = (c0 + c1 + 1) / (n0 + n1 + 32)
        logit += math.log((c1 + 32 * pooled) / (n1 + 32)) - math.log((c0 + 32 * pooled) / (n0 + 32))
    clip = math.log((1 - 1e-5) / 1e-5)
    assert model._bayes(model._odds(1.0, read)) == pytest.approx(min(clip, max(-clip, logit)))


def test_a_value_never_seen_is_no_sign_of_fraud_to_naive_bayes() -> None:
    model = TokenStack()
    for x, label in zip(*payments(2000), strict=True):
        model.learn_one(x, label)
    assert model._odds(1.0, tokens({"currency": "a new one"})[7:8]) == 1.0


def test_rows_without_features_are_answered_as_if_there_were_no_windows() -> None:
    with_windows, without = TokenStack(), TokenStack()
    rows, labels = payments(3000)
    for x, label in zip(rows, labels, strict=True):
        with_windows.learn_one(x, label)
        without.learn_one(bare(x), label)
    later = rows[-500:]
    told = [with_windows.predict_proba_one(bare(x)) for x in later]
    assert told == [without.predict_proba_one(bare(x)) for x in later]
    assert told != [with_windows.predict_proba_one(x) for x in later]


def area(told: list[float], known: list[bool]) -> float:
    """Area under the ROC curve."""
    frauds = [p for p, y in zip(told, known, strict=True) if y]
    normal = [p for p, y in zip(told, known, strict=True) if not y]
    won = sum((f > n) + (f == n) / 2 for f in frauds for n in normal)
    return won / (len(frauds) * len(normal))


def loss(told: list[float], known: list[bool]) -> float:
    """Mean negative log-likelihood."""
    return -sum(math.log(p if y else 1 - p) for p, y in zip(told, known, strict=True)) / len(told)


def test_windows_find_frauds_that_rows_do_not_show() -> None:
    """Asked before taught; a label is known ten payments later."""
    rows, labels = payments(12_000)
    lost = []
    for seen in (bare, lambda x: x):
        model, told = TokenStack(), []
        for n, x in enumerate(rows):
            if n >= 10:
                model.learn_one(seen(rows[n - 10]), labels[n - 10])
            told.append(model.predict_proba_one(seen(x))[True])
        lost.append(loss(told[6000:], labels[6000:]))
    assert lost[1] < 0.85 * lost[0] < 0.85 * 0.04


def test_ranks_frauds_and_tells_probabilities() -> None:
    """Asked first, then taught, on the reference's marginals; floors below what long streams reach."""
    model, told, truth = TokenStack(), [], []
    for event in reference_events(TFD, 8000):
        x = row(TFD, event)
        told.append(model.predict_proba_one(x)[True])
        truth.append(event["is_fraud"])
        model.learn_one(x, event["is_fraud"])
    late, known = told[3000:], truth[3000:]
    assert area(late, known) > 0.97
    # Calibrated: as many are expected as there are.
    assert sum(late) == pytest.approx(sum(known), rel=0.35)


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


@pytest.mark.parametrize("name", ["negatives", "positives", "weights", "squares"])
def test_arrays_of_another_length_are_refused(name: str) -> None:
    state = msgspec.structs.replace(read(TokenStack().to_bytes()), **{name: b"\0" * 8})
    with pytest.raises(
        BadModel, match=f"{name} of this token_stack has 8 bytes, and needs {8 * PAYMENTS.size}"
    ):
        TokenStack.from_bytes(msgspec.msgpack.encode(state))
