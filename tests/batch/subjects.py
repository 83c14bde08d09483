"""Small real runs for tests of diagnostics: rows of the lake, a fitted model, its recipe."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from batch.datasets import load
from batch.diagnostics import Subject
from batch.progress import Silent
from batch.split import split
from batch.trainers import RECIPES
from core.applications import get
from core.batch import Rows, Take
from core.settings import Settings

SMALL: Mapping[str, Any] = {"iterations": 25, "segments": 4, "restarts": 2}
"""Hyperparameters of models that nobody would serve; each recipe takes those that it has."""


@cache
def subject(settings: Settings, application: str, recipe: str) -> Subject:
    """A run of all rows of a lake."""
    declared, trainer = get(application), RECIPES[recipe]
    made = split(load(settings, declared, Rows(take=Take.ALL), Silent()))
    parameters = {name: value for name, value in SMALL.items() if name in trainer.parameters}
    model = trainer.fit(made, parameters, 1, Silent())
    return Subject(application=declared, model=model, split=made, trainer=trainer)
