"""`/api/v1/incremental/{application}`: what people ask of a learner. It is stored; the learner follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TypeVar

import msgspec
from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, StrictBool, StrictInt, StrictStr

from core import control
from core.api.errors import FieldError
from core.api.live import ControlAnswer, VersionAnswer, VersionsAnswer
from core.control import Control, Version
from core.settings import Settings
from serving.asking import ask_redis
from serving.encoded import Json
from serving.openapi import answers
from serving.problems import Problem, application_named
from serving.services import Services, Serving
from serving.status import live, resetting, run_of

router = APIRouter(prefix="/api/v1/incremental/{application}", tags=["incremental"])

T = TypeVar("T")

PROBLEMS = (400, 404, 422, 503)


class TrainingRequest(BaseModel):
    """Whether the learner shall take events."""

    model_config = ConfigDict(extra="forbid")

    on: StrictBool


class ChampionRequest(BaseModel):
    """Which model shall answer; null: by rule."""

    model_config = ConfigDict(extra="forbid")

    model: StrictStr | None


class ResetRequest(BaseModel):
    """Which version to go back to."""

    model_config = ConfigDict(extra="forbid")

    version: StrictInt


@router.put("/training", responses=answers(ControlAnswer, *PROBLEMS), response_model=None)
def write_training(application: str, asked: TrainingRequest, services: Serving) -> Response:
    """Training on or off. Off, the learner rests where it is and goes on reporting; on, it goes on there."""
    name = application_named(application).name
    _asked(services, lambda: control.train(services.redis, name, asked.on))
    return Json(_state(services, name))


@router.put("/champion", responses=answers(ControlAnswer, *PROBLEMS), response_model=None)
def write_champion(application: str, asked: ChampionRequest, services: Serving) -> Response:
    """The model that answers requests, by hand until null gives the choice back to the rule."""
    declared = application_named(application)
    if asked.model is not None and asked.model not in declared.online:
        detail = f"no model {asked.model!r}; there are {', '.join(declared.online)}"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, [FieldError("model", detail)])
    _asked(services, lambda: control.appoint(services.redis, declared.name, asked.model))
    return Json(_state(services, declared.name))


@router.get("/versions", responses=answers(VersionsAnswer, 404, 503), response_model=None)
def read_versions(application: str, services: Serving) -> Response:
    """What the learner can go back to, newest first."""
    name = application_named(application).name
    kept = _asked(services, lambda: control.versions(services.redis, name))
    return Json(VersionsAnswer(application=name, versions=merged(services.settings, kept)))


@router.post("/reset", responses=answers(ControlAnswer, *PROBLEMS), response_model=None)
def reset(application: str, asked: ResetRequest, services: Serving) -> Response:
    """Back to a version: the learner goes on from its offsets, and learns again what came after."""
    name = application_named(application).name
    kept = _asked(services, lambda: control.versions(services.redis, name))
    known = sorted({one.version for one in kept}, reverse=True)
    if asked.version not in known:
        there = ", ".join(map(str, known)) or "none yet"
        detail = f"no version {asked.version} is kept; there are {there}"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, [FieldError("version", detail)])
    _asked(services, lambda: control.reset(services.redis, name, asked.version))
    return Json(_state(services, name))


def merged(settings: Settings, kept: Iterable[Version]) -> list[VersionAnswer]:
    """Each version once, with all the places that have it; in the order in which they come."""
    by_number: dict[int, list[Version]] = {}
    for one in kept:
        by_number.setdefault(one.version, []).append(one)
    return [
        VersionAnswer(
            version=version,
            created=same[0].created,
            model=same[0].model,
            asked=same[0].asked,
            taught=same[0].taught,
            clock=same[0].clock,
            scores=same[0].scores,
            bytes=same[0].bytes,
            places=[one.place for one in same],
            run_id=same[0].run_id or None,
            run_url=run_of(settings, same[0].run_id),
        )
        for version, same in by_number.items()
    ]


def _state(services: Services, name: str) -> ControlAnswer:
    now: Control = _asked(services, lambda: control.read(services.redis, name))
    services.live.told(name, now)
    return ControlAnswer(
        application=name,
        training=now.training,
        champion=None if now.champion is msgspec.UNSET else now.champion,
        resetting=resetting(now, services.live.view(name).report),
        state=live(services, name).state,
    )


def _asked(services: Services, question: Callable[[], T]) -> T:
    try:
        return ask_redis(services, question)
    except ValueError as error:
        detail = f"what is asked of the learner can't be read: {error}; delete its Redis key"
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail) from None
