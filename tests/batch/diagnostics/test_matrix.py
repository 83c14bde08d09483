"""Numbers of a frame as a matrix, and the groups by which pictures are coloured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from batch.diagnostics.cells import axis, floats, named, ordered, written
from batch.diagnostics.groups import Groups, by_segment, few, quarters, with_rare
from batch.diagnostics.matrix import fill, matrix, scale, stretch
from batch.diagnostics.subject import Unanswerable
from models.registered.inputs import Input

RNG = np.random.default_rng(1)


def test_gaps_are_filled_with_the_median() -> None:
    values, gaps = fill(np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan], [9.0, np.nan]]))
    assert values[:, 0].tolist() == [1, 3, 3, 9]
    assert values[:, 1].tolist() == [0, 0, 0, 0]
    assert gaps.sum() == 5


def test_columns_are_scaled_and_stretched() -> None:
    values = np.column_stack([RNG.normal(5, 3, 100), np.full(100, 7.0)])
    assert scale(values).std(axis=0) == pytest.approx([1, 0])
    assert scale(values).mean(axis=0) == pytest.approx([0, 0])
    assert stretch(values).min(axis=0).tolist() == [0, 0]
    assert stretch(values).max(axis=0).tolist() == [1, 0]


def test_a_matrix_holds_numbers_and_flags_that_vary() -> None:
    inputs = [Input("a", "number"), Input("b", "flag"), Input("c", "category"), Input("d", "number")]
    frame = pd.DataFrame(
        {
            "a": [*range(11), np.nan],
            "b": [0.0, 1.0] * 6,
            "c": pd.Categorical(["x"] * 12),
            "d": [4.0] * 12,
        }
    )
    made = matrix(frame, inputs)
    assert [one.name for one in made.inputs] == ["a", "b"]
    assert made.values[-1, 0] == 5
    assert "d" in made.note
    assert "1 missing" in made.note
    with pytest.raises(Unanswerable, match="2 numeric inputs vary"):
        matrix(frame, inputs, least=3)
    with pytest.raises(Unanswerable, match="5 rows"):
        matrix(frame.head(5), inputs)


def test_quarters_hold_as_many_rows() -> None:
    made = quarters(RNG.normal(1000, 100, 4000), "length", "m")
    assert len(made.names) == 4
    assert np.ptp(np.bincount(made.codes)) <= 4
    assert made.names[0].endswith(" m")
    same = quarters(np.array([1.0] * 90 + [2.0] * 10), "length", "")
    assert same.codes.max() < len(same.names)


def test_the_rare_class_is_shown() -> None:
    truth = np.zeros(10_000)
    truth[::100] = 1
    rows = np.sort(RNG.choice(10_000, 1000, replace=False))
    shown = with_rare(truth, rows, 1000, RNG)
    assert len(shown) == len(set(shown.tolist())) <= 1000
    assert truth[shown].sum() == 100
    assert (np.diff(shown) > 0).all()
    common = (np.arange(10_000) % 2).astype(np.float64)
    assert with_rare(common, rows, 1000, RNG) is rows


def test_segments_keep_their_numbers() -> None:
    made = by_segment(np.array([4.0, 1.0, 4.0]))
    assert made.names == ("segment 1", "segment 4")
    assert made.codes.tolist() == [1, 0, 1]


def test_small_groups_become_others() -> None:
    codes = np.repeat(np.arange(5), [50, 1, 30, 2, 20])
    made = few(Groups(tuple("abcde"), codes, ""), most=4)
    assert made.names == ("a", "c", "e", "others")
    assert np.bincount(made.codes).tolist() == [50, 30, 20, 3]


def test_cells_are_short_and_finite() -> None:
    assert floats([1 / 3, np.nan, np.inf]) == [0.33333, None, None]
    assert written(np.array([[0.126, np.nan]])) == [["0.13", ""]]
    assert ordered(["b", "a", "c"], np.array([1.0, 1.0, np.nan])) == [1, 0, 2]
    assert named(Input("x", "number", log=True)) == "ln(1 + x)"
    assert axis(Input("x", "number", unit="km")).unit == "km"
    assert axis(Input("x", "number", unit="km", log=True)).unit == ""
