"""`/api/v1/monitoring/{application}/quality`: what is wrong with records, given or newest."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from core import captures
from core.api.errors import FieldError
from core.api.quality import QualityAnswer
from core.api.records import MOST_RECORDS
from core.declaration import Application
from core.names import Table
from core.quality import quality
from serving.asking import ask_redis
from serving.encoded import Json
from serving.newest import newest
from serving.openapi import answers
from serving.predict import decoded, unprocessable
from serving.problems import Problem, application_named
from serving.services import Services, Serving
from serving.sql.job import TABLE
from serving.tables import NoTable

router = APIRouter(prefix="/api/v1/monitoring/{application}", tags=["monitoring"])


class QualityRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The records, or where the newest `rows` are taken from."""

    records: Annotated[list[Any], msgspec.Meta(min_length=1, max_length=MOST_RECORDS)] | None = None
    source: Literal["table", "captures"] | None = None
    rows: Annotated[int, msgspec.Meta(ge=1, le=MOST_RECORDS)] = 1_000


_DECODER = msgspec.json.Decoder(QualityRequest)

QUALITY_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "oneOf": [
                    {
                        "type": "object",
                        "required": ["records"],
                        "additionalProperties": False,
                        "properties": {
                            "records": {"type": "array", "minItems": 1, "maxItems": MOST_RECORDS, "items": {}}
                        },
                    },
                    {
                        "type": "object",
                        "required": ["source"],
                        "additionalProperties": False,
                        "properties": {
                            "source": {"enum": ["table", "captures"]},
                            "rows": {
                                "type": "integer",
                                "minimum": 1,
                                "maximum": MOST_RECORDS,
                                "default": 1_000,
                            },
                        },
                    },
                ]
            }
        }
    },
}
"""Records need not be valid: that is the point. `rows`: the newest so many of the table or the captures."""


@router.post(
    "/quality",
    responses=answers(QualityAnswer, 400, 404, 413, 422, 503),
    openapi_extra={"requestBody": QUALITY_BODY},
    response_model=None,
)
async def check_quality(application: str, request: Request, services: Serving) -> Response:
    """Per field what is missing, out of range, unknown or of a wrong type; what came twice; and a level."""
    body = await request.body()
    return await run_in_threadpool(_check, services, application_named(application), body)


def _check(services: Services, application: Application, body: bytes) -> Response:
    asked: QualityRequest = decoded(_DECODER, body)
    now = datetime.now(UTC)
    if (asked.records is None) is (asked.source is None):
        raise unprocessable("records", "give either `records` or a `source`")
    if asked.records is not None:
        return Json(quality(application, asked.records, now))
    if asked.source == "captures":
        held = ask_redis(services, lambda: captures.newest(services.redis, application.name, asked.rows))
        if not held:
            raise _nothing(f"no captures of {application.name} are held")
        return Json(quality(application, (one.event for one in held), now, source="captures"))
    return Json(_of_table(services, application, asked.rows, now))


def _of_table(services: Services, application: Application, rows: int, now: datetime) -> QualityAnswer:
    from deltalake.exceptions import DeltaError

    tables = services.tables[application.name]
    try:
        found, refused = newest(application, tables[TABLE], tables[str(Table.REJECTS)], rows)
    except NoTable as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from None
    except (DeltaError, OSError) as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"the lake is away: {type(error).__name__}") from error
    if not found and not refused:
        raise _nothing(f"the table of {application.name} has no rows yet")
    return quality(application, found, now, refused, "table")


def _nothing(detail: str) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, detail, [FieldError("source", detail)])
