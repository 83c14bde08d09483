"""The segments of clusterings: how large they are, and how a field's values fall into them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from fastapi.responses import Response

from core import names
from core.api.live import RecentAnswer
from core.api.segments import SegmentsAnswer
from core.declaration import Application
from serving.asking import ask_redis
from serving.encoded import Json
from serving.openapi import answers
from serving.problems import Problem, application_named
from serving.segments import live_segments, newest, registered_segments, require_field, require_segments
from serving.services import Services, Serving
from serving.sql.job import TABLE, TABLES
from serving.tables import NoTable, TableState
from serving.trainings import of_mlflow

router = APIRouter(prefix="/api/v1", tags=["segments"])

_RECENT = msgspec.json.Decoder(RecentAnswer)

Field = Annotated[
    str | None, Query(description="Dotted path of a category or a flag: its values are counted by segment")
]


@router.get(
    "/incremental/{application}/segments",
    responses=answers(SegmentsAnswer, 404, 409, 422, 503),
    response_model=None,
)
def read_live_segments(application: str, services: Serving, field: Field = None) -> Response:
    """Sizes of the live segments, and the values of a field over the learner's newest answers."""
    found = _clustering(application, field)
    live, report = services.predictor.answering(found)
    texts: Any = ask_redis(services, lambda: services.redis.lrange(names.recent_key(found.name), 0, -1))
    told = (_RECENT.decode(text) for text in texts)
    answered = [(int(one.value), one.event) for one in told]
    return Json(live_segments(found, live, report.segments if report else [], answered, field))


@router.get(
    "/batch/{application}/segments",
    responses=answers(SegmentsAnswer, 404, 409, 422, 502, 503),
    response_model=None,
)
def read_registered_segments(
    application: str, services: Serving, field: Field = None, run_id: str | None = None
) -> Response:
    """The same by the registered champion, or the model of a run, over the newest events of the table."""
    found = _clustering(application, field)
    held = of_mlflow(services, lambda: services.batch_predictor.held(found, run_id))
    events, features = _tables(services, found)
    import duckdb

    try:
        rows = newest(found, events, features)
    except (OSError, duckdb.Error) as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"the lake can't be read: {error}") from None
    return Json(registered_segments(found, held, rows, field))


def _clustering(application: str, field: str | None) -> Application:
    found = application_named(application)
    require_segments(found)
    require_field(found, field)
    return found


def _tables(services: Services, application: Application) -> tuple[TableState, TableState | None]:
    """The table of events and that of features; raises Problem (404) without the former."""
    known = services.tables[application.name]
    windowed = next(name for name, table in TABLES.items() if table is names.Table.FEATURES)
    try:
        events = known[TABLE].current()
    except NoTable as error:
        raise Problem(HTTPStatus.NOT_FOUND, str(error)) from None
    except OSError as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"the lake is away: {error}") from None
    try:
        return events, known[windowed].current()
    except (NoTable, OSError):
        return events, None
