"""The scores of one model, whatever the task: how they are fed, cut into batches, stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from time import process_time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.applications import APPLICATIONS
from core.declaration import Application, Classification, Regression
from core.metrics import metrics, rolling
from learners.scores.prequential import BadScores, Scores, build, restore
from models.base import Settled

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=lambda one: one.name)

SECOND = 1_000_000


@dataclass
class Stream:
    """Rows, and what happens to them: i asks row i, ~i makes its label known."""

    answers: NDArray[np.float64]
    truths: NDArray[np.float64]
    asked_us: NDArray[np.int64]
    due_us: NDArray[np.int64]
    order: NDArray[np.int64]

    def settled(self, steps: NDArray[np.int64]) -> list[tuple[Settled, int]]:
        """What a clustering model would settle: at the label of every third row, one entity."""
        rows = [int(~step) for step in steps if step < 0 and ~step % 3 == 0]
        return [
            (
                Settled([float(n % 11) - 2.0 * (n % 4), float(n % 7), 1.0], n % 4, None if n % 5 else n % 3),
                int(self.due_us[n]),
            )
            for n in rows
        ]


def stream(application: Application, count: int, seed: int = 1, delay_s: float = 400) -> Stream:
    """Answers that are right to a degree, the first ones missing; every label comes after its time."""
    rng = np.random.default_rng(seed)
    asked = np.cumsum(rng.integers(0, 200_000, count)) + 1_700_000_000 * SECOND
    due = asked + (rng.random(count) * 2 * delay_s * SECOND).astype(np.int64)
    match application.task:
        case Classification():
            truths = (rng.random(count) < 0.05).astype(np.float64)
            answers = np.where(truths > 0, rng.beta(3, 3, count), rng.beta(1, 9, count))
        case Regression():
            truths = rng.uniform(30, 6000, count)
            answers = truths * rng.uniform(0.6, 1.3, count)
        case _:
            truths, answers = np.full(count, np.nan), rng.integers(0, 6, count).astype(np.float64)
    answers[: count // 50] = np.nan
    known = np.searchsorted(asked, due)
    steps: list[int] = []
    for n, (_, labels) in enumerate(_by_place(known, due, count)):
        steps += [~row for row in labels]
        if n < count:
            steps.append(n)
    return Stream(answers, truths, asked, due, np.array(steps, dtype=np.int64))


def _by_place(
    known: NDArray[np.int64], due: NDArray[np.int64], count: int
) -> Sequence[tuple[int, list[int]]]:
    """Before each ask, the rows whose label is known by then, in the order of their due times."""
    places: list[tuple[int, list[int]]] = [(n, []) for n in range(count + 1)]
    for row in np.argsort(due, kind="stable"):
        places[max(known[row], row + 1)][1].append(int(row))
    return places


def feed(scores: Scores, one: Stream, cuts: Sequence[int]) -> NDArray[np.float64]:
    """Feeds a stream in batches as the learner does: waiting rows come again with their thresholds."""
    served = np.full(len(one.answers), -1.0)
    for start, end in pairwise([0, *cuts, len(one.order)]):
        steps = one.order[start:end]
        rows = np.unique(np.where(steps >= 0, steps, ~steps))
        place = np.searchsorted(rows, np.where(steps >= 0, steps, ~steps))
        inside = np.ascontiguousarray(served[rows])
        scores.follow(
            one.answers[rows],
            one.truths[rows],
            np.where(steps >= 0, place, ~place),
            inside,
            one.asked_us[rows],
            one.due_us[rows],
        )
        served[rows] = inside
        settled = one.settled(steps)
        scores.settle([entity for entity, _ in settled], [at for _, at in settled])
    return served


@EVERY
def test_values_are_those_of_the_vocabulary_and_unknown_at_first(application: Application) -> None:
    values = build(application).values()
    assert list(values) == [metric.id for metric in metrics(application.task)]
    assert set(values.values()) == {None}


@EVERY
def test_all_are_known_in_the_end(application: Application) -> None:
    scores, one = build(application), stream(application, 3000)
    feed(scores, one, [])
    values = scores.values()
    assert None not in values.values()
    for metric in metrics(application.task):
        value = values[metric.id]
        assert value is not None
        assert metric.low <= value <= (np.inf if metric.high is None else metric.high), metric.id
    assert scores.labels == 3000
    assert rolling(application.task).span == "labels"


@EVERY
def test_cuts_change_no_bit(application: Application) -> None:
    one, rng = stream(application, 6000), np.random.default_rng(4)
    steps = len(one.order)
    whole = build(application)
    served = feed(whole, one, [])
    for cuts in (range(1, steps), np.sort(rng.choice(np.arange(1, steps), 40, replace=False)).tolist()):
        cut = build(application)
        np.testing.assert_array_equal(feed(cut, one, cuts), served)
        assert cut.to_bytes() == whole.to_bytes()
        assert cut.values() == whole.values()


@EVERY
def test_bytes_go_on_exactly(application: Application) -> None:
    one, more = stream(application, 6000), stream(application, 2000, seed=2)
    scores = build(application)
    feed(scores, one, [])
    again = restore(application, scores.to_bytes())
    assert again.to_bytes() == scores.to_bytes()
    assert again.values() == scores.values()
    for each in (scores, again):
        feed(each, more, [])
    assert again.to_bytes() == scores.to_bytes()
    assert (again.values(), again.by_delay, again.report) == (scores.values(), scores.by_delay, scores.report)


@EVERY
def test_bytes_of_others_are_refused(application: Application) -> None:
    data = build(application).to_bytes()
    for other in APPLICATIONS.values():
        if other is not application:
            with pytest.raises(BadScores, match="scores of the kind"):
                restore(other, data)
    for wrong in (b"", data[:-1], data + b"x"):
        with pytest.raises(BadScores):
            restore(application, wrong)


@EVERY
def test_bytes_are_bounded(application: Application) -> None:
    scores = build(application)
    feed(scores, stream(application, 6000), [])
    size = len(scores.to_bytes())
    feed(scores, stream(application, 6000, seed=3), [])
    assert len(scores.to_bytes()) == size <= 70_000


@EVERY
def test_what_does_not_fit_is_refused(application: Application) -> None:
    scores, one = build(application), stream(application, 100)
    with pytest.raises(ValueError, match="different lengths: 100, 100, 99, 100, 100"):
        scores.follow(one.answers, one.truths, one.order, np.zeros(99), one.asked_us, one.due_us)
    for wrong in (100, ~100):
        with pytest.raises(IndexError, match="not there"):
            scores.follow(one.answers, one.truths, np.array([wrong]), np.zeros(100), one.asked_us, one.due_us)


@EVERY
def test_an_untrained_model_is_not_scored_but_its_labels_are_seen(application: Application) -> None:
    scores, one = build(application), stream(application, 500)
    one.answers[:] = np.nan
    scores.follow(one.answers, one.truths, one.order, np.zeros(500), one.asked_us, one.due_us)
    assert (scores.labels, scores.scored) == (500, 0)
    assert set(scores.values().values()) == {None}
    assert (scores.threshold, scores.calibration, scores.by_delay) == (None, [], [])


@EVERY
def test_a_call_and_an_event_cost_little(application: Application) -> None:
    """Bounds are five times the budgets (30 us a call, 2 million events/s), for busy machines."""
    one = stream(application, 20_000)
    scores, served = build(application), np.zeros(20_000)
    arrays = (one.answers, one.truths, one.order, served, one.asked_us, one.due_us)
    scores.follow(*arrays)
    whole = min(timed(scores, arrays) for _ in range(5))
    single = (
        one.answers[:1],
        one.truths[:1],
        np.array([0, ~0]),
        served[:1],
        one.asked_us[:1],
        one.due_us[:1],
    )
    calls = min(sum(timed(scores, single) for _ in range(200)) / 200 for _ in range(5))
    assert whole < 20_000 / 400_000
    assert calls < 150e-6


def timed(scores: Scores, arrays: tuple[NDArray[Any], ...]) -> float:
    began = process_time()
    scores.follow(*arrays)
    return process_time() - began
