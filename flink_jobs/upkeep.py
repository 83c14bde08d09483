"""Keeps the Delta tables small to list and quick to read, beside the job that commits to them.

    every few minutes, table by table: compact -> checkpoint of the log -> vacuum (now and then) -> report

A commit every two seconds leaves one file each: 43,200 a day. Compaction joins those since the last round
with the youngest joined file, up to RECENT_BYTES; files of that size are left alone until the day is over,
then joined again, up to OLD_BYTES. So a round rewrites little, and a table holds one file per RECENT_BYTES
of the day, plus what came since the last round. Compaction takes no row and adds none, and an append never
conflicts with it; where two rewrites meet, the later one looks again.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import TypeVar

import msgspec
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from structlog.stdlib import BoundLogger
from tenacity import (
    before_sleep_log,
    retry,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from core.applications import APPLICATIONS
from core.connect import redis as redis_connect
from core.names import EVENT_DATE, table_path, upkeep_key
from core.records import TableFigures, UpkeepReport
from core.schemas import TABLES
from core.settings import Settings

RECENT_BYTES = 4 * 2**20
OLD_BYTES = 64 * 2**20
OLD_AFTER = timedelta(days=1)
"""A day that ended this long ago gets few rows any more."""

VACUUM_SECONDS = 3600.0
"""It lists every file of a table, and removed files wait for a day anyway."""

ATTEMPTS = 6

_log = logging.getLogger("millrace.upkeep")

T = TypeVar("T")


def patiently(work: Callable[[], T]) -> T:
    """The result of `work`, done again when another writer won; raises CommitFailedError in the end."""
    again = retry(
        retry=retry_if_exception_type(CommitFailedError),
        wait=wait_random_exponential(multiplier=0.1, max=3),
        stop=stop_after_attempt(ATTEMPTS),
        before_sleep=before_sleep_log(_log, logging.WARNING),
        reraise=True,
    )
    return again(work)()


def compact(uri: str, now: datetime) -> tuple[int, int]:
    """Joins small files; returns how many were removed and how many took their place."""
    border = str((now - OLD_AFTER).date())
    removed = added = 0
    for sign, size in ((">=", RECENT_BYTES), ("<", OLD_BYTES)):
        days = [(EVENT_DATE, sign, border)]

        def join(days: list[tuple[str, str, str]] = days, size: int = size) -> dict[str, int]:
            # A table that was just opened: what another writer did meanwhile is part of it.
            found: dict[str, int] = DeltaTable(uri).optimize.compact(
                partition_filters=days, target_size=size, max_concurrent_tasks=1
            )
            return found

        done = patiently(join)
        removed += done["numFilesRemoved"]
        added += done["numFilesAdded"]
    return removed, added


def checkpoint(uri: str) -> None:
    """Writes the table's state as one file of the log, and drops log entries past their retention."""
    table = DeltaTable(uri)
    table.create_checkpoint()
    table.cleanup_metadata()


def vacuum(uri: str, hours: int) -> int:
    """Deletes files that no version of the last `hours` (at least 24) needs; returns how many."""
    return len(patiently(lambda: DeltaTable(uri).vacuum(retention_hours=hours, dry_run=False)))


def figures(uri: str) -> TableFigures:
    """How large a table is now."""
    table = DeltaTable(uri)
    actions = table.get_add_actions(flatten=True)
    sizes, counts = (actions[name].to_pylist() for name in ("size_bytes", "num_records"))
    return TableFigures(
        version=table.version(),
        files=len(sizes),
        bytes=sum(int(size) for size in sizes),
        rows=sum(int(count or 0) for count in counts),
    )


@dataclass(slots=True)
class Upkeep:
    """Tends all tables of a lake, round by round, until it is told to stop."""

    settings: Settings
    log: BoundLogger
    _vacuumed: dict[str, float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Blocks until SIGTERM or SIGINT; the step under way is finished first."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told)
        pause = self.settings.lake.upkeep_minutes * 60
        # The first round soon: after a start there may be a day of small files.
        while not self._stop.wait(min(pause, 20)):
            self._publish(self.round())
            if self._stop.wait(max(0.0, pause - 20)):
                break

    def _told(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def round(self) -> UpkeepReport:
        """Tends every table once. One that fails is told in the report, and does not keep the others."""
        began, tables, errors = time.monotonic(), {}, {}
        for name in APPLICATIONS:
            for spec in TABLES:
                path = table_path(name, spec.table)
                if self._stop.is_set():
                    break
                try:
                    tables[path] = self._tend(path)
                except TableNotFoundError:
                    continue  # not made yet
                except (DeltaError, OSError) as error:
                    errors[path] = f"{type(error).__name__}: {error}"
                    self.log.error("upkeep failed", table=path, error=errors[path])
        seconds = round(time.monotonic() - began, 3)
        return UpkeepReport(time=datetime.now(UTC), seconds=seconds, tables=tables, errors=errors)

    def _tend(self, path: str) -> TableFigures:
        uri = f"{self.settings.lake_uri}/{path}"
        began = time.monotonic()
        before = figures(uri)
        compacted, joined = compact(uri, datetime.now(UTC))
        checkpoint(uri)
        deleted = 0
        if began - self._vacuumed.get(path, -VACUUM_SECONDS) >= VACUUM_SECONDS:
            deleted = vacuum(uri, self.settings.lake.retention_hours)
            self._vacuumed[path] = began
        after = figures(uri)
        self.log.info(
            "upkeep",
            table=path,
            files_before=before.files,
            files=after.files,
            bytes=after.bytes,
            rows=after.rows,
            version=after.version,
            compacted=compacted,
            into=joined,
            deleted=deleted,
            seconds=round(time.monotonic() - began, 3),
        )
        return after

    def _publish(self, report: UpkeepReport) -> None:
        from redis.exceptions import RedisError

        try:
            with redis_connect.client(self.settings.redis.url) as redis:
                redis.set(upkeep_key(), msgspec.json.encode(report))
        except (RedisError, OSError) as error:
            self.log.warning("the report of the upkeep could not be stored", error=str(error))
