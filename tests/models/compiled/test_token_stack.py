"""The compiled body gives the very answers and bytes of one by one, however a stream is cut."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from random import Random

import numpy as np
import pytest

from core.applications.tfd import TFD
from core.declaration import Category, leaves
from core.features import features
from models.base import BadModel, Codes, ColumnarModel, Floats, Order, Row
from models.columns import from_rows
from models.compiled.token_stack import CompiledTokenStack, _bayes, _clipped, _sigmoid
from models.roster import columnar
from models.token_stack import TokenStack
from models.token_stack import _clipped as clipped
from models.token_stack import _sigmoid as sigmoid
from tests.bench import windows
from tests.bench.streams import DENSE_S, stream

EVENTS = 6000


@cache
def payments(seed: int = 3) -> tuple[list[Row], Floats]:
    """A stream with what goes wrong in it: nulls, unseen values, features missing in part or whole."""
    events, _ = stream(TFD.name, EVENTS, DENSE_S * 20, seed)
    rng = Random(seed)
    rows = [spoiled(x, rng) for x in windows.rows(TFD, events)]
    return rows, np.array([event["is_fraud"] for event in events], dtype=np.float64)


def spoiled(x: Row, rng: Random) -> Row:
    draw = rng.random()
    if draw < 0.1:
        return x | {one.name: None for one in features(TFD)}
    if draw < 0.15:
        return x | {rng.choice([one.name for one in features(TFD)]): None}
    if draw < 0.25:
        path, leaf = rng.choice(list(leaves(TFD)))
        return x | {path: "never seen" if isinstance(leaf, Category) and rng.random() < 0.5 else None}
    if draw < 0.28:
        return x | {"amount": rng.choice([0.01, 8.0, 131_072.0, 100_000.0, 2.0**-7, 1e-9, 0.0, -5.0])}
    if draw < 0.3:
        return x | {
            "user_id_since_last_s": rng.choice([0.0, -100.0]),
            "account_age_days": rng.choice([0, -1]),
        }
    return x


def interleaved(count: int, delay: int, rng: Random) -> list[int]:
    """Asks in order; each label some events later, about `delay`; those of the last ones never come."""
    order, waiting = [], []
    for n in range(count):
        order.append(n)
        waiting.append((n + rng.randint(0, 2 * delay), n))
        waiting.sort()
        while waiting and waiting[0][0] <= n:
            order.append(~waiting.pop(0)[1])
    return order


def one_by_one(
    model: TokenStack, rows: list[Row], truths: Floats, order: list[int]
) -> tuple[TokenStack, Floats]:
    answers = np.full(len(rows), np.nan)
    for place in order:
        if place < 0:
            model.learn_one(rows[~place], bool(truths[~place]))
        elif model.trained:
            answers[place] = model.predict_proba_one(rows[place])[model.positive]
    return model, answers


def cuts(order: list[int], rng: Random, longest: int) -> Iterator[list[int]]:
    start = 0
    while start < len(order):
        length = rng.randint(1, longest)
        yield order[start : start + length]
        start += length


def in_batches(
    model: ColumnarModel, rows: list[Row], truths: Floats, order: list[int], rng: Random, longest: int
) -> Floats:
    """Each batch encodes the rows that it asks about; codes of rows that wait are kept."""
    answers = np.full(len(rows), np.nan)
    kept: dict[int, Codes] = {}
    for batch in cuts(order, rng, longest):
        asked = [place for place in batch if place >= 0]
        if asked:
            codes = model.encode(from_rows(TFD, [rows[place] for place in asked]))
            kept |= dict(zip(asked, codes, strict=True))
        used = sorted({place if place >= 0 else ~place for place in batch})
        where = {place: n for n, place in enumerate(used)}
        local: Order = np.array(
            [where[place] if place >= 0 else ~where[~place] for place in batch], dtype=np.int64
        )
        told = answers[used]
        model.follow(np.stack([kept[place] for place in used]), truths[used], local, told)
        answers[used] = told
    return answers


@pytest.mark.parametrize(("delay", "longest"), [(0, 3), (40, 200), (300, 2000), (40, 100_000)])
def test_answers_and_bytes_are_those_of_one_by_one(delay: int, longest: int) -> None:
    rows, truths = payments()
    order = interleaved(EVENTS, delay, Random(delay))
    slow, wanted = one_by_one(TokenStack(), rows, truths, order)
    fast = columnar("token_stack", TokenStack().to_bytes())
    assert isinstance(fast, ColumnarModel)
    found = in_batches(fast, rows, truths, order, Random(longest), longest)
    assert np.isnan(wanted[:500]).all()
    assert not np.isnan(wanted[2000:]).any()
    np.testing.assert_array_equal(found, wanted)
    assert fast.to_bytes() == slow.to_bytes()
    assert fast.trained == slow.trained is True


def test_either_body_goes_on_where_the_other_stopped() -> None:
    rows, truths = payments()
    order = interleaved(EVENTS, 20, Random(4))
    middle = len(order) // 2
    steady, _ = one_by_one(TokenStack(), rows, truths, order)
    first = CompiledTokenStack.from_bytes(TokenStack().to_bytes())
    in_batches(first, rows, truths, order[:middle], Random(5), 500)
    then, _ = one_by_one(TokenStack.from_bytes(first.to_bytes()), rows, truths, order[middle:])
    assert then.to_bytes() == steady.to_bytes()


def test_the_class_false_can_be_the_positive_one() -> None:
    rows, truths = payments()
    order = interleaved(2000, 5, Random(6))
    slow = TokenStack(positive=False)
    fast = CompiledTokenStack.from_bytes(slow.to_bytes())
    _, wanted = one_by_one(slow, rows[:2000], truths, order)
    found = in_batches(fast, rows[:2000], 1.0 - truths, order, Random(7), 300)
    np.testing.assert_array_equal(found, wanted)
    assert fast.to_bytes() == slow.to_bytes()


def test_codes_are_the_tokens_of_each_row_however_it_is_cut() -> None:
    rows, _ = payments()
    model = CompiledTokenStack.from_bytes(TokenStack().to_bytes())
    codes = model.encode(from_rows(TFD, rows))
    assert codes.dtype == np.int32
    assert len({tuple(line) for line in codes.tolist()}) > EVENTS / 2
    tokens = TokenStack().encoding.tokens
    for x, line in zip(rows, codes.tolist(), strict=True):
        found = tokens(x)
        assert line == [*found, *[-1] * (24 - len(found))]
    alone = np.concatenate([model.encode(from_rows(TFD, [x])) for x in rows[:500]])
    np.testing.assert_array_equal(alone, codes[:500])


def test_asking_changes_nothing() -> None:
    rows, truths = payments()
    model = CompiledTokenStack.from_bytes(TokenStack().to_bytes())
    in_batches(model, rows[:2000], truths, interleaved(2000, 0, Random(1)), Random(1), 500)
    before, answers = model.to_bytes(), np.zeros(100)
    codes = model.encode(from_rows(TFD, rows[:100]))
    model.follow(codes, truths[:100], np.arange(100), answers)
    assert model.to_bytes() == before
    assert ((answers > 0) & (answers < 1)).all()


def test_the_machine_code_takes_the_logarithms_and_exponentials_of_python() -> None:
    """Equal bytes rest on it: the compiler must not bring a mathematical library of its own."""
    rng = Random(9)
    for _ in range(20_000):
        logit = rng.uniform(-40, 40)
        assert _sigmoid(logit) == sigmoid(logit)
        assert _clipped(logit) == clipped(logit)
    model = CompiledTokenStack.from_bytes(TokenStack().to_bytes())
    for odds in (math.exp(rng.uniform(-11, 11)) for _ in range(20_000)):
        assert _bayes(odds, model._lessons) == clipped(math.log(odds))


def test_bytes_of_something_else_are_refused() -> None:
    for data in (b"", b"not a model"):
        with pytest.raises(BadModel):
            columnar("token_stack", data)
