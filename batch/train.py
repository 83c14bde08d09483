"""A whole training: from the history to a registered version.

rows -> split by time -> (tuning) -> fit -> scores on test -> run in MLflow -> version of the registered model

The version comes last: whatever fails before it leaves no candidate.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import numpy as np
import structlog

from batch import evaluation, left_over, registry
from batch.datasets import load
from batch.kept import told
from batch.numbering import as_champion
from batch.progress import Progress
from batch.split import Split, split
from batch.tracking import TrackedRun, reached, tracker
from batch.trainers import Trainer, recipe
from batch.trainers.tuning import tune
from core import applications
from core.batch import Stage, Train
from core.connect import redis
from core.connect.mlflow import Mlflow
from core.declaration import Application
from core.lineage import code_version, commit
from core.runs import Span, Tag
from core.settings import Settings
from core.snapshots import schema_hash
from models.registered.model import BatchModel

log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")

CODE = ("core", "models", "batch")

PERCENT = {
    Stage.LOADING: 5.0,
    Stage.TUNING: 25.0,
    Stage.FITTING: 30.0,
    Stage.EVALUATING: 70.0,
    Stage.LOGGING: 85.0,
    Stage.DONE: 100.0,
}
"""What lies behind a training when a stage begins."""


class BadRequest(ValueError):
    """The training can't be done as asked."""


class Scored(NamedTuple):
    """The scores of a model, by what they are computed on."""

    test: dict[str, float | None]
    validation: dict[str, float | None]
    naive: dict[str, float | None]


class Clock:
    """Seconds per stage."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        """A stage from its begin to its end."""
        self._progress.stage(stage, PERCENT[stage])
        began = time.perf_counter()
        yield
        self.seconds[stage.value] = self.seconds.get(stage.value, 0.0) + time.perf_counter() - began


def train(settings: Settings, request: Train, progress: Progress, job: str = "") -> dict[str, Any]:
    """Fits a recipe and registers it; gives run, version, aliases, scores and seconds per stage.

    job: its id, by which the run is known again should this process die; else that of the log's context.
    Raises BadRequest, BadData, BadParameter, TrackingAway and Stopped; then nothing is registered and the run
    is no candidate.
    """
    application, trainer = _asked(request)
    clock = Clock(progress)
    job = job or str(structlog.contextvars.get_contextvars().get("job", ""))
    with tracker(settings) as mlflow:
        with reached(settings, "before the training"):
            _close_left_over(settings, mlflow, application, job)
            tags = _tags(application, request, job)
            run = TrackedRun(mlflow, application.name, tags, _parameters(settings, request))
        progress.line(f"run {run.id} in MLflow")
        with reached(settings, "logging the training"), run:
            made, model, scored = _trained(settings, run, request, application, trainer, clock, progress)
            with clock.stage(Stage.LOGGING):
                model_id = _log(settings, run, made, model, scored)
            run.log({f"seconds.{name}": seconds for name, seconds in clock.seconds.items()})
        with reached(settings, "registering the model"):
            version, aliases = _registered(mlflow, run, model_id, scored)
    progress.line(f"version {version} of {application.name}" + "".join(f", {alias}" for alias in aliases))
    progress.stage(Stage.DONE, PERCENT[Stage.DONE])
    return {
        "run_id": run.id,
        "version": version,
        "aliases": aliases,
        "scores": scored.test,
        "naive": scored.naive,
        "rows": {name: part.rows for name, part in made.parts.items()},
        "seconds": {name: round(seconds, 3) for name, seconds in clock.seconds.items()},
    }


def _asked(request: Train) -> tuple[Application, Trainer]:
    """Application and recipe; raises BadRequest that names those there are."""
    try:
        application = applications.get(request.application)
    except KeyError as error:
        raise BadRequest(str(error.args[0])) from None
    try:
        return application, recipe(application, request.recipe)
    except ValueError as error:
        raise BadRequest(str(error)) from None


def _trained(
    settings: Settings,
    run: TrackedRun,
    request: Train,
    application: Application,
    trainer: Trainer,
    clock: Clock,
    progress: Progress,
) -> tuple[Split, BatchModel, Scored]:
    """Rows, model and scores: all that is not MLflow's."""
    with clock.stage(Stage.LOADING):
        made = split(load(settings, application, request.rows, progress))
    progress.line("split by time", **{name: part.rows for name, part in made.parts.items()})
    parameters: Mapping[str, Any] = request.parameters
    if request.tune_seconds > 0:
        with clock.stage(Stage.TUNING):
            found = tune(trainer, made, parameters, request.tune_seconds, settings.batch.threads, progress)
        parameters = found.parameters
    with clock.stage(Stage.FITTING):
        model = trainer.fit(made, parameters, settings.batch.threads, progress)
        model, before = as_champion(settings, model, made.train, progress)
    if before is not None:
        run.tag({Tag.NUMBERED_AS: before.run_id})
    with clock.stage(Stage.EVALUATING):
        scored = _scores(application, made, model)
    leading = next(iter(scored.test))
    progress.line(f"{leading} on {made.test.rows} test rows", **_known(scored.test))
    return made, model, scored


def _scores(application: Application, made: Split, model: BatchModel) -> Scored:
    def on(name: str) -> dict[str, float | None]:
        part = made.parts[name]
        return evaluation.scores(application, part, model.answers(part.frame), model.threshold, model)

    naive = evaluation.naive_scores(application, made, made.test, model)
    return Scored(on("test"), on("validation"), naive)


def _log(settings: Settings, run: TrackedRun, made: Split, model: BatchModel, scored: Scored) -> str:
    """Everything of the run but its end; gives the id of the native model."""
    source = made.train.source
    used_until = max(part.known_at.max() for part in (made.train, made.validation) if part.rows)
    run.tag(
        {
            Tag.TABLES: msgspec.json.encode(source.tables).decode(),
            Tag.WINDOW: msgspec.json.encode(Span(start=source.start, end=source.end)).decode(),
            Tag.USED_UNTIL: _iso(used_until),
            Tag.HOW: source.how,
        }
    )
    run.describe({name: value for name, value in model.parameters.items() if value is not None})
    run.datasets(made)
    rows = {name: part.rows for name, part in made.parts.items()}
    run.log({f"rows.{name}": count for name, count in rows.items()} | {"rows.available": source.available})
    if model.threshold is not None:
        run.log({"threshold": model.threshold})
    about = {"rows": rows, "rows_kept": told(made), "threshold": model.threshold, "how": source.how}
    run.scores({"test": scored.test, "validation": scored.validation, "naive": scored.naive}, about)
    run.rows(made)
    return run.model(model, made, settings.signing_key())


def _registered(mlflow: Mlflow, run: TrackedRun, model_id: str, scored: Scored) -> tuple[int, list[str]]:
    try:
        return registry.register(mlflow, run.application, run.id, model_id, scored.test, scored.naive)
    except Exception as error:
        run.give_up(error)
        raise


def _close_left_over(settings: Settings, mlflow: Mlflow, application: Application, job: str) -> None:
    """Ends the runs of attempts that died: of this very job, and of jobs that have ended."""
    with redis.client(settings.redis.url, timeout_seconds=1.0, retries=0) as store:

        def over(other: str) -> bool:
            return (bool(job) and other == job) or left_over.ended(store, other)

        left = left_over.close(mlflow, application.name, over)
    if left:
        log.info("runs of dead attempts ended", runs=left)


def _tags(application: Application, request: Train, job: str) -> dict[str, str]:
    tags = {
        Tag.APPLICATION: application.name,
        Tag.RECIPE: request.recipe,
        Tag.SCHEMA: schema_hash(application),
        Tag.CODE: code_version(*CODE),
        Tag.COMMIT: commit(),
        Tag.JOB: job,
        Tag.NAME: f"{request.recipe} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
    }
    return {name: text for name, text in tags.items() if text}


def _parameters(settings: Settings, request: Train) -> dict[str, Any]:
    """What was asked; the hyperparameters follow once the recipe has filled in its own."""
    return {
        "recipe": request.recipe,
        "rows.take": request.rows.take.value,
        "rows.amount": request.rows.amount,
        "rows.seed": request.rows.seed,
        "threads": settings.batch.threads,
        "tune_seconds": request.tune_seconds,
    }


def _known(scores: Mapping[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in scores.items() if value is not None}


def _iso(time_: np.datetime64) -> str:
    moment: datetime = time_.astype("datetime64[us]").item()
    return moment.replace(tzinfo=UTC).isoformat()
