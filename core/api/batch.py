"""Batch models: recipes, runs, which one answers."""

from __future__ import annotations

import msgspec

from core.runs import RunSummary


class ParameterAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A hyperparameter of a recipe."""

    name: str
    default: float | int | str
    low: float | None = None
    high: float | None = None
    """Of a number; null for a text."""
    choices: list[str]
    """Of a text; empty for a number."""
    help: str


class RecipeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe that can be trained."""

    name: str
    title: str
    parameters: list[ParameterAnswer]


class HeldAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Which model answers, by what the API has in memory."""

    run_id: str | None = None
    version: int | None = None
    refused: str
    """Why the champion is not the model that answers; empty when it is."""
    away: str
    """Why MLflow can't be asked, or empty: the held model goes on answering."""


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The batch models of an application."""

    application: str
    recipes: list[RecipeAnswer]
    rows: int | None = None
    """In the table of events; null while that can't be known."""
    most_rows: int
    """That one data set may hold."""
    champion: RunSummary | None = None
    challenger: RunSummary | None = None
    answering: HeldAnswer


class RunsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Trainings, the newest first."""

    runs: list[RunSummary]
    best: str | None = None
    """Of those that were evaluated on the latest window, the one with the best leading score; null before
    the first such comparison. Scores on different windows are never compared."""
