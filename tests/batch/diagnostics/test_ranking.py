from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from batch.diagnostics import ranking
from batch.diagnostics.scored import Scored
from batch.diagnostics.subject import Found
from core.diagnostics.shapes import Fact, Lines, Panel, Sample
from tests.batch.diagnostics.soundness import check


def scored(rows: int = 3000, rare: float = 4.0, threshold: float = 0.1, seed: int = 1) -> Scored:
    """Probabilities that come true as often as they say."""
    rng = np.random.default_rng(seed)
    answers = 1 / (1 + np.exp(-rng.normal(-rare, 1.5, rows)))
    truth = (rng.random(rows) < answers).astype(np.float64)
    times = np.datetime64("2026-03-01", "us") + np.arange(rows) * np.timedelta64(2, "m")
    return Scored(truth, answers, threshold, ("fraud: no", "fraud: yes"), times)


def sound(pictures: tuple[list[Panel], list[Fact]]) -> list[Panel]:
    panels, facts = pictures
    check(Found(panels=panels, facts=facts, sample=Sample(rows=1, available=1, split="test")))
    return panels


def line(panel: Panel, name: str) -> Lines:
    return next(one for one in panel.series if isinstance(one, Lines) and one.name.startswith(name))


def test_the_area_and_its_interval() -> None:
    one = scored()
    found = ranking.auc_interval(one.truth, one.answers)
    assert found.value == pytest.approx(roc_auc_score(one.truth, one.answers))
    assert found.low < found.value < found.high


def test_the_interval_of_the_area_holds_the_true_one_as_often_as_it_says() -> None:
    large = scored(rows=200_000, seed=99)
    true = roc_auc_score(large.truth, large.answers)
    intervals = [ranking.auc_interval(*scored(seed=seed)[:2]) for seed in range(100)]
    assert 88 <= sum(one.low <= true <= one.high for one in intervals) <= 100


def test_one_positive_has_an_area_and_no_interval() -> None:
    found = ranking.auc_interval(np.array([0.0, 0.0, 1.0]), np.array([0.1, 0.2, 0.3]))
    assert found.value == 1
    assert np.isnan(found.low)


def test_average_precision_and_its_interval() -> None:
    one = scored()
    found = ranking.precision_interval(one.truth, one.answers, np.random.default_rng(0))
    assert found.value == pytest.approx(average_precision_score(one.truth, one.answers))
    assert found.low < found.value < found.high


def test_roc_draws_both_classes_and_the_served_threshold() -> None:
    one = scored()
    panels = sound(ranking.roc(one))
    assert {series.name.partition(",")[0] for series in panels[1].series} == {
        "fraud: no",
        "fraud: yes",
        "micro average",
        "chance",
    }
    served = next(series for series in panels[0].series if series.name == "served threshold")
    alarms = one.answers >= one.threshold
    assert served.x == [pytest.approx(alarms[one.truth == 0].mean(), abs=0.01)]  # type: ignore[union-attr]
    assert served.y == [pytest.approx(alarms[one.truth == 1].mean(), abs=0.03)]  # type: ignore[union-attr]


def test_the_curve_of_precision_has_lines_of_equal_f1() -> None:
    panel = sound(ranking.precision_recall(scored(), np.random.default_rng(0)))[0]
    iso = line(panel, "F1 = 0.4")
    assert all(
        2 * r * p / (r + p) == pytest.approx(0.4, abs=1e-4)  # type: ignore[operator]
        for r, p in zip(iso.x, iso.y, strict=True)
    )


def test_the_equal_error_rate() -> None:
    truth = np.array([0.0] * 100 + [1.0] * 100)
    answers = np.concatenate([np.linspace(0, 0.6, 100), np.linspace(0.4, 1, 100)])
    one = Scored(truth, answers, 0.5, ("no", "yes"), np.arange(200).astype("datetime64[s]"))
    panels, facts = ranking.det(one)
    sound((panels, facts))
    assert facts[0].value == pytest.approx(0.17, abs=0.02)


def test_the_largest_distance_of_the_classes() -> None:
    truth = np.array([0.0] * 50 + [1.0] * 50)
    answers = np.concatenate([np.linspace(0, 0.5, 50), np.linspace(0.5, 1, 50)])
    one = Scored(truth, answers, 0.5, ("no", "yes"), np.arange(100).astype("datetime64[s]"))
    panels, facts = ranking.ks(one)
    sound((panels, facts))
    assert facts[0].value == pytest.approx(0.98, abs=0.03)


def test_gain_and_lift_tell_of_the_first_rows() -> None:
    truth = np.array([1.0] * 10 + [0.0] * 90)
    answers = np.linspace(1, 0, 100)
    one = Scored(truth, answers, 0.5, ("no", "yes"), np.arange(100).astype("datetime64[s]"))
    panels, facts = ranking.gain(one)
    sound((panels, facts))
    assert [fact.value for fact in facts] == [0.1, 0.5, 1.0]
    panels, facts = ranking.lift(one)
    sound((panels, facts))
    assert [fact.value for fact in facts] == [10, 10, 10]


def test_equal_answers_come_together() -> None:
    truth = np.array([1.0, 0.0, 1.0, 0.0])
    one = Scored(truth, np.full(4, 0.5), 0.5, ("no", "yes"), np.arange(4).astype("datetime64[s]"))
    _, facts = ranking.gain(one)
    assert facts[2].value == pytest.approx(0.1)


@pytest.mark.parametrize("rare", [0.0, 4.0])
def test_probabilities_lie_on_a_logarithmic_axis_where_positives_are_rare(rare: float) -> None:
    axis = ranking.probability_axis(scored(rare=rare))
    assert axis.scale == ("log" if rare else "linear")
