"""`/` and `/health`: what this is and how it is, for people who come by."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic

from fastapi import APIRouter, Request
from fastapi.responses import Response

from core.api.root import HealthAnswer, HealthModel, RootAnswer
from core.applications import APPLICATIONS
from serving.encoded import Json
from serving.inventory import inventory
from serving.openapi import answers
from serving.services import Serving
from serving.status import ready

router = APIRouter(tags=["health"])

DOCUMENTATION = {
    "swagger": "/docs",
    "redoc": "/redoc",
    "openapi": "/openapi.json",
    "health": "/health",
    "metrics": "/metrics",
}


@router.get("/", responses=answers(RootAnswer), response_model=None)
async def read_root(request: Request) -> Response:
    """The service, its version and every endpoint."""
    app = request.app
    described = app.openapi()["paths"]
    endpoints = {
        f"{method.upper()} {path}": operation.get("summary", "")
        for path, operations in described.items()
        for method, operation in operations.items()
    }
    return Json(
        RootAnswer(
            service=app.title,
            version=app.version,
            summary=app.summary,
            applications=list(APPLICATIONS),
            documentation=DOCUMENTATION,
            endpoints=endpoints,
        )
    )


@router.get("/health", responses=answers(HealthAnswer), response_model=None)
def read_health(request: Request, services: Serving) -> Response:
    """How the service is, with the models in memory; always 200. For probes there is `/health/ready`."""
    found, held = ready(services), [one for one in inventory(services).models if one.loaded]
    problems = {name: part.detail for name, part in found.parts.items() if not part.ok}
    answering = [one for one in held if not one.missing]
    status = "unavailable" if not answering else "degraded" if problems else "healthy"
    return Json(
        HealthAnswer(
            status=status,
            service=request.app.title,
            version=request.app.version,
            uptime_s=round(monotonic() - request.app.state.started, 3),
            time=datetime.now(UTC),
            models=[
                HealthModel(
                    application=one.application,
                    source=one.source,
                    model=one.model or "",
                    version=one.version or 0,
                )
                for one in held
            ],
            problems=problems,
        )
    )
