"""Small real runs of every application, fitted once per test run: what the diagnostics look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from batch import datasets
from batch.diagnostics.subject import Subject
from batch.progress import Progress, Silent, Stopped
from batch.split import Split, split
from batch.trainers import RECIPES
from core.applications import APPLICATIONS
from core.batch import Rows, Stage, Take
from core.settings import Settings
from models.registered.model import BatchModel

SMALL: dict[str, dict[str, Any]] = {
    "catboost": {"iterations": 40},
    "hist_gradient_boosting": {"iterations": 20},
    "kmeans": {"segments": 4, "restarts": 1},
    "gaussian_mixture": {"segments": 4, "restarts": 1},
}
"""Hyperparameters of models that are fitted in a moment."""

FITTED: dict[tuple[str, str], tuple[Split, BatchModel]] = {}


def run(lake: Settings, name: str, recipe: str = "", progress: Progress | None = None) -> Subject:
    """An application's run with one of its recipes, the first one unless said otherwise."""
    application = APPLICATIONS[name]
    recipe = recipe or application.batch[0]
    if (name, recipe) not in FITTED:
        loaded = datasets.load(lake, application, Rows(take=Take.ALL), Silent())
        made = split(loaded)
        FITTED[name, recipe] = made, RECIPES[recipe].fit(made, SMALL.get(recipe, {}), 1, Silent())
    made, model = FITTED[name, recipe]
    return Subject(
        application=application,
        model=model,
        split=made,
        trainer=RECIPES[recipe],
        progress=progress or Silent(),
    )


@dataclass
class Watched:
    """Progress that is stopped after so many calls, and remembers what it was told."""

    calls: int = 10**9
    told: list[str] = field(default_factory=list)

    def stage(self, stage: Stage, percent: float) -> None:
        """Counts."""
        self.check()

    def line(self, text: str, **values: float) -> None:
        """Remembers, and counts."""
        self.told.append(text)
        self.check()

    def check(self) -> None:
        """Counts; raises Stopped when the calls are used up."""
        self.calls -= 1
        if self.calls < 0:
            raise Stopped
