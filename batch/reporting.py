"""What a job tells, written to Redis: the report and the lines of the log.

job -> stage, line (memory only) -> each quarter of a second, in a thread -> Redis -> API -> screen

The job itself never waits for Redis, and may call as often as it likes. When the report is no longer the
job's own (somebody stopped it, another worker has taken it up), every call raises Stopped.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec
import structlog

from batch.progress import Stopped
from core import jobs
from core.batch import JobLine, JobReport, JobState, Stage

if TYPE_CHECKING:
    from redis import Redis

log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")

EVERY_SECONDS = 0.25

PATIENCE_SECONDS = 120.0
"""How long the end of a job waits for Redis."""


class Reporter:
    """Progress of one attempt at one job. Use as a context: what was told last is written at its end."""

    def __init__(self, redis: Redis, report: JobReport) -> None:
        self._redis = redis
        self._job, self._attempt = report.id, report.attempt
        self._stage, self._percent = report.stage, report.percent
        self._written = (report.stage, report.percent)
        self._lines: deque[JobLine] = deque(maxlen=jobs.KEPT_LINES)
        self._lost = False
        self._ended = threading.Event()
        self._flushing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self.flush()

    def stage(self, stage: Stage, percent: float) -> None:
        """What is done from now on; `percent` of the whole job lies behind it (0..100)."""
        self._stage, self._percent = stage, min(max(float(percent), 0.0), 100.0)
        self.check()

    def line(self, text: str, **values: float) -> None:
        """A line of the live log, with its numbers by name."""
        plain = {name: float(value) for name, value in values.items()}
        self._lines.append(JobLine(at=datetime.now(UTC), text=text, values=plain))
        self.check()

    def check(self) -> None:
        """Raises Stopped when the job is no longer this process's."""
        if self._lost:
            raise Stopped

    def finish(self, result: dict[str, Any]) -> None:
        """The job is done; raises TypeError when the result is not plain data."""
        plain = msgspec.to_builtins(result)
        msgspec.json.encode(plain)
        self._end(state=JobState.FINISHED, stage=Stage.DONE, percent=100.0, result=plain)

    def fail(self, error: str) -> None:
        """The job can't be done, and why, for a person; the report keeps the stage at which that was."""
        self.line(error)
        self._end(state=JobState.FAILED, stage=self._stage, percent=self._percent, error=error)

    def flush(self) -> None:
        """Writes what is new."""
        with self._flushing:
            self._write_lines()
            now = self._stage, self._percent
            if now != self._written:
                self._change(stage=now[0], percent=now[1])
                self._written = now
            elif not self._mine(jobs.stored(self._redis, self._job)):
                self._lost = True

    def _write_lines(self) -> None:
        from redis.exceptions import RedisError

        told = [self._lines.popleft() for _ in range(len(self._lines))]
        if not told or self._lost:
            return
        try:
            jobs.write_lines(self._redis, self._job, told)
        except RedisError:
            self._lines.extendleft(reversed(told))
            raise

    def _run(self) -> None:
        from redis.exceptions import RedisError

        while not self._ended.wait(EVERY_SECONDS):
            try:
                self.flush()
            except RedisError as error:
                log.warning("a job's report waits for Redis", job=self._job, error=str(error))

    def _end(self, **changes: Any) -> None:
        """Writes the end, and waits for Redis: an hour's work must not be lost for a minute's outage."""
        from redis.exceptions import RedisError

        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self.flush()
                self._change(ended=datetime.now(UTC), **changes)
                break
            except RedisError:
                if time.monotonic() > until:
                    raise
                time.sleep(1)
        self._stage, self._percent = self._written = (changes["stage"], changes["percent"])

    def _change(self, **changes: Any) -> None:
        made = jobs.change(
            self._redis, self._job, lambda now: jobs.replaced(now, **changes) if self._mine(now) else None
        )
        self._lost = self._lost or made is None

    def _mine(self, report: JobReport | None) -> bool:
        return report is not None and (report.state, report.attempt) == (JobState.RUNNING, self._attempt)
