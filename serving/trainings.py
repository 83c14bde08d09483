"""Questions about trainings that MLflow answers, and what is wrong with a run as a problem.

route -> question -> MLflow -> answer | 404, 409, 422 naming the field | 502 unreadable | 503 away
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import TypeVar

import httpx

from core.api.errors import FieldError
from core.batch import Evaluate, Request
from core.registry import BadRun, ForeignRun, NoModel, NoRun, NotComparable, usable
from serving.problems import Problem
from serving.services import Services

T = TypeVar("T")

STATUS: dict[type[BadRun], HTTPStatus] = {
    NoRun: HTTPStatus.NOT_FOUND,
    ForeignRun: HTTPStatus.UNPROCESSABLE_ENTITY,
    NoModel: HTTPStatus.CONFLICT,
    NotComparable: HTTPStatus.CONFLICT,
}
"""What is wrong with a run, as a status; an artifact that can't be used is no fault of the request: 502."""


def of_mlflow(
    services: Services,
    question: Callable[[], T],
    *,
    field: str = "run_id",
    status: HTTPStatus | None = None,
) -> T:
    """An answer that needs MLflow; raises Problem with what is wrong with the run, or that MLflow is away.

    `field` is the one that holds the run; `status` stands for whatever is wrong with it, where it is given.
    """
    try:
        return question()
    except BadRun as error:
        found = status or STATUS.get(type(error), HTTPStatus.BAD_GATEWAY)
        raise Problem(found, str(error), [FieldError(field, str(error))]) from None
    except httpx.HTTPError as error:
        detail = f"MLflow at {services.settings.mlflow.url} is away: {type(error).__name__}: {error}"
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail) from None
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_GATEWAY, f"what MLflow holds can't be read: {error}") from None


def check_run(
    services: Services,
    application: str,
    run_id: str,
    *,
    field: str = "run_id",
    status: HTTPStatus | None = None,
) -> None:
    """Raises Problem unless the run is a training of the application that has a model: no job then fails."""
    of_mlflow(
        services,
        lambda: usable(services.batch_models.mlflow, application, run_id),
        field=field,
        status=status,
    )


def check_runs(services: Services, request: Request) -> None:
    """The same of every run that a request for a job names; whatever is wrong is 422 and names the field."""
    for field, run_id in _named(request):
        check_run(services, request.application, run_id, field=field, status=HTTPStatus.UNPROCESSABLE_ENTITY)


def _named(request: Request) -> Iterator[tuple[str, str]]:
    """The runs of a request, each with the dotted path of its field; one that is left empty is none."""
    if isinstance(request, Evaluate):
        for place, run_id in enumerate(request.run_ids):
            yield f"run_ids.{place}", run_id
    elif run_id := getattr(request, "run_id", ""):
        yield "run_id", run_id
