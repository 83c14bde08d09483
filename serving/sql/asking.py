"""From a text to a job, and from a failure to the problem that its caller reads.

text -> versions -> guard -> the files of each table at its version -> Job
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from core.api.errors import FieldError
from core.declaration import Application
from serving.problems import Problem
from serving.services import Services
from serving.sql import guard, versions
from serving.sql.job import TABLE, Failure, Job, Mode, Source, Why
from serving.sql.refused import RefusedQuery, UnreadQuery
from serving.sql.running import AlreadyRuns, Stop
from serving.sql.workers import Busy, Cancelled
from serving.tables import LakeTable, NoTable, TableState, columns
from serving.versions import NoVersion

ANSWER_BYTES = 16 * 2**20
THREADS = 2

_STATUS = {
    Why.REFUSED: HTTPStatus.BAD_REQUEST,
    Why.ERROR: HTTPStatus.BAD_REQUEST,
    Why.MEMORY: HTTPStatus.BAD_REQUEST,
    Why.SIZE: HTTPStatus.BAD_REQUEST,
    Why.TIME: HTTPStatus.GATEWAY_TIMEOUT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A job, and the versions that it reads."""

    job: Job
    state: TableState
    """The newest of the events' table."""
    versions: dict[str, int]
    """Table as the query names it -> version."""


def checked(sql: str) -> versions.Reading:
    """A text that is one query over known tables; raises RefusedQuery or UnreadQuery."""
    reading = versions.read(sql)
    guard.check(reading.sql, reading.pins)
    return reading


def prepared(
    services: Services,
    application: Application,
    sql: str,
    mode: Mode,
    *,
    rows: int,
    seconds: float | None = None,
    keep: int = 0,
) -> Prepared:
    """The job for a text; raises a Problem where it is refused, or where a table or version is not there."""
    unread = ""
    try:
        reading = versions.read(sql)
    except RefusedQuery as error:
        raise bad_sql(HTTPStatus.BAD_REQUEST, str(error)) from None
    try:
        guard.check(reading.sql, reading.pins)
    except UnreadQuery as error:
        unread = str(error)
    except RefusedQuery as error:
        raise bad_sql(HTTPStatus.BAD_REQUEST, str(error)) from None
    tables = services.tables[application.name]
    newest = state_of(tables[TABLE])
    states = {name: state_of(tables[name]) for name in guard.named_tables(reading.rest)}
    found = {name: (tables[name], state) for name, state in states.items()}
    for name, pin in reading.pins.items():
        found[name] = (tables[pin.table], _pinned(tables[pin.table], pin))
    limits = services.settings.serving
    job = Job(
        sql=reading.sql,
        mode=mode,
        tables={name: _source(application, table, state) for name, (table, state) in found.items()},
        rows=rows,
        keep=keep,
        answer_bytes=ANSWER_BYTES,
        unread=unread,
        seconds=seconds or limits.sql_seconds,
        memory_mib=limits.sql_memory_mib,
        threads=THREADS,
    )
    read = {_named(name, reading.pins): state.version for name, (_, state) in found.items()}
    return Prepared(job=job, state=newest, versions=read)


def _named(name: str, pins: dict[str, versions.Pin]) -> str:
    """How an answer calls a table: like the query did."""
    pin = pins.get(name)
    if pin is None:
        return name
    if pin.time is None:
        return f"{pin.table} AS OF VERSION {pin.version}"
    return f"{pin.table} AS OF TIMESTAMP '{pin.time.isoformat().replace('+00:00', 'Z')}'"


def _pinned(table: LakeTable, pin: versions.Pin) -> TableState:
    from deltalake.exceptions import DeltaError

    try:
        return table.at(pin.version) if pin.version is not None else table.as_of(_time(pin))
    except NoTable as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from None
    except NoVersion as error:
        raise bad_sql(HTTPStatus.BAD_REQUEST, str(error)) from None
    except (DeltaError, OSError) as error:
        raise _away(error) from error


def _time(pin: versions.Pin) -> datetime:
    if pin.time is None:
        raise ValueError(f"{pin} has neither a version nor a time")
    return pin.time


def state_of(table: LakeTable) -> TableState:
    """The newest version of a table; raises a Problem where there is none, or no lake."""
    from deltalake.exceptions import DeltaError

    try:
        return table.current()
    except NoTable as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from None
    except (DeltaError, OSError) as error:
        raise _away(error) from error


def _away(error: Exception) -> Problem:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"the lake is away: {type(error).__name__}")


def _source(application: Application, table: LakeTable, state: TableState) -> Source:
    described = {one.name: one.type for one in columns(application, table.spec)}
    return Source(files=list(state.files), columns=described)


@contextmanager
def told_plainly(stop: Stop) -> Iterator[None]:
    """What workers raise, as the problem that the caller reads."""
    try:
        yield
    except Busy as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers={"retry-after": "1"}) from None
    except AlreadyRuns as error:
        raise Problem(HTTPStatus.CONFLICT, str(error), [FieldError("query_id", str(error))]) from None
    except Cancelled:
        if stop.by_caller:
            raise Problem(HTTPStatus.CONFLICT, "the query was stopped, as its caller asked") from None
        raise Problem(HTTPStatus.GATEWAY_TIMEOUT, "the caller hung up: the query was stopped") from None


def failed(failure: Failure) -> Problem:
    """A failure of a worker as a problem."""
    return bad_sql(_STATUS[failure.why], failure.detail)


def bad_sql(status: HTTPStatus, detail: str) -> Problem:
    """A problem with the text of the query."""
    return Problem(status, detail, [FieldError("sql", detail)])
