"""`/api/v1/batch`: the registered models, their trainings, and what they answer."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, StrictStr

from core.api.batch import BatchAnswer, HeldAnswer, RunsAnswer
from core.api.predict import PredictAnswer
from core.declaration import Application
from core.registry import best, promote, runs
from core.runs import RunSummary
from serving.batch_predict import BatchPredictRequest
from serving.declared import recipe_answers
from serving.encoded import Json
from serving.openapi import BATCH_PREDICT_BODY, answers
from serving.predict import Asked, remembered
from serving.problems import application_named
from serving.readings import Away
from serving.services import Services, Serving
from serving.status import run_of
from serving.trainings import of_mlflow

router = APIRouter(prefix="/api/v1/batch/{application}", tags=["batch"])


class ChampionRequest(BaseModel):
    """Whose model shall answer."""

    model_config = ConfigDict(extra="forbid")

    run_id: StrictStr


@router.get("", responses=answers(BatchAnswer, 404), response_model=None)
def read_batch(application: str, services: Serving) -> Response:
    """Recipes with their hyperparameters, champion and challenger as last seen, and who answers now."""
    return Json(_state(services, application_named(application)))


@router.get("/runs", responses=answers(RunsAnswer, 404, 422, 503), response_model=None)
def read_runs(
    application: str, services: Serving, limit: Annotated[int, Query(ge=1, le=1000)] = 50
) -> Response:
    """The latest trainings that have a registered version, the newest first."""
    found = application_named(application)
    listed = of_mlflow(services, lambda: runs(services.batch_models.mlflow, found.name, limit))
    shown = [_linked(services, one) for one in listed]
    return Json(RunsAnswer(runs=shown, best=best(found.task, listed)))


@router.put("/champion", responses=answers(BatchAnswer, 400, 404, 409, 422, 502, 503), response_model=None)
def write_champion(application: str, asked: ChampionRequest, services: Serving) -> Response:
    """Makes a training the champion. It and the present one must have been evaluated on the same window."""
    found = application_named(application)
    of_mlflow(services, lambda: promote(services.batch_models.mlflow, found.name, asked.run_id))
    services.batch_models.soon().result()
    return Json(_state(services, found))


@router.post(
    "/predict",
    responses=answers(PredictAnswer, 400, 404, 409, 413, 422, 502, 503),
    openapi_extra={"requestBody": BATCH_PREDICT_BODY},
    response_model=None,
)
async def predict(application: str, request: Request, services: Serving) -> Response:
    """What the registered champion, or the model of `run_id`, says of an event.

    The model is in memory; only a run that nobody asked for lately is fetched first. What is remembered of
    the event's entity comes from Redis.
    """
    body = await request.body()
    asked, wanted = services.batch_predictor.asked(application_named(application), body)
    return Json(await run_in_threadpool(_predicted, services, asked, wanted))


def _predicted(services: Services, asked: Asked, wanted: BatchPredictRequest) -> PredictAnswer:
    held = of_mlflow(services, lambda: services.batch_predictor.held(asked.application, wanted.run_id))
    known = None
    if asked.application.windows:
        known = remembered(services.redis, services.live.away, asked)
    return services.batch_predictor.answer(asked, held, known, wanted.explain)


def _state(services: Services, application: Application) -> BatchAnswer:
    standing = services.batch_models.standing(application.name)
    held = standing.champion.info if standing.champion else None
    return BatchAnswer(
        application=application.name,
        recipes=recipe_answers(application),
        rows=_rows(services, application),
        most_rows=services.settings.batch.most_rows,
        champion=_linked(services, standing.wanted) if standing.wanted else None,
        challenger=_linked(services, standing.challenger) if standing.challenger else None,
        answering=HeldAnswer(
            run_id=held.run_id if held else None,
            version=held.version if held else None,
            refused=standing.refused,
            away=services.batch_models.away,
        ),
    )


def _rows(services: Services, application: Application) -> int | None:
    try:
        return services.lake[application.name]().rows
    except Away:
        return None


def _linked(services: Services, run: RunSummary) -> RunSummary:
    return msgspec.structs.replace(run, run_url=run_of(services.settings, run.run_id))
