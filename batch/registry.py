"""The last step of a training: a version of the application's registered model, and what it is for."""

from __future__ import annotations

from collections.abc import Mapping

from core import names
from core.applications import get
from core.batch import Alias
from core.connect import mlflow_models as models
from core.connect.mlflow import Mlflow
from core.metrics import batch_metrics
from core.registry import appoint, registry


def register(
    mlflow: Mlflow,
    application: str,
    run_id: str,
    model_id: str,
    scores: Mapping[str, float | None],
    naive: Mapping[str, float | None],
) -> tuple[int, list[str]]:
    """Makes a version of a finished run; gives its number and its aliases.

    It becomes champion where there is none and it beats the naive answer on its test rows, else challenger:
    a champion is only ever replaced by a comparison on the same rows. A run that has a version keeps it.
    """
    name = names.registered_model(application)
    models.make(
        mlflow, name, f"Batch models of {application}: champion answers, challenger is the newest other"
    )
    mine = models.versions(mlflow, name, run_id)
    if mine:
        version = mine[0].number
    else:
        version = models.add(
            mlflow, name, f"models:/{model_id}", run_id, model_id, {"application": application}, ""
        )
    before = registry(mlflow, application)
    champion = before.aliases.get(Alias.CHAMPION)
    if champion is None and beats(application, scores, naive):
        champion = version
    appoint(mlflow, application, champion)
    given = registry(mlflow, application).aliases
    return version, sorted(alias for alias, number in given.items() if number == version)


def beats(application: str, scores: Mapping[str, float | None], naive: Mapping[str, float | None]) -> bool:
    """Whether the leading score is known and better than that of the answer that costs nothing."""
    leading = batch_metrics(get(application).task)[0]
    mine, free = scores.get(leading.id), naive.get(leading.id)
    if mine is None or mine != mine:
        return False
    if free is None or free != free:
        return True
    return mine > free if leading.better == "higher" else mine < free
