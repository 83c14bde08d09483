"""The search for hyperparameters: never worse on validation, in time, stoppable."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from batch.progress import Silent, Stopped
from batch.split import Split
from batch.trainers import RECIPES, BadParameter
from batch.trainers.tuning import tune, validation_loss
from core.declaration import Classification
from models.registered.inputs import frame, inputs
from tests.batch.test_evaluation import BY_TASK, clustered, dataset


@cache
def made() -> Split:
    application = BY_TASK[Classification]
    rng = np.random.default_rng(5)
    names = [one.name for one in inputs(application) if one.kind == "number"][:3]
    rows = frame(application, [{} for _ in range(600)]).assign(
        **{name: rng.normal(size=600) for name in names}
    )
    odds = rows[names[0]] * rows[names[1]] * 2 + rng.normal(size=600)
    whole = dataset(application, rows, (odds > 1).astype(float))
    train, validation, test = (whole.take(np.arange(start, start + 200)) for start in (0, 200, 400))
    return Split(train, validation, test)


class Listening(Silent):
    def __init__(self, most: int = 1000) -> None:
        self.most = most
        self.told: list[dict[str, float]] = []

    def line(self, text: str, **values: float) -> None:
        self.told.append(values)
        if len(self.told) >= self.most:
            raise Stopped


FEW = {"iterations": 15}


def test_nothing_found_is_worse_on_validation_than_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batch.trainers.tuning.MOST_TRIALS", 4)
    progress, trainer = Listening(), RECIPES["hist_gradient_boosting"]
    found = tune(trainer, made(), FEW, 600, 1, progress)
    assert found.trials == len(progress.told) == 4
    assert found.best == min(one["loss"] for one in progress.told) <= found.first
    assert found.parameters["iterations"] == 15, "what was asked is kept"
    model = trainer.fit(made(), found.parameters, 1, Silent())
    assert validation_loss(model, made().validation) == pytest.approx(found.best)
    first = trainer.fit(made(), FEW, 1, Silent())
    assert validation_loss(first, made().validation) == pytest.approx(found.first)
    assert progress.told[-1]["best"] == found.best


def test_no_time_tries_what_was_asked_and_a_stop_is_heeded() -> None:
    found = tune(RECIPES["catboost"], made(), FEW, 0, 1, Silent())
    assert found.trials == 1
    assert found.best == found.first
    with pytest.raises(Stopped):
        tune(RECIPES["catboost"], made(), FEW, 60, 1, Listening(2))


def test_equal_seeds_try_the_same() -> None:
    runs = []
    for _ in range(2):
        progress = Listening(4)
        with pytest.raises(Stopped):
            tune(RECIPES["catboost"], made(), FEW, 60, 1, progress, seed=7)
        runs.append([one["loss"] for one in progress.told])
    assert runs[0] == runs[1]


def test_what_can_not_be_tuned_says_so() -> None:
    rows, _ = clustered(1)
    with pytest.raises(ValueError, match="kmeans has no parameter left to tune"):
        tune(RECIPES["kmeans"], Split(rows, rows, rows), {}, 5, 1, Silent())
    with pytest.raises(BadParameter, match="depth"):
        tune(RECIPES["catboost"], made(), {"depth": 99}, 5, 1, Silent())
