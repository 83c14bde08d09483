"""Predictions for many events at once, by the live models and by the registered ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from core.api.records import RecordsAnswer
from serving.encoded import Json
from serving.openapi import RECORDS_BODY, REGISTERED_RECORDS_BODY, answers
from serving.problems import application_named
from serving.records import looked_up
from serving.services import Serving
from serving.trainings import of_mlflow

router = APIRouter(prefix="/api/v1", tags=["predictions"])

AT_ONCE = 2
"""Requests with many records that are worked on at a time: single predictions come first."""

SkipBad = Annotated[
    bool, Query(description="Answer the sound records, and tell of each bad one what is wrong with it")
]


@router.post(
    "/incremental/predict/batch",
    responses=answers(RecordsAnswer, 400, 404, 413, 422, 503),
    openapi_extra={"requestBody": RECORDS_BODY},
    response_model=None,
)
async def predict_records(request: Request, services: Serving, skip_bad: SkipBad = False) -> Response:
    """What the live model says of up to 10,000 events, in their order."""
    body, known = await request.body(), looked_up(services.redis, services.live.away)
    return await _beside(request, lambda: services.records.live(body, skip_bad, known))


@router.post(
    "/batch/{application}/predict/batch",
    responses=answers(RecordsAnswer, 400, 404, 409, 413, 422, 502, 503),
    openapi_extra={"requestBody": REGISTERED_RECORDS_BODY},
    response_model=None,
)
async def predict_registered_records(
    application: str, request: Request, services: Serving, skip_bad: SkipBad = False
) -> Response:
    """What the registered champion, or the model of `run_id`, says of up to 10,000 events, in their order."""
    found, body = application_named(application), await request.body()
    known = looked_up(services.redis, services.live.away)

    def answered() -> RecordsAnswer:
        return of_mlflow(services, lambda: services.records.registered(found, body, skip_bad, known))

    return await _beside(request, answered)


async def _beside(request: Request, answered: Callable[[], RecordsAnswer]) -> Response:
    """The answer made and encoded in a thread: the event loop answers others meanwhile."""
    limiter: CapacityLimiter | None = request.app.state.records_limiter
    return await to_thread.run_sync(lambda: Json(answered()), limiter=limiter)
