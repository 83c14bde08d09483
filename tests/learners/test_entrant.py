"""One model in the contest: its share of events, its failures, and both bodies of a recipe alike."""

from __future__ import annotations

import numpy as np
import pytest

from core.applications import APPLICATIONS
from core.declaration import Application
from learners.awaiting import Awaiting
from learners.entrant import Entrant, Kept, sampled
from learners.estimated import BadEstimates
from learners.lessons import Lessons, Reader, Rows
from learners.scores import BadScores
from models.base import BadModel
from tests.learners.planted import having, plant
from tests.learners.streams import batch, cut, plain, step_seconds

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=lambda one: one.name)
ALL = ("drifter", "columnar_drifter", "failing", "failing_columns", "settling", "endless")


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)


def entrant(application: Application, name: str, share: float = 1.0) -> Entrant:
    changed = having(application, *ALL)
    return Entrant(changed, name, share=share)


def run(one: Entrant, batches: list[Lessons]) -> tuple[list[float], Awaiting]:
    """Asks and teaches; the answers in order, and what still waits."""
    awaiting, answers = Awaiting(), list[float]()
    for lessons in batches:
        first = awaiting.add(lessons)
        one.see(lessons, Rows(Reader(one.application), lessons), first)
        order = awaiting.steps(first)
        one.follow(awaiting, order)
        awaiting.done(~order[order < 0])
        answers += one.told(np.arange(first, first + len(lessons))).answers.tolist()
    return answers, awaiting


@EVERY
def test_both_bodies_answer_alike_and_end_in_the_same_bytes(application: Application) -> None:
    some = batch(application, 400, step_seconds(application))
    some.windowed[::2] = 0.25
    by_row, by_column = entrant(application, "drifter"), entrant(application, "columnar_drifter")
    answers, awaiting = run(by_row, cut(some, [100, 101, 250]))
    other, _ = run(by_column, cut(some, [9, 270]))
    np.testing.assert_array_equal(answers, other)
    assert awaiting.size > len(awaiting) >= (1 if application.label else 0)
    assert not np.isnan(answers).all()
    assert by_row.model.to_bytes() == by_column.model.to_bytes()
    assert by_row.scores.to_bytes() == by_column.scores.to_bytes()


@EVERY
def test_an_untrained_model_has_no_answers(application: Application) -> None:
    answers, _ = run(entrant(application, "drifter"), [batch(application, 1)])
    assert np.isnan(answers).all()


def test_goes_on_from_its_bytes_and_from_no_others() -> None:
    application = having(APPLICATIONS["tfd"], *ALL)
    one = entrant(application, "columnar_drifter")
    run(one, [batch(APPLICATIONS["tfd"], 300)])
    saved = one.saved()
    assert Entrant(application, "columnar_drifter", saved).saved() == saved
    with pytest.raises(BadModel):
        Entrant(application, "columnar_drifter", saved._replace(model=b"x"))
    with pytest.raises(BadScores):
        Entrant(application, "columnar_drifter", saved._replace(scores=b"x"))
    with pytest.raises(BadEstimates):
        Entrant(application, "columnar_drifter", saved._replace(estimated=b"x"))


def test_what_it_answered_in_a_former_life_is_kept() -> None:
    application, some = APPLICATIONS["tfd"], batch(APPLICATIONS["tfd"], 3)
    one = entrant(application, "drifter")
    one.see(
        some,
        Rows(Reader(application), some),
        0,
        Kept(np.array([0.1, np.nan, 0.3]), np.array([0.5, np.nan, 0.6])),
    )
    told = one.told(np.array([0, 2]))
    assert (told.answers.tolist(), told.served.tolist()) == ([0.1, 0.3], [0.5, 0.6])


@pytest.mark.parametrize("share", [0.05, 0.2, 0.7])
def test_the_share_is_kept_evenly(share: float) -> None:
    rows = [(n % 3, n // 3, n, n) for n in range(30_000)]
    mine = sampled(plain(rows), share)
    for part in (mine[:10_000], mine[10_000:], mine[::3], mine[1::3]):
        assert abs(part.mean() - share) < 0.01
    assert sampled(plain(rows), 1.0).all()


def test_the_sample_is_a_function_of_the_source() -> None:
    rows = [(n % 3, n // 3, n, n) for n in range(3000)]
    whole = plain(rows)
    mine = sampled(whole, 0.3)
    some = whole.take(np.arange(2999, 500, -7))
    some.offset = some.offset + 10_000  # where it lies in the valid topic means nothing
    np.testing.assert_array_equal(sampled(some, 0.3), mine[2999:500:-7])
    more = sampled(whole, 0.6)
    assert (more >= mine).all(), "a larger share holds the smaller one"


@pytest.mark.parametrize("name", ["drifter", "columnar_drifter"])
def test_a_sampled_model_is_asked_and_taught_its_own_only(name: str) -> None:
    application, some = APPLICATIONS["tfd"], batch(APPLICATIONS["tfd"], 600)
    mine = sampled(some, 0.2)
    one = entrant(application, name, share=0.2)
    answers, awaiting = run(one, cut(some, [200, 210]))
    assert np.isnan(np.array(answers)[~mine]).all()
    assert np.isfinite(np.array(answers)[mine][-50:]).all()
    # As if there were no others, but that labels become known by everybody's clock.
    taught = int((mine & (some.due <= awaiting.clock)).sum())
    assert one.scores.labels == taught > 50
    assert one.microseconds is not None


@EVERY
def test_failures_are_counted_and_the_rest_goes_on(application: Application) -> None:
    some = batch(application, 400, step_seconds(application))
    one = entrant(application, "failing")
    answers, awaiting = run(one, [some])
    taught = awaiting.size - len(awaiting)
    assert np.isnan(answers).sum() == 133
    assert one.failures == 133 + taught // 5
    assert one.last_error.startswith("failing, partition ")
    assert "ZeroDivisionError: " in one.last_error
    assert one.scores.labels == taught if application.label else True


def test_a_compiled_body_that_fails_loses_one_batch() -> None:
    application, some = APPLICATIONS["tfd"], batch(APPLICATIONS["tfd"], 300)
    one = entrant(application, "failing_columns")
    answers, _ = run(one, cut(some, [100, 200]))
    assert one.failures == 1
    assert "failing_columns" in one.last_error
    assert np.isnan(answers[100:200]).all()
    assert np.isfinite(answers[200:]).all()


def test_a_batch_that_failed_has_settled_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    one = entrant(APPLICATIONS["tfd"], "settling")
    settled: list[int] = []
    monkeypatch.setattr(one.scores, "settle", lambda some, times: settled.append(len(some)))
    run(one, cut(batch(APPLICATIONS["tfd"], 300), [100, 200]))
    assert one.failures == 1
    assert settled == [1, 1], "of the first and the third batch"


@EVERY
def test_answers_without_end_are_failures(application: Application) -> None:
    one = entrant(application, "endless")
    answers, _ = run(one, cut(batch(application, 400, step_seconds(application)), [200]))
    assert np.isnan(answers).all()
    assert one.failures in (1, 2)
    assert one.last_error.endswith("answers: ValueError: infinite")
    assert one.scores.scored == 0


def test_answers_are_not_below_the_floor() -> None:
    application = next(one for one in APPLICATIONS.values() if hasattr(one.task, "floor"))
    answers, _ = run(entrant(application, "drifter"), [batch(application, 300)])
    assert set(answers[-100:]) == {application.task.floor}  # type: ignore[union-attr]


def test_asked_nothing_it_takes_no_time() -> None:
    one = entrant(APPLICATIONS["tfd"], "drifter")
    assert one.microseconds is None
    one.follow(Awaiting(), np.empty(0, dtype=np.int64))
    assert one.microseconds is None
    assert one.segments() == []
