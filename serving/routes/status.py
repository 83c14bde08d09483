"""`/api/v1/status`: how far every application has come, and how the parts of the stack are."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from core.api.status import StatusAnswer
from serving.encoded import Json
from serving.openapi import answers
from serving.services import Serving
from serving.status import status

router = APIRouter(prefix="/api/v1", tags=["status"])


@router.get("/status", responses=answers(StatusAnswer), response_model=None)
def read_status(services: Serving) -> Response:
    """Numbers that can't be known at the moment are null; `away` says why."""
    return Json(status(services))
