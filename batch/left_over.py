"""Runs that nobody writes any more: their process was killed before it could end them.

MLflow: runs that are RUNNING -> their job (Redis) has ended, or is taken up again -> KILLED

Such a run has no version and is never a candidate; ended, it also does not look alive. Light to import.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from core import jobs
from core.connect.mlflow import Mlflow
from core.names import batch_experiment
from core.runs import KILLED, RUNNING, Tag

if TYPE_CHECKING:
    from redis import Redis


def close(mlflow: Mlflow, application: str, over: Callable[[str], bool]) -> list[str]:
    """Ends the open trainings of an application whose job is over; gives their runs.

    over: whether nobody works on the job of this id any more. Raises httpx.HTTPError.
    """
    experiment = mlflow.known_experiment(batch_experiment(application))
    if experiment is None:
        return []
    found = mlflow.search(experiment, f"attributes.status = '{RUNNING}'", 1000)
    closed = [run.id for run in found if over(run.tags.get(Tag.JOB, ""))]
    for run_id in closed:
        mlflow.tag(run_id, {Tag.ERROR: "its process was ended before the run was"})
        mlflow.end(run_id, round(time.time() * 1000), KILLED)
    return closed


def ended(redis: Redis, job: str) -> bool:
    """Whether a job has ended or is forgotten; False where that can't be known, or there is no job."""
    from redis.exceptions import RedisError

    if not job:
        return False
    try:
        report = jobs.stored(redis, job)
    except (RedisError, OSError):
        return False
    return report is None or report.state in jobs.ENDED
