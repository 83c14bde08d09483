"""`/api/v1/scenarios`: what is done to a stream on purpose, now and before."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar

import msgspec
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from core import scenarios
from core.api.errors import FieldError
from core.api.scenarios import ScenarioAnswer, ScenarioKind
from serving.asking import ask_redis
from serving.encoded import Json
from serving.openapi import SCENARIO_BODY, answers
from serving.problems import Problem, application_named
from serving.services import Services, Serving

router = APIRouter(prefix="/api/v1/scenarios", tags=["scenarios"])

T = TypeVar("T")

KINDS = [
    ScenarioKind(
        name=name, help=kind.help, meaning=kind.meaning, default=kind.default, low=kind.low, high=kind.high
    )
    for name, kind in scenarios.KINDS.items()
]


class ScenarioRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which scenario, and for how long: `minutes` or `end`; from now, unless `start` says another time."""

    name: str
    minutes: float | None = None
    start: datetime | None = None
    end: datetime | None = None
    strength: float | None = None


@router.get("/{application}", responses=answers(ScenarioAnswer, 404, 503), response_model=None)
def read_scenario(application: str, services: Serving) -> Response:
    """What holds now, the scenarios there are, and the log, newest first, with the ends as they were."""
    return Json(_state(services, application_named(application).name))


@router.put(
    "/{application}",
    responses=answers(ScenarioAnswer, 400, 404, 413, 422, 503),
    openapi_extra={"requestBody": SCENARIO_BODY},
    response_model=None,
)
async def write_scenario(application: str, request: Request, services: Serving) -> Response:
    """Makes a scenario hold for the application, in place of the last one; `normal` ends it."""
    name = application_named(application).name
    plan = _planned(await request.body())
    return Json(await run_in_threadpool(_switch, services, name, plan))


def _switch(services: Services, application: str, plan: scenarios.Scenario) -> ScenarioAnswer:
    ask_redis(services, lambda: scenarios.switch(services.redis, application, plan))
    return _state(services, application)


def _state(services: Services, application: str) -> ScenarioAnswer:
    now = datetime.now(UTC)
    held = ask_redis(services, lambda: scenarios.current(services.redis, application))
    log = ask_redis(services, lambda: scenarios.history(services.redis, application))
    running = held is not None and held.end > now and held.name is not scenarios.Name.NORMAL
    return ScenarioAnswer(
        application=application, time=now, current=held if running else None, scenarios=KINDS, log=log
    )


def _planned(body: bytes) -> scenarios.Scenario:
    """The request as a scenario; raises a Problem that names the field."""
    try:
        asked = msgspec.json.decode(body, type=ScenarioRequest)
    except msgspec.ValidationError as error:
        raise _unfit(str(error)) from None
    except msgspec.DecodeError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from None
    try:
        return scenarios.planned(
            asked.name,
            start=asked.start or datetime.now(UTC),
            minutes=asked.minutes,
            end=asked.end,
            strength=asked.strength,
        )
    except ValueError as error:
        raise _unfit(str(error)) from None


def _unfit(message: str) -> Problem:
    """A 422; the field is what stands before the colon, or after msgspec's `$.`."""
    field = message.rpartition("$.")[2].rstrip("`") if "$." in message else message.partition(":")[0]
    known = field in ScenarioRequest.__struct_fields__
    errors = [FieldError(field if known else "", message)]
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, message, errors)
