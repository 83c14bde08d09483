"""`/api/v1/sql`: read-only queries over the tables of one application, as rows, plan or file."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeVar, cast

import msgspec
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from core.api.errors import FieldError
from core.api.sql import CancelledAnswer, ColumnAnswer, PlanAnswer, QueryAnswer, RanQuery
from core.declaration import Application
from serving.caller import caller
from serving.encoded import Json
from serving.openapi import answers
from serving.problems import Problem, application_named
from serving.services import Services, Serving
from serving.sql import guard
from serving.sql.asking import ANSWER_BYTES, Prepared, failed, prepared, told_plainly
from serving.sql.exports import Export
from serving.sql.job import Failure, Mode, Plan, Rows, Turn
from serving.sql.results import NoResult, Result, cursor
from serving.sql.running import Stop

router = APIRouter(prefix="/api/v1/sql", tags=["sql"])

T = TypeVar("T")

WAITING = 32
"""Requests that wait for a worker at a time; they wait in threads of their own, not in everyone's."""
DISCONNECT_EVERY_S = 0.25

_MEDIA = {Mode.CSV: "text/csv; charset=utf-8; header=present", Mode.PARQUET: "application/vnd.apache.parquet"}

Sql = Annotated[str, Field(min_length=1, max_length=guard.LONGEST, examples=["SELECT count(*) FROM data"])]
QueryId = Annotated[
    str | None,
    Field(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="The caller's own id, by which it can be stopped"),
]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    application: str
    query_id: QueryId = None


class SqlRequest(_Asked):
    """One query over the tables of an application, or the next page of one."""

    sql: Sql | None = None
    limit: Annotated[
        int | None, Field(ge=1, description="Most rows of a page; the server's own limit holds as well")
    ] = None
    cursor: Annotated[
        str | None, Field(max_length=100, description="Of the answer before, in the place of `sql`")
    ] = None


class PlanRequest(_Asked):
    """A query whose plan is asked for."""

    sql: Sql
    analyze: Annotated[bool, Field(description="Run it, and tell what each step took")] = False


class ExportRequest(_Asked):
    """A query whose rows are wanted as a file."""

    sql: Sql
    format: Literal["csv", "parquet"]


@router.post("/query", responses=answers(QueryAnswer, 400, 404, 409, 422, 503, 504), response_model=None)
async def run_query(asked: SqlRequest, request: Request, services: Serving) -> Response:
    """Runs one read-only query; it stops at the time limit, when told to, or when the caller hangs up."""
    application = application_named(asked.application)
    who = caller(request)
    if (asked.sql is None) == (asked.cursor is None):
        detail = "either `sql` or `cursor` is wanted" + (", not both" if asked.sql else "")
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, [FieldError("sql", detail)])
    if asked.cursor is not None:
        return await _watched(request, services, asked, lambda stop: _page(services, asked, who, stop))

    def work(stop: Stop) -> Response:
        return _query(services, application, asked, who, stop)

    return await _watched(request, services, asked, work)


@router.post("/plan", responses=answers(PlanAnswer, 400, 404, 409, 422, 503, 504), response_model=None)
async def explain_query(asked: PlanRequest, request: Request, services: Serving) -> Response:
    """How the engine runs a query, step by step, as text; with `analyze` it is run and measured."""
    application = application_named(asked.application)
    who = caller(request)
    return await _watched(
        request, services, asked, lambda stop: _plan(services, application, asked, who, stop)
    )


_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in _MEDIA.values()},
    }
}


@router.post(
    "/export",
    responses=answers(QueryAnswer, 400, 404, 409, 422, 503, 504) | _FILE,
    response_model=None,
)
async def export_query(asked: ExportRequest, request: Request, services: Serving) -> Response:
    """The rows of a query as a file, sent while it is made. One export runs at a time."""
    application = application_named(asked.application)
    who, mode = caller(request), Mode(asked.format)

    def work(stop: Stop) -> Response:
        made = prepared(
            services,
            application,
            asked.sql,
            mode,
            rows=services.settings.serving.sql_export_rows,
            seconds=services.settings.serving.sql_export_seconds,
        )
        export, first = _opened(services, made, stop)
        headers = {
            "content-disposition": f'attachment; filename="{application.name}.{mode}"',
            "x-most-rows": str(made.job.rows),
        }
        return StreamingResponse(
            _pieces(export, first, _limiter(request)), headers=headers, media_type=_MEDIA[mode]
        )

    return await _watched(
        request, services, asked, lambda stop: _remembered(services, asked, who, mode, stop, work)
    )


@router.delete("/queries/{query}", responses=answers(CancelledAnswer, 404), response_model=None)
def stop_query(query: str, request: Request, services: Serving) -> Response:
    """Stops a query of the caller's that is under way; it answers with a 409 then."""
    who = caller(request)
    if not services.sql.running.stop(who, query):
        known = ", ".join(services.sql.running.names(who)) or "none"
        detail = f"you have no query {query[:64]!r} under way; there are {known}"
        raise Problem(HTTPStatus.NOT_FOUND, detail, [FieldError("query", detail)])
    return Json(CancelledAnswer(query_id=query))


async def _watched(
    request: Request, services: Services, asked: _Asked, work: Callable[[Stop], Response]
) -> Response:
    """Runs what blocks in a thread of SQL's own; stops it when nobody waits for the answer any more."""
    stop = Stop()
    watcher = asyncio.create_task(_hang_up(request, stop))
    started, outcome = time.perf_counter(), "ok"
    try:
        return await to_thread.run_sync(functools.partial(work, stop), limiter=_limiter(request))
    except Problem as problem:
        outcome = str(int(problem.status))
        raise
    finally:
        watcher.cancel()
        services.meters.sql_seconds.labels(asked.application, outcome).observe(time.perf_counter() - started)


def _remembered(
    services: Services,
    asked: SqlRequest | PlanRequest | ExportRequest,
    who: str,
    mode: Mode,
    stop: Stop,
    work: Callable[[Stop], T],
    rows: Callable[[T], int | None] = lambda _: None,
) -> T:
    """What `work` answers; that and how long it took, or what was wrong, goes into the caller's history."""
    started, at = time.perf_counter(), datetime.now(UTC)

    def add(count: int | None, error: str | None) -> None:
        ms = round((time.perf_counter() - started) * 1000, 3)
        ran = RanQuery(at=at, kind=mode, sql=asked.sql or "", rows=count, ms=ms, error=error)
        services.sql.history.add(asked.application, who, ran)

    try:
        with told_plainly(stop), services.sql.running.named(who, asked.query_id, stop):
            answer = work(stop)
    except Problem as problem:
        add(None, problem.detail)
        raise
    add(rows(answer), None)
    return answer


def _query(services: Services, application: Application, asked: SqlRequest, who: str, stop: Stop) -> Response:
    """Checks, runs and answers; blocks."""
    limits = services.settings.serving
    page = min(asked.limit or limits.sql_rows, limits.sql_rows)

    def work(stop: Stop) -> tuple[Prepared, Rows]:
        made = prepared(
            services, application, asked.sql or "", Mode.ROWS, rows=page, keep=max(limits.sql_kept_rows, page)
        )
        outcome = services.workers.run(made.job, stop)
        if not isinstance(outcome, Rows):
            raise _no_answer(outcome)
        return made, outcome

    made, rows = _remembered(services, asked, who, Mode.ROWS, stop, work, lambda it: it[1].row_count)
    result = Result(
        caller=who,
        application=application.name,
        names=rows.names,
        types=rows.types,
        kept=rows.kept,
        rows=rows.kept_rows,
        page=page,
        whole=rows.whole,
        version=made.state.version,
        table_rows=made.state.rows,
        versions=made.versions,
    )
    return Json(_answer(result, rows, services.sql.results.keep(result) if rows.kept else None))


def _page(services: Services, asked: SqlRequest, who: str, stop: Stop) -> Response:
    """A further page; blocks."""
    try:
        result, key, offset = services.sql.results.find(asked.cursor or "", who, asked.application)
    except NoResult as error:
        raise Problem(HTTPStatus.BAD_REQUEST, str(error), [FieldError("cursor", str(error))]) from None
    limits = services.settings.serving
    turn = Turn(
        kept=result.kept,
        types=result.types,
        offset=offset,
        rows=min(asked.limit or result.page, limits.sql_rows),
        answer_bytes=ANSWER_BYTES,
        seconds=limits.sql_seconds,
        memory_mib=limits.sql_memory_mib,
    )
    with told_plainly(stop), services.sql.running.named(who, asked.query_id, stop):
        rows = services.workers.run(turn, stop)
    if not isinstance(rows, Rows):
        raise _no_answer(rows)
    after = offset + rows.row_count
    return Json(_answer(result, rows, cursor(key, after) if after < result.rows else None))


def _answer(result: Result, rows: Rows, following: str | None) -> QueryAnswer:
    known = zip(result.names, result.types, strict=True)
    return QueryAnswer(
        columns=[ColumnAnswer(name, kind) for name, kind in known],
        rows=cast(Any, msgspec.Raw(rows.rows)),  # the worker has made them JSON already
        row_count=rows.row_count,
        truncated=rows.truncated or not result.whole,
        cursor=following,
        elapsed_ms=rows.elapsed_ms,
        table_version=result.version,
        table_rows=result.table_rows,
        versions=result.versions,
    )


def _plan(services: Services, application: Application, asked: PlanRequest, who: str, stop: Stop) -> Response:
    mode = Mode.ANALYZE if asked.analyze else Mode.PLAN

    def work(stop: Stop) -> Plan:
        made = prepared(services, application, asked.sql, mode, rows=1)
        outcome = services.workers.run(made.job, stop)
        if not isinstance(outcome, Plan):
            raise _no_answer(outcome)
        return outcome

    plan = _remembered(services, asked, who, mode, stop, work)
    return Json(PlanAnswer(plan=plan.text, analyzed=asked.analyze, elapsed_ms=plan.elapsed_ms))


def _no_answer(outcome: object) -> Exception:
    if isinstance(outcome, Failure):
        return failed(outcome)
    return TypeError(f"the worker answered with {type(outcome).__name__}")


def _opened(services: Services, made: Prepared, stop: Stop) -> tuple[Export, bytes]:
    """An export whose first piece is there; raises a Problem where there is none."""
    lock = services.sql.export
    if not lock.acquire(blocking=False):
        detail = "another export is under way: one runs at a time"
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"retry-after": "5"})
    export = Export(services.workers.replies(made.job, stop), made.job.seconds, lock.release)
    try:
        first = export.first()
    except BaseException:
        export.close()
        raise
    if isinstance(first, Failure):
        raise failed(first)
    return export, first


async def _pieces(export: Export, first: bytes, limiter: CapacityLimiter) -> AsyncIterator[bytes]:
    try:
        piece: bytes | None = first
        while piece is not None:
            yield piece
            piece = await to_thread.run_sync(export.piece, limiter=limiter)
    finally:
        # Closing may wait for a process to end: not here, where everyone's answers pass.
        asyncio.get_running_loop().run_in_executor(None, export.close)


async def _hang_up(request: Request, stop: Stop) -> None:
    """Stops the query when nobody waits for it any more."""
    while not stop.is_set():
        if await request.is_disconnected():
            stop.set()
        await asyncio.sleep(DISCONNECT_EVERY_S)


def _limiter(request: Request) -> CapacityLimiter:
    limiter: CapacityLimiter = request.app.state.sql_limiter
    return limiter
