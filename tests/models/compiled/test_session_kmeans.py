"""The compiled body tells and knows the very same as the body one by one, however a stream is cut."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest

from core.applications.ecci import ECCI
from core.declaration import EventTime, leaves
from models.base import BadModel, ColumnarModel, Row, Settled
from models.columns import from_rows
from models.compiled.session_kernels import AT_ONCE
from models.compiled.session_kmeans import CompiledSessionKMeans
from models.roster import columnar
from models.session_kmeans import SessionKMeans
from tests.learners.streams import lessons

Lessons = list[tuple[Row, list[Row]]]


def rows(count: int, step: float, seed: int = 7) -> list[Row]:
    return [one.x for one in lessons(ECCI, count, step, seed)]


def damaged(stream: list[Row], rng: Random) -> list[Row]:
    """One row in three with a field that is missing, null, of a value never seen, or another row's."""
    paths = [path for path, leaf in leaves(ECCI) if not isinstance(leaf, EventTime)]
    made = []
    for x in stream:
        draw, path, y = rng.random(), rng.choice(paths), x
        if draw < 0.08:
            y = {k: v for k, v in x.items() if k != path}
        elif draw < 0.16:
            y = x | {path: None}
        elif draw < 0.24 and isinstance(x[path], str):
            y = x | {path: "never seen before"}
        elif draw < 0.28:
            y = x | {path: rng.choice(stream)[path]}
        elif draw < 0.3:
            y = x | {"timestamp": rng.choice(stream)["timestamp"]}
        elif draw < 0.32:
            y = x | {"timestamp": None, "price": 0, "time_on_page_seconds": 0}
        made.append(y)
    return made


def one_by_one(model: SessionKMeans, plan: Lessons) -> tuple[list[float], list[Settled]]:
    said: list[float] = []
    settled: list[Settled] = []
    for ask, teach in plan:
        said.append(float(model.predict_one(ask)) if model.trained else float("nan"))
        for x in teach:
            model.learn_one(x)
            settled.extend(model.settled)
    return said, settled


def in_batches(
    model: ColumnarModel, stream: list[Row], late: int, cut: Callable[[], int]
) -> tuple[list[float], list[Settled]]:
    """Row i is asked about, then row i - late taught; codes of rows that wait are kept and joined."""
    said: list[float] = []
    settled: list[Settled] = []
    waiting = model.encode(from_rows(ECCI, []))
    at = 0
    while at < len(stream):
        batch = stream[at : at + cut()]
        codes = np.concatenate((waiting, model.encode(from_rows(ECCI, batch))))
        old, order = len(waiting), []
        for n in range(len(batch)):
            order.append(old + n)
            if at + n - late >= 0:
                order.append(~(old + n - late))
        answers = np.full(len(codes), -7.0)
        model.follow(codes, np.full(len(codes), np.nan), np.array(order, dtype=np.int64), answers)
        settled.extend(model.settled)  # type: ignore[attr-defined]
        said.extend(answers[old:].tolist())
        waiting = codes[-late:] if late else codes[:0]
        at += len(batch)
    return said, settled


def planned(stream: list[Row], late: int) -> Lessons:
    return [(x, [stream[n - late]] if n >= late else []) for n, x in enumerate(stream)]


def same(a: list[float], b: list[float]) -> bool:
    return np.array_equal(np.array(a), np.array(b), equal_nan=True)


@pytest.mark.parametrize(
    ("step", "damage", "late", "most", "longest"),
    [
        (5.0, False, 0, 10_000, 2000),
        (20.0, True, 0, 10_000, 700),
        (5.0, True, 37, 10_000, 60),
        (20.0, True, 5, 40, 300),
        (60.0, False, 0, 150, 9),
    ],
)
def test_same_answers_settled_and_bytes(
    step: float, damage: bool, late: int, most: int, longest: int
) -> None:
    rng = Random(most + longest)
    stream = rows(9000, step)
    if damage:
        stream = damaged(stream, rng)
    model = SessionKMeans(most=most)
    compiled = CompiledSessionKMeans.from_bytes(model.to_bytes())
    said, settled = one_by_one(model, planned(stream, late))
    answers, theirs = in_batches(compiled, stream, late, lambda: rng.randint(1, longest))
    assert model.trained
    assert model._seen > 400
    assert same(said, answers)
    assert settled == theirs
    assert compiled.to_bytes() == model.to_bytes()
    assert compiled.segments() == model.segments()


def test_either_goes_on_where_the_other_stopped() -> None:
    rng = Random(1)
    stream = damaged(rows(6000, 20.0), rng)
    steady = SessionKMeans(most=120)
    turns: Any = SessionKMeans(most=120)
    for at in range(0, 6000, 1000):
        part = stream[at : at + 1000]
        said, settled = one_by_one(steady, planned(part, 0))
        if isinstance(turns, SessionKMeans):
            turns = CompiledSessionKMeans.from_bytes(turns.to_bytes())
            answers, theirs = in_batches(turns, part, 0, lambda: 333)
        else:
            turns = SessionKMeans.from_bytes(turns.to_bytes())
            answers, theirs = one_by_one(turns, planned(part, 0))
        assert same(said, answers)
        assert settled == theirs
        assert turns.to_bytes() == steady.to_bytes()


def test_more_settle_in_one_call_than_are_handed_over_at_once() -> None:
    stream = [x | {"customer_id": f"c{n}", "session_id": f"s{n}"} for n, x in enumerate(rows(3000, 20.0))]
    model = SessionKMeans(most=50)
    compiled = CompiledSessionKMeans.from_bytes(model.to_bytes())
    _, settled = one_by_one(model, planned(stream, 0))
    _, theirs = in_batches(compiled, stream, 0, lambda: 3000)
    assert len(settled) > 2 * AT_ONCE
    assert settled == theirs
    assert compiled.to_bytes() == model.to_bytes()


def test_counts_are_halved_alike() -> None:
    """Some 40,000 events of one customer: its segment's counts pass the bound."""
    model = SessionKMeans()
    for x in rows(6000, 20.0):
        model.learn_one(x)
    last = rows(6000, 20.0)[-1]
    again = [last | {"session_id": f"s{n % 3}"} for n in range(500)]
    compiled = CompiledSessionKMeans.from_bytes(model.to_bytes())
    for _ in range(45):
        one_by_one(model, [(x, [x]) for x in again])
    in_batches(compiled, again * 45, 0, lambda: 5000)
    assert max(model._tops.told) > 10_000
    assert compiled.to_bytes() == model.to_bytes()


def test_codes_are_a_pure_function_of_each_row() -> None:
    stream = damaged(rows(500, 20.0), Random(3))
    compiled = CompiledSessionKMeans.from_bytes(SessionKMeans().to_bytes())
    whole = compiled.encode(from_rows(ECCI, stream))
    single = np.concatenate([compiled.encode(from_rows(ECCI, [x])) for x in stream])
    assert np.array_equal(whole, single)


def test_the_roster_knows_it() -> None:
    model = columnar("session_kmeans", SessionKMeans().to_bytes())
    assert isinstance(model, CompiledSessionKMeans)
    assert isinstance(model, ColumnarModel)
    assert not model.trained
    with pytest.raises(BadModel, match="not a session_kmeans"):
        columnar("session_kmeans", b"something else")
