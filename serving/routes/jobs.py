"""`/api/v1/jobs`, `/api/v1/batch/{application}/jobs`: what the batch worker is asked for, does and did."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, TypeVar

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from core import batch, jobs, requests
from core.api.errors import FieldError
from core.api.jobs import JobLogAnswer, JobsAnswer
from core.applications import APPLICATIONS
from core.batch import JobReport
from serving.asking import ask_redis, reached
from serving.encoded import Json
from serving.openapi import JOB_BODY, answers
from serving.problems import Problem, application_named
from serving.services import Services, Serving
from serving.trainings import check_runs

router = APIRouter(prefix="/api/v1", tags=["jobs"])

T = TypeVar("T")

_PLACE = re.compile(r" - at `\$\.?([^`]*)`$")
_FIELD = re.compile(r"^Object (?:missing required|contains unknown) field `([^`]*)`")


@router.post(
    "/batch/{application}/jobs",
    status_code=HTTPStatus.ACCEPTED,
    responses=answers(JobReport, 400, 404, 413, 422, 502, 503, status=202),
    openapi_extra={"requestBody": JOB_BODY},
    response_model=None,
)
async def submit_job(application: str, request: Request, services: Serving) -> Response:
    """Asks for a training, an evaluation, a diagnostic or a drift report: a job is queued."""
    name = application_named(application).name
    asked = _request(name, await request.body())
    try:
        requests.check(asked, services.settings)
    except requests.BadRequest as error:
        raise _unfit(str(error), error.field) from None
    return Json(await run_in_threadpool(_submitted, services, asked), HTTPStatus.ACCEPTED)


@router.get("/jobs", responses=answers(JobsAnswer, 404, 422, 503), response_model=None)
def read_jobs(
    services: Serving,
    application: Annotated[str | None, Query(description="Of this application only")] = None,
    limit: Annotated[int, Query(ge=1, le=jobs.MOST_JOBS)] = 50,
) -> Response:
    """The newest jobs, newest first, and how many the worker could do at a time: 0 when none runs."""
    chosen = list(APPLICATIONS) if application is None else [application_named(application).name]
    found = _asked(services, lambda: jobs.latest(services.redis, chosen, limit))
    return Json(JobsAnswer(jobs=found, slots=_asked(services, lambda: jobs.slots(services.redis))))


@router.get("/jobs/{job}", responses=answers(JobReport, 404, 503), response_model=None)
def read_job(job: str, services: Serving) -> Response:
    """A job: state, stage, percentage, and once it has ended its result or why it failed."""
    return Json(_asked(services, lambda: jobs.read(services.redis, job)))


@router.get("/jobs/{job}/log", responses=answers(JobLogAnswer, 404, 422, 503), response_model=None)
def read_job_log(
    job: str,
    services: Serving,
    after: Annotated[str, Query(description="`last` of the answer before", pattern=r"^(\d+-\d+)?$")] = "",
) -> Response:
    """The lines of a job's log, from the beginning or behind a position."""
    _asked(services, lambda: jobs.read(services.redis, job))
    told, last = _asked(services, lambda: jobs.lines(services.redis, job, after))
    return Json(JobLogAnswer(lines=told, last=last))


@router.delete("/jobs/{job}", responses=answers(JobReport, 404, 503), response_model=None)
def stop_job(job: str, services: Serving) -> Response:
    """Stops a job, wherever it stands; one that has ended stays as it is."""
    return Json(_asked(services, lambda: jobs.stop(services.redis, job)))


def _submitted(services: Services, asked: batch.Request) -> JobReport:
    """The job, once MLflow knows the runs that it names; asks MLflow nothing where none is named."""
    reached(services)
    check_runs(services, asked)
    return _asked(services, lambda: jobs.submit(services.redis, asked))


def _request(application: str, body: bytes) -> batch.Request:
    """The body as a request about the application; raises a Problem that names the field."""
    try:
        asked = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        if "application" in asked:
            raise _unfit("application: it stands in the path", "application")
        whole = asked | {"application": msgspec.Raw(msgspec.json.encode(application))}
        return msgspec.json.decode(msgspec.json.encode(whole), type=batch.Request)  # type: ignore[no-any-return]
    except msgspec.ValidationError as error:
        raise _unfit(str(error), _field(str(error))) from None
    except msgspec.DecodeError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from None


def _field(message: str) -> str:
    """The dotted path of the field that msgspec's message is about; empty where the whole body is meant."""
    place, missing = _PLACE.search(message), _FIELD.match(message)
    return ".".join(found[1] for found in (place, missing) if found and found[1])


def _unfit(message: str, field: str) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, message, [FieldError(field, message)])


def _asked(services: Services, question: Callable[[], T]) -> T:
    try:
        return ask_redis(services, question)
    except jobs.NoJob as error:
        raise Problem(HTTPStatus.NOT_FOUND, str(error), [FieldError("job", str(error))]) from None
