"""The recipes of batch models, by the names that declarations use.

train, validation -> fit -> BatchModel;  the same recipe on other rows -> refit -> BatchModel
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from batch.trainers.catboost import CatBoost
from batch.trainers.gaussian_mixture import GaussianMixture
from batch.trainers.hist_gradient_boosting import HistGradientBoosting
from batch.trainers.kmeans import KMeans
from batch.trainers.trainer import Trainer
from core.declaration import Application
from core.recipes import BadParameter, Parameter

__all__ = ["RECIPES", "BadParameter", "Parameter", "Trainer", "recipe"]

RECIPES: Final[Mapping[str, Trainer]] = {
    one.name: one for one in (CatBoost(), HistGradientBoosting(), KMeans(), GaussianMixture())
}


def recipe(application: Application, name: str) -> Trainer:
    """The recipe of this name; raises ValueError where the application does not declare or can't use it."""
    if name not in application.batch:
        declared = ", ".join(application.batch) or "none"
        raise ValueError(f"{application.name} has no batch recipe {name!r}; it declares {declared}")
    if name not in RECIPES:
        raise ValueError(
            f"{application.name} declares the batch recipe {name!r}; known are {', '.join(RECIPES)}"
        )
    found = RECIPES[name]
    if not isinstance(application.task, found.tasks):
        raise ValueError(f"the recipe {name!r} is not for a {type(application.task).__name__.lower()}")
    return found
