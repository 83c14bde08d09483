"""`/api/v1/batch/{application}/diagnostics`: which there are, what was found, and asking for more."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, StrictFloat, StrictInt, StrictStr

from core import jobs, names
from core.api.diagnostics import DiagnosticsAnswer
from core.api.errors import FieldError
from core.batch import Diagnose, JobReport, JobState
from core.declaration import Application
from core.diagnostics import Diagnostic, Tab, diagnostics
from core.diagnostics.choices import LIVE, BadChoice, Choice, choices, digest
from core.diagnostics.shapes import Result
from serving.asking import ask_redis
from serving.described import described
from serving.encoded import Json
from serving.openapi import answers
from serving.problems import Problem, application_named
from serving.services import Services, Serving
from serving.trainings import check_run

router = APIRouter(prefix="/api/v1/batch/{application}/diagnostics", tags=["batch"])

T = TypeVar("T")

LOOKED_AT = 50
"""The newest jobs, among which the same question may be asked already."""

RUN_ID = Query(description="The run it is about; empty for the live models")


class DiagnosticRequest(BaseModel):
    """What to compute: of which run, with which choices. Those that are missing have their defaults."""

    model_config = ConfigDict(extra="forbid")

    run_id: StrictStr = ""
    parameters: dict[str, StrictInt | StrictFloat | StrictStr] = {}


@router.get("", responses=answers(DiagnosticsAnswer, 404), response_model=None)
def read_diagnostics(application: str) -> Response:
    """Every diagnostic of the application by tab: question, how to read it, what may be chosen, cost."""
    return Json(described(application_named(application)))


@router.post(
    "/{diagnostic}",
    responses=answers(Result, 400, 404, 409, 422, 502, 503)
    | {HTTPStatus.ACCEPTED.value: answers(JobReport)[HTTPStatus.OK.value]},
    response_model=None,
)
def ask_diagnostic(
    application: str, diagnostic: str, asked: DiagnosticRequest, services: Serving
) -> Response:
    """The result where it was computed before; else 202 and the job that computes it."""
    found = application_named(application)
    one = _named(found, diagnostic)
    run, chosen = _run(one, asked.run_id), _chosen(one, asked.parameters)
    kept = _kept(services, found, one, run, chosen)
    if kept is not None:
        return Response(kept, media_type=Json.media_type)
    return Json(_job(services, found, one, asked.run_id, chosen), HTTPStatus.ACCEPTED)


@router.get("/{diagnostic}", responses=answers(Result, 404, 422, 503), response_model=None)
def read_diagnostic(
    application: str,
    diagnostic: str,
    request: Request,
    services: Serving,
    run_id: Annotated[str, RUN_ID] = "",
) -> Response:
    """A result that was computed before; choices are further parameters of the query."""
    found = application_named(application)
    one = _named(found, diagnostic)
    given = {name: value for name, value in request.query_params.items() if name != "run_id"}
    run, chosen = _run(one, run_id), _chosen(one, given)
    kept = _kept(services, found, one, run, chosen)
    if kept is None:
        detail = f"{one.id} was not computed yet for {run!r} with these parameters: POST asks for it"
        raise Problem(HTTPStatus.NOT_FOUND, detail)
    return Response(kept, media_type=Json.media_type)


def _named(application: Application, diagnostic: str) -> Diagnostic:
    known = {one.id: one for one in diagnostics(application)}
    if diagnostic not in known:
        detail = f"{application.name} has no diagnostic {diagnostic!r}; it has {', '.join(known)}"
        raise Problem(HTTPStatus.NOT_FOUND, detail, [FieldError("diagnostic", detail)])
    return known[diagnostic]


def _run(diagnostic: Diagnostic, run_id: str) -> str:
    """The run in the result's name."""
    if diagnostic.tab == Tab.LIVE:
        return LIVE
    if not run_id:
        detail = f"{diagnostic.id} is about a run: run_id says which"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, [FieldError("run_id", detail)])
    return run_id


def _chosen(diagnostic: Diagnostic, given: Mapping[str, Any]) -> dict[str, Choice]:
    try:
        return choices(diagnostic, given)
    except BadChoice as error:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, str(error), [FieldError("parameters", str(error))]
        ) from None


def _kept(
    services: Services, application: Application, diagnostic: Diagnostic, run: str, chosen: dict[str, Choice]
) -> bytes | None:
    """The result's bytes as the batch worker left them."""
    key = names.diagnostic_key(application.name, run, digest(diagnostic.id, chosen))
    found: Any = ask_redis(services, lambda: services.redis.get(key))
    return found if isinstance(found, bytes) else None


def _job(
    services: Services,
    application: Application,
    diagnostic: Diagnostic,
    run_id: str,
    chosen: dict[str, Choice],
) -> JobReport:
    """The job that computes it: one that is under way, else a new one about a run that there is."""
    run = "" if diagnostic.tab == Tab.LIVE else run_id
    request = Diagnose(application=application.name, run_id=run, diagnostic=diagnostic.id, parameters=chosen)
    underway = ask_redis(services, lambda: _underway(services, request))
    if underway is not None:
        return underway
    if run:
        check_run(services, application.name, run)
    return ask_redis(services, lambda: jobs.submit(services.redis, request))


def _underway(services: Services, request: Diagnose) -> JobReport | None:
    """The job that answers the same question already."""
    wanted = msgspec.to_builtins(request)
    kind = wanted.pop("kind")
    for job in jobs.latest(services.redis, [request.application], LOOKED_AT):
        waiting = job.state in (JobState.QUEUED, JobState.RUNNING)
        if waiting and job.kind == kind and job.request == wanted:
            return job
    return None
