"""Runs compared: each is scored on the same rows, the newest that none of them was fitted on.

runs -> newest event time that any of them has seen -> rows after it -> answers of each -> scores -> tags

Only scores on equal windows are ever compared; promotion asks for them (core.registry).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from batch import evaluation
from batch.datasets import BadData, Dataset, load
from batch.progress import Progress
from batch.runs import LoadedRun, load_run
from batch.tracking import now_ms, reached, tracker
from batch.train import BadRequest
from core import applications
from core.batch import Alias, Evaluate, Rows, Stage
from core.connect.mlflow import Mlflow
from core.declaration import Application
from core.metrics import batch_metrics
from core.registry import registry
from core.runs import Evaluated, RunSummary, Tag, Window, grouped
from core.settings import Settings

LEAST = 200
"""Fewer new rows than these tell nothing."""


def evaluate(settings: Settings, request: Evaluate, progress: Progress) -> dict[str, Any]:
    """Scores runs, by default champion and challenger, on one latest window; gives window and scores.

    Raises BadRequest, BadRun, BadData where too few rows are new to all of them, TrackingAway and Stopped.
    """
    application = _application(request)
    with tracker(settings) as mlflow:
        with reached(settings, "looking for the runs"):
            wanted = request.run_ids or _by_alias(mlflow, application)
        progress.stage(Stage.LOADING, 5)
        candidates = [_candidate(settings, application, run_id, progress) for run_id in dict.fromkeys(wanted)]
        dataset = latest(settings, application, request.rows, [one.info for one in candidates], progress)
        progress.stage(Stage.EVALUATING, 50)
        window = _window(dataset)
        found = {one.info.run_id: _evaluated(one, dataset, window, progress) for one in candidates}
        progress.stage(Stage.LOGGING, 85)
        with reached(settings, "logging the scores"):
            for run_id, evaluated in found.items():
                _keep(mlflow, run_id, evaluated)
    progress.stage(Stage.DONE, 100)
    scores = {run_id: evaluated.scores for run_id, evaluated in found.items()}
    return {"window": msgspec.to_builtins(window), "scores": scores, "best": best(application, scores)}


def latest(
    settings: Settings, application: Application, rows: Rows, runs: Sequence[RunSummary], progress: Progress
) -> Dataset:
    """The rows after all that any of the runs was fitted on; raises BadData where they are too few."""
    seen = {one.run_id: one.used_until for one in runs if one.used_until}
    last = max(seen, key=lambda run_id: seen[run_id], default=None)
    if last is None:
        raise BadData(f"no run of {application.name} says up to when it has seen rows: train anew")
    after = seen[last]
    try:
        dataset = load(settings, application, rows, progress, apart=False, since=after)
    except BadData as error:
        raise BadData(
            f"no rows are newer than what run {last} was fitted on ({after:%Y-%m-%d %H:%M:%S}): {error}"
        ) from None
    new = dataset.take(np.flatnonzero(dataset.times > _moment(after)))
    if new.rows < LEAST:
        raise BadData(
            f"only {new.rows:,} {application.noun} whose label is known are newer than what run {last} was "
            f"fitted on (up to {after:%Y-%m-%d %H:%M:%S} UTC), {LEAST} are needed: wait for more, or name "
            "older runs"
        )
    return new


def best(application: Application, found: dict[str, dict[str, float | None]]) -> str | None:
    """The run with the best leading score of those compared; None where none has one."""
    leading = batch_metrics(application.task)[0]
    known = {
        run_id: score for run_id, scores in found.items() if (score := scores.get(leading.id)) is not None
    }
    pick = max if leading.better == "higher" else min
    return pick(known, key=lambda run_id: known[run_id]) if known else None


def _application(request: Evaluate) -> Application:
    try:
        return applications.get(request.application)
    except KeyError as error:
        raise BadRequest(str(error.args[0])) from None


def _by_alias(mlflow: Mlflow, application: Application) -> list[str]:
    known = registry(mlflow, application.name)
    found = [run for alias in Alias if (run := known.run_of(alias))]
    if not found:
        raise BadRequest(f"{application.name} has neither champion nor challenger: train a model first")
    return found


def _candidate(settings: Settings, application: Application, run_id: str, progress: Progress) -> LoadedRun:
    found = load_run(settings, application, run_id)
    progress.line(f"{found.info.recipe}, version {found.info.version}, run {run_id}")
    return found


def _evaluated(run: LoadedRun, dataset: Dataset, window: Window, progress: Progress) -> Evaluated:
    progress.check()
    application, model = dataset.application, run.model
    answers = model.answers(dataset.frame)
    scores = evaluation.scores(application, dataset, answers, model.threshold, model)
    naive = evaluation.naive_scores(application, run.split, dataset, model)
    known = {name: value for name, value in scores.items() if value is not None}
    progress.line(f"{model.recipe} on {dataset.rows} latest rows", **known)
    return Evaluated(window=window, scores=scores, naive=naive)


def _keep(mlflow: Mlflow, run_id: str, evaluated: Evaluated) -> None:
    """The scores as metrics for people, and with their window as the one tag that is believed."""
    mlflow.log(run_id, now_ms(), 0, grouped("latest", evaluated.scores))
    mlflow.tag(run_id, {Tag.EVALUATED: msgspec.json.encode(evaluated).decode()})


def _window(dataset: Dataset) -> Window:
    start, end = _time(dataset.times[0]), _time(dataset.times[-1])
    return Window(start=start, end=end, rows=dataset.rows, tables=dataset.source.tables)


def _time(moment: np.datetime64) -> datetime:
    found: datetime = moment.astype("datetime64[us]").item()
    return found.replace(tzinfo=UTC)


def _moment(time: datetime) -> np.datetime64:
    return np.datetime64(time.astimezone(UTC).replace(tzinfo=None), "us")
