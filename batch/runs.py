"""A run's model and rows, brought back: from MLflow once, from disk after that.

run id -> core.registry (is it ours, has it a model?) -> artifacts -> digest, signature -> model, split
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import httpx

from batch.history import BadData
from batch.split import Split, saved
from batch.tracking import digest, reached, tracker
from core.batch import Alias
from core.connect.mlflow import NOT_FOUND, Mlflow
from core.declaration import Application
from core.registry import BadRun, aliased, runs, usable
from core.runs import MODEL, ROWS, RunSummary
from core.settings import Settings
from models.base import BadModel
from models.registered.model import BatchModel
from models.registered.sealed import unseal

KEPT_RUNS = 20
"""Runs whose artifacts stay on disk; the least lately used go."""


class CorruptRun(BadRun):
    """An artifact of the run is not what was logged; the text names it."""


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """A training as it was: its model, its rows, what is known of it."""

    model: BatchModel
    split: Split
    info: RunSummary


def list_runs(settings: Settings, application: Application, most: int = 100) -> list[RunSummary]:
    """The application's trainings that have a version, the newest first; raises TrackingAway."""
    with tracker(settings) as mlflow, reached(settings, f"listing the runs of {application.name}"):
        return runs(mlflow, application.name, most)


def champion(settings: Settings, application: Application) -> RunSummary | None:
    """The training that answers; None before the first one. Raises TrackingAway."""
    with tracker(settings) as mlflow, reached(settings, f"looking for the champion of {application.name}"):
        return aliased(mlflow, application.name, Alias.CHAMPION)


def load_run(settings: Settings, application: Application, run_id: str) -> LoadedRun:
    """A run with its rows; raises BadRun (unknown, foreign, without a model, corrupt) and TrackingAway."""
    info, folder = _fetched(settings, application, run_id, with_rows=True)
    try:
        split = saved(application, folder / ROWS)
    except BadData as error:
        raise CorruptRun(f"the rows of run {run_id} can't be read: {error}") from None
    return LoadedRun(_decoded(settings, application, run_id, folder), split, info)


def load_model(settings: Settings, application: Application, run_id: str) -> tuple[BatchModel, RunSummary]:
    """A run's model without its rows; raises what `load_run` does."""
    info, folder = _fetched(settings, application, run_id, with_rows=False)
    return _decoded(settings, application, run_id, folder), info


def _fetched(
    settings: Settings, application: Application, run_id: str, *, with_rows: bool
) -> tuple[RunSummary, Path]:
    """What is known of a run, and the folder with its artifacts."""
    with tracker(settings) as mlflow, reached(settings, f"loading run {run_id}"):
        info = usable(mlflow, application.name, run_id)
        folder = settings.var / "batch" / "runs" / info.run_id
        for path, wanted in info.digests.items():
            if path == MODEL or (with_rows and path.startswith(f"{ROWS}/")):
                _fetch(mlflow, info.run_id, path, wanted, folder)
    if MODEL not in info.digests:
        raise CorruptRun(f"run {run_id} does not say which artifact is its model")
    os.utime(folder)
    _forget_old(folder.parent)
    return info, folder


def _fetch(mlflow: Mlflow, run_id: str, path: str, wanted: str, folder: Path) -> None:
    """An artifact on disk, with the digest that was logged; raises CorruptRun."""
    target = folder / path
    if target.is_file() and digest(target.read_bytes()) == wanted:
        return
    try:
        content = mlflow.fetch(run_id, path)
    except httpx.HTTPStatusError as error:
        if error.response.status_code != NOT_FOUND:
            raise
        raise CorruptRun(f"run {run_id} has lost its artifact {path}") from None
    if digest(content) != wanted:
        raise CorruptRun(
            f"artifact {path} of run {run_id} is not what was logged: SHA-256 {digest(content)[:12]}..., "
            f"logged was {wanted[:12]}..."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    # Another job may read the same run: it never sees half a file.
    made = target.with_name(f".{target.name}.{os.getpid()}")
    made.write_bytes(content)
    made.replace(target)


def _decoded(settings: Settings, application: Application, run_id: str, folder: Path) -> BatchModel:
    try:
        model = unseal((folder / MODEL).read_bytes(), settings.signing_key())
    except BadModel as error:
        raise CorruptRun(f"the model of run {run_id} is refused: {error}") from None
    if model.application != application.name:
        raise CorruptRun(f"the model of run {run_id} is of {model.application}, not of {application.name}")
    return model


def _forget_old(home: Path) -> None:
    folders = sorted(home.iterdir(), key=lambda one: one.stat().st_mtime, reverse=True)
    for old in folders[KEPT_RUNS:]:
        shutil.rmtree(old, ignore_errors=True)
