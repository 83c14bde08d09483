from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.metrics import Metric
from core.records import Promotion
from learners.contest import LEAST_LABELS, MARGIN, REMEMBERED, REST_LABELS, Contest, Form

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ENOUGH = LEAST_LABELS
ERROR = Metric("e", "Error", "", "", "lower", 0, None)
GAIN = Metric("g", "Gain", "", "", "higher", 0, None)


def form(score: float | None, labels: int = ENOUGH, eligible: bool = True) -> Form:
    return Form(score, labels, eligible)


def review(
    contest: Contest, metric: Metric = ERROR, taught: int = 10 * REST_LABELS, **forms: Form
) -> Promotion | None:
    return contest.review(metric, forms, taught, NOW)


def test_the_better_one_by_the_margin_is_promoted() -> None:
    contest = Contest("a")
    made = review(contest, a=form(1.0), b=form(0.9))
    assert made == Promotion(
        time=NOW, taught=10 * REST_LABELS, before="a", after="b", reason="by rule: Error 0.9 against 1"
    )
    assert contest.champion == "b"
    assert contest.history == [made]


def test_a_little_better_is_not_enough() -> None:
    contest = Contest("a")
    assert review(contest, a=form(1.0), b=form(1.0 - 0.99 * MARGIN)) is None
    assert review(contest, a=form(1.0), b=form(1.2)) is None
    assert contest.champion == "a"
    assert review(contest, a=form(1.0), b=form(1.0 - 1.01 * MARGIN))


def test_more_is_better_where_the_metric_says_so() -> None:
    assert review(Contest("a"), GAIN, a=form(0.5), b=form(0.4)) is None
    assert review(Contest("a"), GAIN, a=form(0.5), b=form(0.51)) is None
    assert review(Contest("a"), GAIN, a=form(0.5), b=form(0.6))


def test_scores_below_zero_have_a_margin_too() -> None:
    assert review(Contest("a"), GAIN, a=form(-0.5), b=form(-0.495)) is None
    assert review(Contest("a"), GAIN, a=form(-0.5), b=form(-0.4))


def test_the_best_of_many_and_the_champion_among_equals() -> None:
    contest = Contest("a")
    made = review(contest, a=form(1.0), b=form(0.8), c=form(0.7), d=form(0.9))
    assert made is not None
    assert made.after == "c"
    assert review(Contest("a"), a=form(0.0), b=form(0.0)) is None


@pytest.mark.parametrize("few", ["a", "b"])
def test_both_need_enough_labels(few: str) -> None:
    forms = {"a": form(1.0), "b": form(0.5)}
    forms[few] = forms[few]._replace(labels=ENOUGH - 1)
    assert review(Contest("a"), a=forms["a"], b=forms["b"]) is None


def test_both_need_a_score() -> None:
    assert review(Contest("a"), a=form(None), b=form(0.5)) is None
    assert review(Contest("a"), a=form(1.0), b=form(None)) is None


def test_what_costs_nothing_is_never_promoted() -> None:
    assert review(Contest("a"), a=form(1.0), b=form(0.1, eligible=False)) is None
    made = review(Contest("a"), a=form(1.0), b=form(0.1, eligible=False), c=form(0.9))
    assert made is not None
    assert made.after == "c"


def test_after_a_promotion_there_is_rest() -> None:
    contest = Contest("a")
    assert review(contest, taught=7000, a=form(1.0), b=form(0.5))
    assert review(contest, taught=7000 + REST_LABELS - 1, a=form(0.1), b=form(0.5)) is None
    assert review(contest, taught=7000 + REST_LABELS, a=form(0.1), b=form(0.5))
    assert contest.champion == "a"


def test_a_person_s_choice_holds_until_released() -> None:
    contest = Contest("a")
    made = contest.appoint("b", 100, NOW)
    assert made == Promotion(time=NOW, taught=100, before="a", after="b", reason="by hand")
    assert contest.pinned
    assert review(contest, a=form(0.1), b=form(1.0)) is None
    contest.release()
    assert review(contest, taught=100, a=form(0.1), b=form(1.0)) is None, "rests after a choice by hand, too"
    assert review(contest, a=form(0.1), b=form(1.0))


def test_a_person_may_choose_who_it_is_already() -> None:
    contest = Contest("a")
    assert contest.appoint("a", 100, None) is None
    assert contest.pinned
    assert contest.history == []


def test_a_person_may_choose_what_costs_nothing() -> None:
    contest = Contest("a")
    assert contest.appoint("naive", 0, None)
    contest.release()
    assert review(contest, naive=form(1.0, eligible=False), a=form(0.5))
    assert contest.champion == "a"


def test_the_history_is_bounded_and_goes_on() -> None:
    contest = Contest("a")
    for n in range(3 * REMEMBERED):
        contest.appoint("b" if contest.champion == "a" else "a", n, NOW)
    assert [one.taught for one in contest.history] == list(range(2 * REMEMBERED, 3 * REMEMBERED))
    again = Contest(contest.champion, contest.pinned, contest.history)
    again.release()
    assert review(again, taught=3 * REMEMBERED, a=form(1.0), b=form(0.01)) is None
