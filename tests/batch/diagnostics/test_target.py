"""The target: information, correlation, bins, periods; and what pipelines are fitted to and scored by."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pandas as pd
import pytest

from batch.diagnostics.binning import balanced
from batch.diagnostics.elimination import sizes
from batch.diagnostics.features import counts, edges
from batch.diagnostics.groups import Groups
from batch.diagnostics.periods import followed, periods
from batch.diagnostics.refits import distance, folds, grown, keeping, newest, ranking
from batch.diagnostics.subject import Unanswerable
from batch.diagnostics.target import information, with_target
from core.applications import APPLICATIONS
from core.settings import Settings
from models.registered.inputs import Input
from tests.batch.subjects import subject

RNG = np.random.default_rng(11)


def test_information_finds_bends_and_categories_and_no_chance() -> None:
    size = 1500
    frame = pd.DataFrame(
        {
            "bend": RNG.normal(size=size),
            "noise": RNG.normal(size=size),
            "kind": pd.Categorical(RNG.choice(["p", "q"], size)),
        }
    )
    inputs = (Input("bend", "number"), Input("noise", "number"), Input("kind", "category"))
    target = (np.abs(frame["bend"]) + 0.5 * (frame["kind"] == "p") > 1).to_numpy(np.float64)
    found = information(frame, inputs, target, True, 1)
    assert found[0] > 0.3
    assert found[1] < 0.03
    assert 0.01 < found[2] < 0.3
    number = information(frame, inputs, frame["bend"].to_numpy() ** 2, False, 1)
    assert number[0] > 2 > 0.1 > number[1]
    plain, ranked = with_target(frame[["bend"]].to_numpy(), frame["bend"].to_numpy() ** 2)
    assert abs(plain[0]) < 0.15
    assert abs(ranked[0]) < 0.15


def test_correlations_with_the_target() -> None:
    values = np.column_stack([np.arange(50.0), np.exp(np.arange(50.0)), np.ones(50)])
    plain, ranked = with_target(values, np.arange(50.0))
    assert plain[0] == pytest.approx(1)
    assert plain[1] < 0.5
    assert ranked[1] == pytest.approx(1)
    assert np.isnan(plain[2])


def test_bins_are_equally_full() -> None:
    made = balanced(RNG.lognormal(size=1000), 5)
    assert np.bincount(made.codes).tolist() == [200] * 5
    assert len(made.names) == 5
    repeated = balanced(np.array([1.0] * 70 + [2.0] * 20 + [3.0] * 10), 4)
    assert len(repeated.names) == repeated.codes.max() + 1 == 2
    assert np.bincount(repeated.codes).tolist() == [70, 30], "an edge lies in the bin above it"


def test_periods_cover_all_rows() -> None:
    times = np.datetime64("2026-03-02T00:00:00", "us") + np.arange(0, 1000, 10) * np.timedelta64(60, "s")
    starts, codes = periods(times, 7)
    assert len(starts) == 7
    assert codes.min() == 0
    assert codes.max() == 6
    assert (times >= starts[codes]).all()
    assert (np.diff(codes) >= 0).all()
    one, _ = periods(times[:1], 7)
    assert len(one) == 1
    with pytest.raises(Unanswerable, match="no rows"):
        periods(times[:0], 7)


def test_means_by_period() -> None:
    mean, error, rows = followed(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 2]), 3)
    assert mean[0] == 2
    assert np.isnan(mean[1])
    assert error[0] == pytest.approx(1 / 2**0.5)
    assert rows.tolist() == [2, 0, 1]


def test_histograms_have_a_bin_per_value_where_there_are_few() -> None:
    assert edges(np.array([0.0, 1.0, 1.0, 3.0, np.nan])).tolist() == [-0.5, 0.5, 2.0, 4.0]
    assert len(edges(RNG.normal(size=500))) == 31
    assert edges(np.array([2.0, 2.0])).tolist() == [1.5, 2.5]
    with pytest.raises(Unanswerable, match="null"):
        edges(np.array([np.nan]))


def test_categories_are_counted_by_group_and_rare_ones_together() -> None:
    names = [f"v{n}" for n in range(40)]
    frame = pd.DataFrame(
        {"kind": pd.Categorical(names * 2 + ["v0"] * 20), "flag": [0.0, 1.0] * 49 + [np.nan] * 2}
    )
    groups = Groups(("a", "b"), np.arange(100) % 2, "")
    shown, table = counts(frame, Input("kind", "category"), groups)
    assert shown[0] == "v0"
    assert shown[-1] == "others"
    assert len(shown) == 25
    assert table.sum() == 100
    assert set(counts(frame, Input("flag", "flag"), groups)[0]) == {"yes", "no", "null"}


def test_folds_follow_time_and_know_no_late_label() -> None:
    times = np.arange(60)
    known = times + 5
    made = folds(known, times, 5)
    assert len(made) == 5
    for before, block in made:
        assert before.max() < block.min()
        assert known[before].max() <= times[block[0]]
    assert np.concatenate([block for _, block in made]).tolist() == list(range(10, 60))


def test_scores() -> None:
    truth = np.array([True, False, True, False])
    assert ranking(truth, np.array([0.9, 0.1, 0.8, 0.3])).tolist() == [1, 1]
    assert np.isnan(ranking(truth | True, np.ones(4))).all()
    mae, r2 = distance(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0]))
    assert mae == pytest.approx(1 / 3)
    assert r2 == pytest.approx(0.5)
    assert np.isnan(distance(np.ones(3), np.ones(3))[1])


def test_sizes_shrink_and_grow() -> None:
    assert sizes(10) == [10, 6, 4, 3, 2, 1]
    assert sizes(1) == [1]
    assert grown(7, (0.1, 0.25, 0.5, 0.75, 1.0)) == [1, 2, 4, 5, 7]


@pytest.mark.parametrize("name", APPLICATIONS)
def test_dropped_inputs_hold_one_value_and_the_rows_stay(lake: Settings, name: str) -> None:
    about = subject(lake, name, APPLICATIONS[name].batch[0])
    validation = about.part("validation")
    kept = about.inputs()[0].name
    made = keeping(validation, {kept})
    assert made.frame[kept].equals(validation.frame[kept])
    assert all(made.frame[column].nunique() == 1 for column in made.frame if column != kept)
    assert (made.frame.dtypes == validation.frame.dtypes).all()
    assert len(about.model.answers(made.frame)) == validation.rows
    assert validation.frame[kept].nunique() > 1
    last = newest(validation, 7)
    assert (last.times == validation.times[-7:]).all()
    assert newest(validation, 10**6) is validation


def test_without_any_input_a_refitted_pipeline_knows_nothing(lake: Settings) -> None:
    """What dropping means: the pipeline is fitted, and all answers are alike."""
    for name, application in APPLICATIONS.items():
        if application.label is None:
            continue
        about = subject(lake, name, application.batch[0])
        if about.model.target is not None:
            # Answers that are relative to an input would need that input.
            plain = msgspec.structs.replace(about.model.target, form="label")
            about = replace(about, model=replace(about.model, target=plain))
        part = newest(about.part("train"), 800)
        model = about.trainer.refit(about.model, keeping(part, {about.inputs()[0].name}), None, 1)
        answers = model.answers(keeping(about.part("validation"), set()).frame)
        assert np.ptp(answers) == 0
