"""`/api/v1/models`: what is held in memory, and a fresh look at where it comes from."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from core.api.models import ModelsAnswer, ReloadAnswer
from serving.encoded import Json
from serving.inventory import inventory, reload
from serving.openapi import answers
from serving.services import Serving

router = APIRouter(prefix="/api/v1/models", tags=["models"])


@router.get("", responses=answers(ModelsAnswer), response_model=None)
async def read_models(services: Serving) -> Response:
    """Every live and registered model: version, age, scores, size; why one was refused or is missing."""
    return Json(inventory(services))


@router.post("/reload", responses=answers(ReloadAnswer), response_model=None)
def reload_models(services: Serving) -> Response:
    """Looks at Redis's snapshots and MLflow's aliases now, not at the next round; says what has changed."""
    return Json(reload(services))
