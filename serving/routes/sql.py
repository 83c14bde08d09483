"""`/api/v1/sql`: read-only queries over the tables of one application."""

from __future__ import annotations

import asyncio
import functools
import threading
from http import HTTPStatus
from time import perf_counter
from typing import Annotated, Any, cast

import msgspec
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from core.api.errors import FieldError
from core.api.sql import ColumnAnswer, QueryAnswer, SchemaAnswer, TableAnswer
from core.declaration import Application
from serving.encoded import Json
from serving.openapi import answers
from serving.problems import Problem, application_named
from serving.services import Services, Serving
from serving.sql import guard
from serving.sql.job import TABLE, Failure, Job, Rows, Source, Why
from serving.sql.workers import Busy, Cancelled
from serving.tables import LakeTable, NoTable, TableState, columns

router = APIRouter(prefix="/api/v1/sql", tags=["sql"])

ANSWER_BYTES = 16 * 2**20
THREADS = 2
WAITING = 32
"""Requests that wait for a worker at a time; they wait in threads of their own, not in everyone's."""
DISCONNECT_EVERY_S = 0.25

_STATUS = {
    Why.REFUSED: HTTPStatus.BAD_REQUEST,
    Why.ERROR: HTTPStatus.BAD_REQUEST,
    Why.MEMORY: HTTPStatus.BAD_REQUEST,
    Why.SIZE: HTTPStatus.BAD_REQUEST,
    Why.TIME: HTTPStatus.GATEWAY_TIMEOUT,
}


class SqlRequest(BaseModel):
    """One query over the tables of an application."""

    model_config = ConfigDict(extra="forbid", strict=True)

    application: str
    sql: Annotated[str, Field(min_length=1, max_length=guard.LONGEST, examples=["SELECT count(*) FROM data"])]
    limit: Annotated[
        int | None, Field(ge=1, description="Most rows; the server's own limit holds as well")
    ] = None


@router.post("/query", responses=answers(QueryAnswer, 400, 404, 422, 503, 504), response_model=None)
async def run_query(asked: SqlRequest, request: Request, services: Serving) -> Response:
    """Runs one read-only query; it stops at the time limit, or when the caller hangs up."""
    application = application_named(asked.application)
    cancel = threading.Event()
    watcher = asyncio.create_task(_hang_up(request, cancel))
    started, outcome = perf_counter(), "ok"
    try:
        work = functools.partial(_query, services, application, asked, cancel)
        return await to_thread.run_sync(work, limiter=_limiter(request))
    except Problem as problem:
        outcome = str(int(problem.status))
        raise
    finally:
        cancel.set()
        watcher.cancel()
        services.meters.sql_seconds.labels(application.name, outcome).observe(perf_counter() - started)


@router.get("/{application}/schema", responses=answers(SchemaAnswer, 404, 503), response_model=None)
def read_schema(application: str, services: Serving) -> Response:
    """The tables that queries may name, their columns, and what the declaration says of each."""
    found = application_named(application)
    described = []
    for name, table in services.tables[found.name].items():
        try:
            state = _state(table)
        except Problem:
            if name == TABLE:
                raise
            continue  # the events can be asked about without it
        known = [ColumnAnswer(one.name, one.type, one.help) for one in columns(found, table.spec)]
        described.append(TableAnswer(name=name, rows=state.rows, version=state.version, columns=known))
    return Json(SchemaAnswer(described))


def _query(
    services: Services, application: Application, asked: SqlRequest, cancel: threading.Event
) -> Response:
    """Checks, runs and answers; blocks."""
    unread = ""
    try:
        guard.check(asked.sql)
    except guard.UnreadQuery as error:
        unread = str(error)
    except guard.RefusedQuery as error:
        raise _bad_sql(HTTPStatus.BAD_REQUEST, str(error)) from None
    tables = services.tables[application.name]
    state = _state(tables[TABLE])
    limits = services.settings.serving
    job = Job(
        sql=asked.sql,
        tables={name: _source(application, tables[name]) for name in guard.named_tables(asked.sql)},
        rows=min(asked.limit or limits.sql_rows, limits.sql_rows),
        answer_bytes=ANSWER_BYTES,
        unread=unread,
        seconds=limits.sql_seconds,
        memory_mib=limits.sql_memory_mib,
        threads=THREADS,
    )
    try:
        outcome = services.workers.run(job, cancel)
    except Busy as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers={"retry-after": "1"}) from None
    except Cancelled:
        raise Problem(HTTPStatus.GATEWAY_TIMEOUT, "the caller hung up: the query was stopped") from None
    if isinstance(outcome, Failure):
        raise _bad_sql(_STATUS[outcome.why], outcome.detail)
    return Json(_answer(outcome, state))


def _source(application: Application, table: LakeTable) -> Source:
    described = {one.name: one.type for one in columns(application, table.spec)}
    return Source(files=list(_state(table).files), columns=described)


def _answer(rows: Rows, state: TableState) -> QueryAnswer:
    return QueryAnswer(
        columns=[ColumnAnswer(name, kind) for name, kind in zip(rows.names, rows.types, strict=True)],
        rows=cast(Any, msgspec.Raw(rows.rows)),  # the worker has made them JSON already
        row_count=rows.row_count,
        truncated=rows.truncated,
        elapsed_ms=rows.elapsed_ms,
        table_version=state.version,
        table_rows=state.rows,
    )


def _bad_sql(status: HTTPStatus, detail: str) -> Problem:
    return Problem(status, detail, [FieldError("sql", detail)])


def _state(table: LakeTable) -> TableState:
    from deltalake.exceptions import DeltaError

    try:
        return table.current()
    except NoTable as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from None
    except (DeltaError, OSError) as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"the lake is away: {type(error).__name__}") from error


async def _hang_up(request: Request, cancel: threading.Event) -> None:
    """Cancels the query when nobody waits for it any more."""
    while not cancel.is_set():
        if await request.is_disconnected():
            cancel.set()
        await asyncio.sleep(DISCONNECT_EVERY_S)


def _limiter(request: Request) -> CapacityLimiter:
    limiter: CapacityLimiter = request.app.state.sql_limiter
    return limiter
