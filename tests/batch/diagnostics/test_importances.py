"""Permutation, partial dependence and surfaces on models that are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from batch.diagnostics.dependence import settings, surface, swept, usual_row
from batch.diagnostics.groups import by_segment
from batch.diagnostics.importances import Loss, apart, loss_of, permuted
from batch.diagnostics.subject import Floats
from batch.progress import Stopped
from core.applications import APPLICATIONS
from core.declaration import Application, Classification, Clustering, Regression
from models.registered.inputs import Input
from tests.batch.diagnostics.watched import Watched

RNG = np.random.default_rng(7)
N = 400
FRAME = pd.DataFrame(
    {
        "a": RNG.uniform(0, 10, N),
        "b": RNG.uniform(0, 10, N),
        "flag": RNG.integers(0, 2, N).astype(np.float64),
        "kind": pd.Categorical(
            RNG.choice(["x", "y", "z"], N, p=[0.6, 0.3, 0.1]), categories=["x", "y", "z", "w"]
        ),
    }
)


NAMES = ["a", "b", "flag", "kind"]


def model(frame: pd.DataFrame) -> Floats:
    """Knows `a` and `kind` only."""
    said: Floats = frame["a"].to_numpy(np.float64) ** 2 + 5.0 * (frame["kind"] == "y").to_numpy()
    return said


def absolute(truth: Floats) -> Loss:
    return lambda said: float(np.abs(said - truth).mean())


def test_only_what_the_model_reads_is_important() -> None:
    before = FRAME.copy()
    found = permuted(model, FRAME, NAMES, absolute(model(FRAME)), 3, RNG, lambda: None)
    mean = dict(zip(NAMES, found.mean(axis=0), strict=True))
    assert found.shape == (3, 4)
    assert mean["a"] > mean["kind"] > 0
    assert mean["b"] == mean["flag"] == 0
    assert before.equals(FRAME)


def test_permutation_can_be_stopped() -> None:
    progress = Watched(calls=3)
    with pytest.raises(Stopped):
        permuted(model, FRAME, NAMES, absolute(model(FRAME)), 5, RNG, progress.check)


@pytest.mark.parametrize("application", APPLICATIONS.values(), ids=lambda one: one.name)
def test_losses_grow_with_the_error(application: Application) -> None:
    task = application.task
    truth = np.array([0.0, 1.0, 0.0, 1.0]) if not isinstance(task, Regression) else np.arange(4.0) * 100
    loss, name, _ = loss_of(application, None if isinstance(task, Clustering) else truth, truth)
    worse = np.array([0.4, 0.6, 0.4, 0.6]) if isinstance(task, Classification) else truth + 1
    assert loss(truth) < loss(worse)
    assert loss(truth) == pytest.approx(0, abs=1e-6)
    assert name


def test_what_tells_segments_apart() -> None:
    codes = by_segment((FRAME["a"] > 5).to_numpy().astype(np.float64))
    inputs = (Input("a", "number"), Input("b", "number"), Input("kind", "category"))
    found = apart(FRAME, inputs, codes)
    assert found[0] > 0.6
    assert found[1] < 0.05
    assert found[2] < 0.2


def test_an_input_is_swept_and_the_others_stay() -> None:
    answers = swept(model, FRAME, "a", [1.0, 2.0])
    kind = 5.0 * (FRAME["kind"] == "y").to_numpy()
    assert answers[0] == pytest.approx(1 + kind)
    assert answers[1] == pytest.approx(4 + kind)
    by_kind = swept(model, FRAME, "kind", ["x", "y"])
    assert by_kind[1] - by_kind[0] == pytest.approx(np.full(N, 5.0))


def test_inputs_are_set_to_what_occurs() -> None:
    grid = settings(FRAME, Input("a", "number"))
    assert len(grid) == 20
    assert FRAME["a"].quantile(0.04) < grid[0] < grid[-1] < FRAME["a"].quantile(0.96)
    assert settings(FRAME, Input("flag", "flag")) == [0.0, 1.0]
    assert settings(FRAME, Input("kind", "category")) == ["x", "y", "z"], "by frequency, without w"
    empty = FRAME.assign(a=np.nan)
    assert settings(empty, Input("a", "number")) == []


def test_a_surface_holds_the_others_at_their_usual_value() -> None:
    usual = usual_row(FRAME)
    assert usual["kind"] == "x"
    assert usual["a"] == FRAME["a"].median()
    assert usual["flag"] in (0, 1)
    made = surface(model, FRAME, "a", "b", np.array([1.0, 3.0]), np.array([0.0, 5.0, 9.0]))
    assert made == pytest.approx(np.array([[1.0, 9.0]] * 3))
