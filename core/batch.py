"""What is asked of batch training: which rows, which recipe, which run. Shared by API, worker and screens.

screen -> API -> Redis queue -> batch worker: one of these requests, as JSON with its kind
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class Take(StrEnum):
    """Which rows of the table a data set holds."""

    ALL = "all"
    PERCENT = "percent"
    """A random share, seeded."""
    RANDOM = "random"
    """A number of rows, random and seeded."""
    RECENT = "recent"
    """A number of rows, the newest by event time."""


class Rows(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many rows, and which. `amount` is a percentage or a number of rows; `seed` matters where random."""

    take: Take = Take.RECENT
    amount: float = 10_000
    seed: int = 42

    def __post_init__(self) -> None:
        if self.take == Take.PERCENT and not 0 < self.amount <= 100:
            raise ValueError(f"amount {self.amount:g}: a percentage lies in 0..100, without 0")
        if self.take in (Take.RANDOM, Take.RECENT) and (self.amount < 1 or self.amount % 1):
            raise ValueError(f"amount {self.amount:g}: a number of rows is a whole number of at least 1")


HISTORY = Rows(take=Take.RANDOM, amount=20_000)
"""What a training takes where nothing is said: rows from the whole history, so that what comes once a week
is in every part of the split. The newest 10,000 of a slow stream may hold no weekend to learn from."""


class Alias(StrEnum):
    """What a registered version of an application's batch model is for."""

    CHAMPION = "champion"
    """Answers requests."""
    CHALLENGER = "challenger"
    """The newest one that was trained and is not the champion."""


class Train(
    msgspec.Struct, frozen=True, kw_only=True, tag="train", tag_field="kind", forbid_unknown_fields=True
):
    """Fit a recipe of the application and register it."""

    application: str
    recipe: str
    rows: Rows = HISTORY
    parameters: dict[str, float | int | str] = {}
    """Hyperparameters other than the recipe's own."""
    tune_seconds: float = 0
    """Time to look for better hyperparameters, scored on validation; 0: none."""


class Evaluate(
    msgspec.Struct, frozen=True, kw_only=True, tag="evaluate", tag_field="kind", forbid_unknown_fields=True
):
    """Score runs on one and the same latest window."""

    application: str
    run_ids: list[str] = []
    """Empty: champion and challenger."""
    rows: Rows = Rows()


class Diagnose(
    msgspec.Struct, frozen=True, kw_only=True, tag="diagnose", tag_field="kind", forbid_unknown_fields=True
):
    """Compute a diagnostic of a run."""

    application: str
    run_id: str
    """Empty where the diagnostic is of the live models."""
    diagnostic: str
    parameters: dict[str, float | int | str] = {}


class DriftSource(StrEnum):
    """Where the newest rows of a drift report come from."""

    TABLE = "table"
    CAPTURES = "captures"
    """What outside programs have asked their models, as they told the API."""


class DriftReport(
    msgspec.Struct, frozen=True, kw_only=True, tag="drift", tag_field="kind", forbid_unknown_fields=True
):
    """Compare the newest rows with those that a run was trained on: fields, features, quality."""

    application: str
    run_id: str = ""
    """Empty: the champion's."""
    rows: Rows = Rows()
    """Of captures: the most recent, or all."""
    source: DriftSource = DriftSource.TABLE


Request = Train | Evaluate | Diagnose | DriftReport


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"


class Stage(StrEnum):
    """What a job is doing; not every kind of job has every stage."""

    QUEUED = "queued"
    LOADING = "loading"
    TUNING = "tuning"
    SEARCHING = "searching"
    """For the number of clusters."""
    FITTING = "fitting"
    EVALUATING = "evaluating"
    COMPUTING = "computing"
    """A diagnostic or a report."""
    LOGGING = "logging"
    DONE = "done"


class JobLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a job's live log."""

    at: datetime
    text: str
    values: dict[str, float] = {}
    """The line's numbers by name: iteration, total, best, remaining_s; k, silhouette, stability."""


class JobReport(msgspec.Struct, frozen=True, kw_only=True):
    """A job as Redis keeps it and the API tells it."""

    id: str
    application: str
    kind: str
    request: dict[str, Any]
    state: JobState
    stage: Stage
    percent: float
    made: datetime
    started: datetime | None = None
    ended: datetime | None = None
    attempt: int = 1
    """2 and more: it was taken up again after its worker died."""
    error: str = ""
    """Why it failed, for a person."""
    result: dict[str, Any] = {}
    """train: run_id, version, scores; evaluate: scores by run; diagnose: the key of the result."""
