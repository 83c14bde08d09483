"""`/api/v1/access`: who the caller is, and who did what."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from core.api.access import AccessAnswer, AuditAnswer, Role
from serving.access.tokens import LOCAL
from serving.encoded import Json
from serving.openapi import answers
from serving.problems import Problem, application_named
from serving.services import Serving

router = APIRouter(prefix="/api/v1/access", tags=["access"])


@router.get("", responses=answers(AccessAnswer), response_model=None)
async def read_access(request: Request, services: Serving) -> Response:
    """The caller's name and role, as its token gives them."""
    name: str = getattr(request.state, "caller", LOCAL.name)
    role: Role = getattr(request.state, "role", LOCAL.role)
    return Json(AccessAnswer(caller=name, role=role, tokens=services.tokens_set))


@router.get("/audit", responses=answers(AuditAnswer, 404, 422, 503), response_model=None)
def read_audit(
    services: Serving,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    application: str | None = None,
    caller: str | None = None,
) -> Response:
    """Who asked for which change, and what came of it; newest first."""
    from redis.exceptions import RedisError

    name = application_named(application).name if application is not None else None
    try:
        return Json(AuditAnswer(entries=services.audit.entries(limit, name, caller)))
    except RedisError as error:
        detail = f"Redis is away: {error}; {services.audit.file} has the entries"
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail) from None
