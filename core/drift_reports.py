"""The drift reports of an application, kept in Redis: the newest ones, over restarts of whoever reads them.

batch worker, API: keep -> reports (zlib JSON), summaries, reference, the latest -> listed, read, latest
"""

from __future__ import annotations

import re
import secrets
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from core import names
from core.batch import DriftSource
from core.drift import DriftFound, DriftReference, ReportSummary, summary

if TYPE_CHECKING:
    from redis import Redis

MOST_REPORTS = 100
"""Of an application; older ones go. One takes about 10 kB."""

REPORT_ID = re.compile(r"\d{8}T\d{6}\d{3}-[0-9a-f]{6}")


class NoReport(LookupError):
    """There is no such report, or newer ones took its place."""


def fresh_id() -> str:
    """A new id: UTC time to the millisecond, and chance. Ids sort by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"[:-3] + f"-{secrets.token_hex(3)}"


def keep(redis: Redis, found: DriftFound, reference: DriftReference | None = None) -> None:
    """Stores a report under its id, as the latest of the application where it is of the table."""
    name = found.application
    whole, short = names.drift_reports_key(name), names.drift_summaries_key(name)
    body = msgspec.json.encode(found)
    with redis.pipeline() as pipe:
        pipe.hset(whole, found.id, zlib.compress(body))
        pipe.hset(short, found.id, msgspec.json.encode(summary(found)))
        if found.source == DriftSource.TABLE:
            pipe.set(names.drift_report_key(name), body)
        if reference is not None:
            pipe.set(names.drift_reference_key(name), msgspec.json.encode(reference))
        pipe.hkeys(short)
        ids: Any = pipe.execute()[-1]
    old = sorted(ids)[:-MOST_REPORTS]
    if old:
        with redis.pipeline() as pipe:
            pipe.hdel(whole, *old)
            pipe.hdel(short, *old)
            pipe.execute()


def listed(redis: Redis, application: str) -> list[ReportSummary]:
    """The kept reports in short, newest first."""
    found: Any = redis.hvals(names.drift_summaries_key(application))
    short = [msgspec.json.decode(one, type=ReportSummary) for one in found]
    return sorted(short, key=lambda one: one.id, reverse=True)


def by_source(kept: Iterable[ReportSummary]) -> dict[str, ReportSummary]:
    """The first of each source; kept: newest first."""
    found: dict[str, ReportSummary] = {}
    for one in kept:
        found.setdefault(one.source, one)
    return found


def read(redis: Redis, application: str, report: str) -> DriftFound:
    """A kept report; raises NoReport."""
    known = REPORT_ID.fullmatch(report) is not None
    stored: Any = redis.hget(names.drift_reports_key(application), report) if known else None
    if stored is None:
        raise NoReport(f"no report {report!r} of {application}; its newest {MOST_REPORTS} are kept")
    return msgspec.json.decode(zlib.decompress(stored), type=DriftFound)


def reference(redis: Redis, application: str) -> DriftReference | None:
    """What records are compared with; None before the first report."""
    stored: Any = redis.get(names.drift_reference_key(application))
    return None if stored is None else msgspec.json.decode(stored, type=DriftReference)
