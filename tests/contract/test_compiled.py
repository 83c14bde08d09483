"""Every compiled body gives the very answers and the very bytes of its recipe one by one."""

from __future__ import annotations

from math import nan
from random import Random
from typing import Any

import numpy as np
import pytest

from core.applications import APPLICATIONS
from core.declaration import Application, Classification
from models import build
from models.base import BadModel, ColumnarModel
from models.columns import from_rows
from models.roster import COMPILED, columnar
from tests.contract.test_models import stream
from tests.learners.streams import Lesson

COMPILED_OF = [
    (application, name)
    for application in APPLICATIONS.values()
    for name in application.online
    if name in COMPILED
]
EVERY = pytest.mark.parametrize(
    ("application", "name"), COMPILED_OF, ids=lambda one: getattr(one, "name", one)
)

EVENTS = 4000

LONGEST_DELAY = 300
"""Events between an event and its lesson, at most."""

Steps = list[int]
"""i asks about event i, ~i teaches it."""


def compiled(name: str, data: bytes) -> ColumnarModel:
    body = columnar(name, data)
    assert body is not None
    return body


def interleaved(count: int, seed: int) -> list[Steps]:
    """Per event: it is asked about, then the lessons that are due by now follow, by due time."""
    rng, waiting, steps = Random(seed), [], []
    for n in range(count):
        waiting.append((n + rng.randrange(LONGEST_DELAY), n))
        waiting.sort()
        due = [event for time, event in waiting if time <= n]
        waiting = waiting[len(due) :]
        steps.append([n, *(~event for event in due)])
    return steps


def cuts(count: int, seed: int) -> list[range]:
    """Batches of one event to some hundred."""
    rng, start, found = Random(seed), 0, []
    while start < count:
        end = min(count, start + rng.choice((1, 2, 7, 60, 500)))
        found.append(range(start, end))
        start = end
    return found


def truth(application: Application, one: Lesson) -> float:
    match application.task:
        case Classification(positive=positive):
            return float(one.truth == positive)
    return nan if one.truth is None else float(one.truth)


def one_by_one(
    application: Application, model: Any, rows: tuple[Lesson, ...], steps: list[Steps]
) -> list[float]:
    told = [nan] * len(rows)
    for step in (one for of_event in steps for one in of_event):
        x = rows[step if step >= 0 else ~step].x
        if step < 0:
            model.learn_one(x, rows[~step].truth)
        elif model.trained:
            match application.task:
                case Classification(positive=positive):
                    told[step] = model.predict_proba_one(x)[positive]
                case _:
                    told[step] = model.predict_one(x)
    return told


def in_batches(
    application: Application,
    body: ColumnarModel,
    rows: tuple[Lesson, ...],
    steps: list[Steps],
    batches: list[range],
) -> list[float]:
    """As a learner does: codes of events that wait for their label are kept and put before the new ones."""
    told = np.full(len(rows), nan)
    kept: dict[int, Any] = {}
    for batch in batches:
        new = body.encode(from_rows(application, [rows[n].x for n in batch]))
        kept |= dict(zip(batch, new, strict=True))
        places = {n: place for place, n in enumerate(kept)}
        order = [places[s] if s >= 0 else ~places[~s] for n in batch for s in steps[n]]
        answers = np.full(len(kept), nan)
        truths = np.array([truth(application, rows[n]) for n in kept])
        body.follow(np.stack(list(kept.values())), truths, np.array(order, dtype=np.int64), answers)
        told[batch.start : batch.stop] = [answers[places[n]] for n in batch]
        for step in (one for n in batch for one in steps[n] if one < 0):
            del kept[~step]
    return told.tolist()


@EVERY
@pytest.mark.parametrize("seed", [1, 2])
def test_any_batches_give_the_answers_and_bytes_of_one_by_one(
    application: Application, name: str, seed: int
) -> None:
    rows, steps, batches = stream(application, EVENTS), interleaved(EVENTS, seed), cuts(EVENTS, seed)
    model = build(application, name)
    body = compiled(name, model.to_bytes())
    assert body.to_bytes() == model.to_bytes()
    expected = one_by_one(application, model, rows, steps)
    told = in_batches(application, body, rows, steps, batches)
    np.testing.assert_array_equal(told, expected)
    assert body.trained == model.trained
    assert body.trained
    assert body.to_bytes() == model.to_bytes()


@EVERY
def test_either_body_goes_on_from_the_bytes_of_the_other(application: Application, name: str) -> None:
    rows, steps = stream(application, EVENTS), [[n, ~n] for n in range(EVENTS)]
    steady: Any = build(application, name)
    expected = one_by_one(application, steady, rows, steps)
    half = EVENTS // 2
    first: Any = build(application, name)
    one_by_one(application, first, rows, steps[:half])
    body = compiled(name, first.to_bytes())
    told = in_batches(application, body, rows, steps, [range(n, n + 100) for n in range(half, EVENTS, 100)])
    np.testing.assert_array_equal(told[half:], expected[half:])
    assert body.to_bytes() == steady.to_bytes()
    again = type(steady).from_bytes(body.to_bytes())
    assert again.to_bytes() == steady.to_bytes()


@EVERY
def test_codes_of_a_row_do_not_depend_on_its_batch(application: Application, name: str) -> None:
    rows = [one.x for one in stream(application, 600)]
    body = compiled(name, build(application, name).to_bytes())
    whole = body.encode(from_rows(application, rows))
    for seed in range(3):
        parts = [body.encode(from_rows(application, [rows[n] for n in cut])) for cut in cuts(600, seed)]
        assert {part.dtype for part in parts} == {whole.dtype}
        assert np.concatenate(parts).tobytes() == whole.tobytes()


@EVERY
def test_bytes_of_something_else_are_refused(application: Application, name: str) -> None:
    own = build(application, name).to_bytes()
    for data in (b"", b"\x00", b"not a model", own[:-1]):
        with pytest.raises(BadModel):
            columnar(name, data)


def test_compiled_bodies_are_of_recipes() -> None:
    assert set(COMPILED) <= {name for application in APPLICATIONS.values() for name in application.online}


def test_a_recipe_without_a_compiled_body_has_none() -> None:
    assert columnar("prior", b"") is None
