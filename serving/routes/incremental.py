"""`/api/v1/incremental`: the live models, their scores, and what they answer."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from core import names
from core.api.errors import FieldError
from core.api.live import HistoryAnswer, LiveAnswer, PredictionsAnswer, RecentAnswer, ScorePoint
from core.api.predict import FeaturesAnswer, FeatureValue, PredictAnswer
from core.declaration import Application
from core.features import features, horizon
from core.windows import span_name
from serving.asking import ask_redis
from serving.encoded import Json
from serving.features.reader import Latest, latest
from serving.openapi import PREDICT_BODY, answers
from serving.predict import remembered_soon
from serving.problems import Problem, application_named
from serving.services import Serving
from serving.status import live

router = APIRouter(prefix="/api/v1/incremental", tags=["incremental"])

HISTORY_POINTS = 4000
"""As many as learners keep."""

_POINT = msgspec.json.Decoder(ScorePoint)
_RECENT = msgspec.json.Decoder(RecentAnswer)


@router.post(
    "/predict",
    responses=answers(PredictAnswer, 400, 404, 413, 422, 503),
    openapi_extra={"requestBody": PREDICT_BODY},
    response_model=None,
)
async def predict(
    request: Request,
    services: Serving,
    explain: Annotated[bool, Query(description="Also what moved the answer")] = False,
) -> Response:
    """What the live model says of an event whose label is not known yet.

    What is remembered of its entity comes from Redis, on the event loop; the rest is a fraction of a
    millisecond of memory work, less than a change of thread.
    """
    asked = services.predictor.asked(await request.body())
    known = None
    if asked.application.windows:
        known = await remembered_soon(services.lookups, services.live.away, asked)
    return Json(services.predictor.answer(asked, known, explain))


@router.get("/{application}", responses=answers(LiveAnswer, 404), response_model=None)
def read_live(application: str, services: Serving) -> Response:
    """The learner's latest report; all null, with the reason as `error`, where there is none."""
    return Json(live(services, application_named(application).name))


@router.get("/{application}/history", responses=answers(HistoryAnswer, 404, 422, 503), response_model=None)
def read_history(
    application: str, services: Serving, points: Annotated[int, Query(ge=1, le=HISTORY_POINTS)] = 400
) -> Response:
    """The scores over time, oldest first, thinned evenly to at most `points`; the newest is always there."""
    key = names.history_key(application_named(application).name)
    found: Any = ask_redis(services, lambda: services.redis.xrevrange(key, count=HISTORY_POINTS))
    kept = [fields[b"point"] for _, fields in thinned(found, points) if b"point" in fields]
    return Json(HistoryAnswer([_POINT.decode(text) for text in reversed(kept)]))


@router.get(
    "/{application}/predictions", responses=answers(PredictionsAnswer, 404, 422, 503), response_model=None
)
def read_predictions(
    application: str,
    services: Serving,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 50,
    judged: Annotated[bool, Query(description="Only answers whose label has become known")] = False,
) -> Response:
    """The newest answers, newest first, with the truth where it is known by now."""
    name = application_named(application).name
    if judged:
        known: Any = ask_redis(services, lambda: services.redis.lrange(names.judged_key(name), 0, limit - 1))
        return Json(PredictionsAnswer([_RECENT.decode(text) for text in known]))
    texts: Any = ask_redis(services, lambda: services.redis.lrange(names.recent_key(name), 0, limit - 1))
    found = [_RECENT.decode(text) for text in texts]
    ids = [one.event_id for one in found]
    truths: Any = (
        ask_redis(services, lambda: services.redis.hmget(names.truths_key(name), ids)) if ids else []
    )
    told = zip(found, truths, strict=True)
    return Json(PredictionsAnswer([one if truth is None else _with(one, truth) for one, truth in told]))


@router.get(
    "/{application}/features/{entity:path}", responses=answers(FeaturesAnswer, 404, 503), response_model=None
)
def read_features(application: str, entity: str, services: Serving) -> Response:
    """The latest windowed features of an entity (a value of the application's key), as of its last event."""
    found = application_named(application)
    known: Latest | None = ask_redis(services, lambda: latest(services.redis, found, entity))
    if known is None:
        detail = f"no features of {found.key} {entity!r} are held: {_unheld(found)}"
        raise Problem(HTTPStatus.NOT_FOUND, detail, [FieldError("entity", detail)])
    return Json(
        FeaturesAnswer(
            application=found.name,
            entity=entity,
            event_time=known.event_time,
            age_s=round(known.age_s(datetime.now(UTC)), 3),
            source_partition=known.source_partition,
            source_offset=known.source_offset,
            features=[
                FeatureValue(name=one.name, value=known.values[one.name], unit=one.unit, help=one.help)
                for one in features(found)
            ],
        )
    )


def _with(answer: RecentAnswer, truth: bytes) -> RecentAnswer:
    return msgspec.structs.replace(answer, truth=msgspec.json.decode(truth))


def _unheld(application: Application) -> str:
    if not application.windows:
        return f"{application.name} declares none"
    return (
        f"it was never seen, not within {span_name(horizon(application))}, or the job features does not run"
    )


def thinned(items: list[Any], most: int) -> list[Any]:
    """At most `most` of the items, evenly spread; the first one is always among them.

    >>> thinned([1, 2, 3, 4, 5], 3)
    [1, 3, 5]
    """
    if len(items) <= most:
        return items
    if most == 1:
        return items[:1]
    step = (len(items) - 1) / (most - 1)
    return [items[round(n * step)] for n in range(most)]
