"""`/api/v1/monitoring/{application}/captures`: what outside programs have asked their models."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from core import captures
from core.api.captures import CapturesAnswer, ModelCount, RefusedRecord, TakenAnswer
from core.api.errors import FieldError
from core.api.records import MOST_RECORDS
from core.applications import APPLICATIONS
from core.captures import Capture
from core.declaration import Application
from serving.asking import ask_redis
from serving.captured import Records
from serving.encoded import Json
from serving.openapi import answers
from serving.problems import Problem, application_named
from serving.services import Services, Serving

router = APIRouter(prefix="/api/v1/monitoring/{application}", tags=["monitoring"])

MOST_EXAMPLES = 100
MOST_MODELS = 100

_RECORD: dict[str, Any] = {
    "type": "object",
    "required": ["event", "prediction"],
    "additionalProperties": False,
    "properties": {
        "event": {"oneOf": [{"$ref": f"#/components/schemas/{name}_request"} for name in APPLICATIONS]},
        "prediction": {
            "type": "object",
            "required": ["value"],
            "additionalProperties": False,
            "properties": {
                "value": {"type": ["boolean", "number"]},
                "probability": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
            },
        },
        "model": {"type": "string"},
        "version": {"type": ["string", "integer"]},
        "time": {"type": ["string", "null"], "format": "date-time"},
        "id": {"type": ["string", "null"]},
    },
}

CAPTURES_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "oneOf": [
                    _RECORD,
                    {
                        "type": "object",
                        "required": ["records"],
                        "additionalProperties": False,
                        "properties": {
                            "records": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": MOST_RECORDS,
                                "items": _RECORD,
                            }
                        },
                    },
                ]
            }
        }
    },
}
"""One record, or many; an event of the application that the path names."""


@router.post(
    "/captures",
    responses=answers(TakenAnswer, 400, 404, 413, 422, 503),
    openapi_extra={"requestBody": CAPTURES_BODY},
    response_model=None,
)
async def take_captures(
    application: str,
    request: Request,
    services: Serving,
    skip_bad: Annotated[bool, Query(description="Pass over records that are wrong, and count them")] = False,
) -> Response:
    """Takes one record, or up to 10,000; one that is held already changes nothing."""
    body = await request.body()
    return await run_in_threadpool(_take, services, application_named(application), body, skip_bad)


@router.get("/captures", responses=answers(CapturesAnswer, 404, 422, 503), response_model=None)
def read_captures(
    application: str, services: Serving, limit: Annotated[int, Query(ge=0, le=1_000)] = 20
) -> Response:
    """How many captures are held, since when, by model; and the newest."""
    name = application_named(application).name
    held = ask_redis(services, lambda: captures.held(services.redis, name))
    newest = ask_redis(services, lambda: captures.newest(services.redis, name, limit)) if limit else []
    models = Counter(held.models).most_common(MOST_MODELS)
    return Json(
        CapturesAnswer(
            application=name,
            count=held.count,
            most=services.settings.serving.captures,
            taken=held.taken,
            start=held.start,
            end=held.end,
            models=[ModelCount(model=model, count=count) for model, count in models],
            captures=newest,
        )
    )


def _take(services: Services, application: Application, body: bytes, skip_bad: bool) -> Response:
    sound: list[Capture] = []
    bad: list[RefusedRecord] = []
    for one in Records(application).captures(body, datetime.now(UTC)):
        if isinstance(one, Capture):
            sound.append(one)
        elif skip_bad:
            bad.append(one)
        else:
            raise _refused(one)
    most = services.settings.serving.captures
    new = ask_redis(services, lambda: captures.put(services.redis, application.name, sound, most))
    return Json(
        TakenAnswer(
            application=application.name,
            received=len(sound) + len(bad),
            new=new,
            repeated=len(sound) - new,
            refused=len(bad),
            reasons=dict(Counter(one.reason for one in bad)),
            examples=bad[:MOST_EXAMPLES],
        )
    )


def _refused(one: RefusedRecord) -> Problem:
    """Nothing was taken: the caller sends all again, or asks to skip what is bad."""
    detail = f"{one.field or 'body'}: {one.detail} ({one.reason}); nothing was taken"
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, [FieldError(one.field, one.detail)])
