"""`/health/live`, `/health/ready` and `/metrics`: for supervisors, probes and Prometheus."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from core.api.status import ReadyAnswer
from serving.encoded import Json
from serving.openapi import answers
from serving.services import Serving
from serving.status import ready

router = APIRouter(tags=["health"])


@router.get("/health/live", response_model=None)
async def is_live() -> Response:
    """Whether the process runs: constant, so that a slow dependency never gets it restarted."""
    return Response(b'{"status":"ok"}', media_type="application/json")


@router.get(
    "/health/ready", responses=answers(ReadyAnswer) | answers(ReadyAnswer, status=503), response_model=None
)
def is_ready(services: Serving) -> Response:
    """Whether requests can be answered, computed dependency by dependency."""
    found = ready(services)
    return Json(found, status_code=200 if found.ready else 503)


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(services: Serving) -> Response:
    """All meters in Prometheus's text format."""
    return Response(services.meters.text(), media_type=CONTENT_TYPE_LATEST)
