"""`/api/v1/batch/{application}/drift`: the latest drift report; a job makes a new one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import APIRouter
from fastapi.responses import Response

from core import names
from core.drift import DriftFound
from serving.encoded import Json
from serving.openapi import answers
from serving.problems import Problem, application_named
from serving.services import Serving

router = APIRouter(prefix="/api/v1/batch/{application}", tags=["batch"])


@router.get("/drift", responses=answers(DriftFound, 404, 503), response_model=None)
def read_drift(application: str, services: Serving) -> Response:
    """How far the newest rows lay from those that a model was trained on, input by input, when last asked."""
    from redis.exceptions import RedisError

    name = application_named(application).name
    if services.live.away:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"Redis is away: {services.live.away}")
    try:
        stored: Any = services.redis.get(names.drift_report_key(name))
    except (RedisError, OSError) as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"Redis is away: {error}") from None
    if stored is None:
        asked = f"POST /api/v1/batch/{name}/jobs"
        raise Problem(
            HTTPStatus.NOT_FOUND, f'there is no drift report yet; {asked} {{"kind": "drift"}} makes one'
        )
    return Json(msgspec.json.decode(stored, type=DriftFound))
