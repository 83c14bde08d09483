"""`/api/v1/sql/{application}`: what there is to ask, what was asked before, what was saved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from core.api.errors import FieldError
from core.api.sql import (
    ColumnAnswer,
    SavedAnswer,
    SavedQuery,
    SchemaAnswer,
    SqlHistoryAnswer,
    TableAnswer,
    TableRows,
    TableRowsAnswer,
    TemplatesAnswer,
)
from serving.caller import caller
from serving.declared import templates
from serving.encoded import Json
from serving.openapi import answers
from serving.problems import Problem, application_named
from serving.services import Services, Serving
from serving.sql import guard
from serving.sql.asking import bad_sql, checked, state_of
from serving.sql.job import TABLE
from serving.sql.refused import RefusedQuery
from serving.sql.remembered import TooMany
from serving.tables import NoTable, columns

router = APIRouter(prefix="/api/v1/sql", tags=["sql"])

T = TypeVar("T")

Name = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$",
        description="Letters, digits, blanks, dots, dashes; at most 64",
    ),
]


class SaveRequest(BaseModel):
    """A query to keep."""

    model_config = ConfigDict(extra="forbid", strict=True)

    sql: Annotated[str, Field(min_length=1, max_length=guard.LONGEST)]
    title: Annotated[str, Field(max_length=200)] = ""


@router.get("/{application}/schema", responses=answers(SchemaAnswer, 404, 503), response_model=None)
def read_schema(application: str, services: Serving) -> Response:
    """The tables that queries may name, their columns, and what the declaration says of each."""
    found = application_named(application)
    described = []
    for name, table in services.tables[found.name].items():
        try:
            state = state_of(table)
        except Problem:
            if name == TABLE:
                raise
            continue  # the events can be asked about without it
        known = [ColumnAnswer(one.name, one.type, one.help) for one in columns(found, table.spec)]
        described.append(TableAnswer(name=name, rows=state.rows, version=state.version, columns=known))
    return Json(SchemaAnswer(described))


@router.get("/{application}/templates", responses=answers(TemplatesAnswer, 404), response_model=None)
def read_templates(application: str) -> Response:
    """The queries that the application's declaration suggests."""
    return Json(TemplatesAnswer(templates(application_named(application))))


@router.get("/{application}/rows", responses=answers(TableRowsAnswer, 404, 503), response_model=None)
def read_rows(application: str, services: Serving) -> Response:
    """How many rows each table has, by its log: no file is read. Null where a table is not there yet."""
    found = application_named(application)
    counted = []
    for name, table in services.tables[found.name].items():
        try:
            state = state_of(table)
        except Problem as problem:
            if not isinstance(problem.__context__, NoTable):
                raise
            counted.append(TableRows(name=name, rows=None, version=None))
        else:
            counted.append(TableRows(name=name, rows=state.rows, version=state.version))
    return Json(TableRowsAnswer(counted))


@router.get("/{application}/history", responses=answers(SqlHistoryAnswer, 404, 503), response_model=None)
def read_history(application: str, request: Request, services: Serving) -> Response:
    """The caller's own queries, newest first."""
    name = application_named(application).name
    found = _redis(services, lambda: services.sql.history.read(name, caller(request)))
    return Json(SqlHistoryAnswer(found))


@router.delete("/{application}/history", responses=answers(SqlHistoryAnswer, 404, 503), response_model=None)
def clear_history(application: str, request: Request, services: Serving) -> Response:
    """Forgets the caller's queries."""
    name = application_named(application).name
    _redis(services, lambda: services.sql.history.clear(name, caller(request)))
    return Json(SqlHistoryAnswer([]))


@router.get("/{application}/saved", responses=answers(SavedAnswer, 404, 503), response_model=None)
def read_saved(application: str, services: Serving) -> Response:
    """The queries that people gave a name; everyone who uses the application sees them."""
    name = application_named(application).name
    return Json(SavedAnswer(_redis(services, lambda: services.sql.saved.read(name))))


@router.put(
    "/{application}/saved/{name}", responses=answers(SavedQuery, 400, 404, 409, 422, 503), response_model=None
)
def save_query(
    application: str, name: Name, asked: SaveRequest, request: Request, services: Serving
) -> Response:
    """Keeps a query under a name, in the place of the one that had it."""
    found = application_named(application).name
    try:
        checked(asked.sql)
    except RefusedQuery as error:
        raise bad_sql(HTTPStatus.BAD_REQUEST, str(error)) from None
    saved = SavedQuery(name=name, title=asked.title, sql=asked.sql, by=caller(request), at=datetime.now(UTC))
    try:
        _redis(services, lambda: services.sql.saved.save(found, saved))
    except TooMany as error:
        raise Problem(HTTPStatus.CONFLICT, str(error), [FieldError("name", str(error))]) from None
    return Json(saved)


@router.delete(
    "/{application}/saved/{name}", responses=answers(SavedAnswer, 404, 422, 503), response_model=None
)
def delete_saved(application: str, name: Name, services: Serving) -> Response:
    """Deletes a saved query; the answer holds those that are left."""
    found = application_named(application).name
    gone = _redis(services, lambda: services.sql.saved.delete(found, name))
    left = _redis(services, lambda: services.sql.saved.read(found))
    if not gone:
        known = ", ".join(one.name for one in left) or "none"
        detail = f"there is no saved query {name!r}; there are {known}"
        raise Problem(HTTPStatus.NOT_FOUND, detail, [FieldError("name", detail)])
    return Json(SavedAnswer(left))


def _redis(services: Services, question: Callable[[], T]) -> T:
    from redis.exceptions import RedisError

    if services.live.away:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"Redis is away: {services.live.away}")
    try:
        return question()
    except (RedisError, OSError) as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"Redis is away: {error}") from None
