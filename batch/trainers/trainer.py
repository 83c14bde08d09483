"""What a trainer offers, and what may be asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np

from batch.datasets import BadData, Dataset
from batch.progress import Progress
from batch.split import Split
from core.declaration import Application, Classification, Regression, Task
from core.recipes import SEED, SEEDED, BadParameter, Parameter, Value
from models.registered.inputs import inputs
from models.registered.model import BatchModel, Kind

__all__ = [
    "SEED",
    "SEEDED",
    "BadParameter",
    "Parameter",
    "Trainer",
    "Value",
    "about",
    "categories",
    "kind",
    "merged",
    "teachable",
]


class Trainer(Protocol):
    """A recipe: rows in, a fitted model out."""

    name: ClassVar[str]
    title: ClassVar[str]
    tasks: ClassVar[tuple[type, ...]]
    parameters: ClassVar[Mapping[str, Parameter]]

    def fit(
        self, split: Split, parameters: Mapping[str, Any], threads: int, progress: Progress
    ) -> BatchModel:
        """Fits on the training rows; validation rows decide when to stop, the threshold, the target.

        parameters: those that differ from the defaults. The test rows are not looked at. Raises BadParameter,
        BadData where the rows can't teach it, and Stopped.
        """

    def refit(
        self,
        model: BatchModel,
        dataset: Dataset,
        parameters: Mapping[str, Any] | None = None,
        threads: int = 1,
    ) -> BatchModel:
        """The model's very pipeline on other rows: no early stopping, the same number of trees or segments.

        parameters: those that differ from the model's. Threshold and interval stay the model's.
        """


def merged(
    trainer: Trainer, asked: Mapping[str, Any], held: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Every parameter of a recipe with its value: asked, else held, else the default; raises BadParameter."""
    strange = sorted(set(asked) - set(trainer.parameters))
    if strange:
        raise BadParameter(
            f"{trainer.name} has no parameter {', '.join(strange)}; it has {', '.join(trainer.parameters)}"
        )
    given = {**(held or {}), **asked}
    return {name: one.check(given.get(name, one.default)) for name, one in trainer.parameters.items()}


def kind(task: Task) -> Kind:
    """What a model of the task answers."""
    match task:
        case Classification():
            return "classification"
        case Regression():
            return "regression"
        case _:
            return "clustering"


def about(application: Application, recipe: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What every model of an application says of itself, as BatchModel takes it."""
    told = inputs(application)
    return {
        "application": application.name,
        "recipe": recipe,
        "kind": kind(application.task),
        "parameters": dict(parameters),
        "inputs": tuple(one.name for one in told),
        "flags": tuple(one.name for one in told if one.kind == "flag"),
    }


def categories(application: Application) -> list[str]:
    """The columns that hold text."""
    return [one.name for one in inputs(application) if one.kind == "category"]


def teachable(dataset: Dataset, task: Task) -> None:
    """Raises BadData where no model can be fitted to the rows."""
    if not dataset.rows:
        raise BadData("there are no rows to train on")
    if task.label is None:
        return
    if dataset.target is None or not np.isfinite(dataset.target).all():
        raise BadData(f"some of the {dataset.rows} rows to train on have no {task.label}")
    if isinstance(task, Classification) and len(np.unique(dataset.target)) < 2:
        raise BadData(
            f"all {dataset.rows} rows to train on have {task.label} = {bool(dataset.target[0])}: "
            "both classes are needed; take more rows"
        )
