"""The registered batch models of an application: which versions there are, and which of them answers.

MLflow: versions, aliases, runs -> Registry -> who answers, who is compared with whom, who may be promoted
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.applications import APPLICATIONS
from core.batch import Alias
from core.connect import mlflow_models as models
from core.connect.mlflow import Mlflow, Run
from core.declaration import Task
from core.metrics import batch_metrics
from core.names import batch_experiment, registered_model
from core.runs import FINISHED, RunSummary, Tag, comparable, summary


class BadRun(ValueError):
    """A run that can't be used; the text names the run and says why."""


class NoRun(BadRun):
    """There is no run of this id."""


class ForeignRun(BadRun):
    """The run is another application's, or no batch training."""


class NoModel(BadRun):
    """The run has not ended well, or has no registered version."""


class NotComparable(BadRun):
    """Promotion would compare scores of different rows."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The registered model of one application at one moment."""

    versions: dict[str, int]
    """Run -> version, the newest first."""
    aliases: dict[str, int]

    def run_of(self, alias: Alias) -> str | None:
        """The run whose version has an alias."""
        wanted = self.aliases.get(alias)
        return next((run for run, version in self.versions.items() if version == wanted), None)

    def newest_but(self, version: int | None) -> int | None:
        """The newest version that is not this one."""
        return next((one for one in self.versions.values() if one != version), None)


def registry(mlflow: Mlflow, application: str) -> Registry:
    """Versions and aliases of an application; empty before its first training."""
    name = registered_model(application)
    found = models.registered(mlflow, name)
    if found is None:
        return Registry({}, {})
    return Registry({one.run_id: one.number for one in models.versions(mlflow, name)}, found.aliases)


def runs(mlflow: Mlflow, application: str, most: int) -> list[RunSummary]:
    """The latest trainings that have a version, the newest first."""
    experiment = mlflow.known_experiment(batch_experiment(application))
    if experiment is None:
        return []
    known = registry(mlflow, application)
    found = mlflow.search(experiment, f"attributes.status = '{FINISHED}'", most)
    return [summary(one, known.versions[one.id], known.aliases) for one in found if one.id in known.versions]


def usable(mlflow: Mlflow, application: str, run_id: str) -> RunSummary:
    """A training of the application that has a version; raises NoRun, ForeignRun or NoModel."""
    run = _checked(mlflow, application, run_id)
    if run.status != FINISHED:
        why = run.tags.get(Tag.ERROR)
        detail = f"run {run_id} of {application} is {run.status or 'not ended'}" + (f": {why}" if why else "")
        raise NoModel(f"{detail}; only a finished run has a model")
    known = registry(mlflow, application)
    if run_id not in known.versions:
        raise NoModel(f"run {run_id} of {application} has no registered version, so it has no model to use")
    return summary(run, known.versions[run_id], known.aliases)


def aliased(mlflow: Mlflow, application: str, alias: Alias) -> RunSummary | None:
    """The training whose version has an alias; None where nobody has it."""
    known = registry(mlflow, application)
    return of_alias(mlflow, known, alias)


def of_alias(mlflow: Mlflow, known: Registry, alias: Alias) -> RunSummary | None:
    """The same of a registry that was read already."""
    run_id = known.run_of(alias)
    run = mlflow.run(run_id) if run_id else None
    return None if run is None else summary(run, known.versions[run.id], known.aliases)


def promote(mlflow: Mlflow, application: str, run_id: str) -> None:
    """Makes a training the champion; the newest other one is then the challenger.

    Raises NotComparable unless it and the present champion were evaluated on the same window lately, and
    what `usable` raises.
    """
    wanted = usable(mlflow, application, run_id)
    champion = aliased(mlflow, application, Alias.CHAMPION)
    if champion is not None and champion.run_id != run_id:
        _compared(wanted, champion)
    assert wanted.version is not None  # noqa: S101 - usable
    appoint(mlflow, application, wanted.version)


def appoint(mlflow: Mlflow, application: str, champion: int | None) -> None:
    """Gives the aliases: champion to this version, challenger to the newest other one."""
    name = registered_model(application)
    if champion is not None:
        models.give(mlflow, name, Alias.CHAMPION, champion)
    challenger = registry(mlflow, application).newest_but(champion)
    if challenger is None:
        models.take(mlflow, name, Alias.CHALLENGER)
    else:
        models.give(mlflow, name, Alias.CHALLENGER, challenger)


def best(task: Task, known: Sequence[RunSummary]) -> str | None:
    """Of the trainings that were evaluated on the latest window, the one with the best leading score there.

    None before the first such comparison: scores on different rows say nothing of one another.
    """
    judged = [(one.evaluated, one.run_id) for one in known if one.evaluated]
    if not judged:
        return None
    latest = max((evaluated.window for evaluated, _ in judged), key=lambda one: (one.end, one.start))
    leading = batch_metrics(task)[0]
    scores = {
        run_id: score
        for evaluated, run_id in judged
        if evaluated.window == latest and (score := evaluated.scores.get(leading.id)) is not None
    }
    pick = max if leading.better == "higher" else min
    return pick(scores, key=lambda run_id: scores[run_id]) if scores else None


def _compared(wanted: RunSummary, champion: RunSummary) -> None:
    if comparable(wanted, champion):
        return
    both = " and the champion, ".join(
        f"run {one.run_id} (version {one.version})" for one in (wanted, champion)
    )
    missing = [one.run_id for one in (wanted, champion) if one.evaluated is None]
    if missing:
        why = f"{', '.join(missing)} was never evaluated on a latest window"
    else:
        why = "their latest windows differ: " + " and ".join(_told(one) for one in (wanted, champion))
    raise NotComparable(f"{both} were not compared on the same rows: {why}; run the job `evaluate` with both")


def _told(run: RunSummary) -> str:
    if run.evaluated is None:
        return "none"
    window = run.evaluated.window
    return f"{window.start:%Y-%m-%d %H:%M:%S} to {window.end:%Y-%m-%d %H:%M:%S} UTC, {window.rows} rows"


def _checked(mlflow: Mlflow, application: str, run_id: str) -> Run:
    run = mlflow.run(run_id) if re.fullmatch(r"[0-9a-zA-Z_-]{1,64}", run_id) else None
    if run is None:
        raise NoRun(f"there is no run {run_id!r} in MLflow")
    owner = run.tags.get(Tag.APPLICATION)
    if owner != application:
        known = f"of {owner}" if owner in APPLICATIONS else "of no application of this suite"
        raise ForeignRun(f"run {run_id} is {known}, not of {application}")
    if run.experiment != mlflow.known_experiment(batch_experiment(application)):
        raise ForeignRun(f"run {run_id} of {application} is not a batch training")
    return run
