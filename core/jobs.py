"""Jobs of the batch worker: asked for, looked at, stopped. Everything of a job lies in Redis.

submit -> report (JSON) + queue (rq) -> batch worker -> report, log lines -> read, latest, lines
stop -> the report says so, for good -> the worker ends the job's process

A report changes only by `change`, which compares before it sets: what has ended stays ended, and a
process that lost its job can no longer write to it.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from core import names
from core.batch import Diagnose, DriftReport, JobLine, JobReport, JobState, Request, Stage

if TYPE_CHECKING:
    from redis import Redis
    from redis.client import Pipeline
    from rq import Queue

KEPT_SECONDS = 7 * 86_400
"""How long a job is told of after the last change."""

KEPT_LINES = 2_000
"""Lines of a job's log; older ones go."""

MOST_JOBS = 200
"""Jobs of an application that are listed; older ones go."""

JOB_ID = re.compile(r"[0-9a-f]{16}")

ENDED = frozenset({JobState.FINISHED, JobState.FAILED, JobState.STOPPED})

SHORT = frozenset(str(kind.__struct_config__.tag) for kind in (Diagnose, DriftReport))
"""The kinds of jobs that take seconds."""

FUNCTION = "batch.work.run"
"""What the queue calls every job; the worker refuses all others, and never looks a name up."""

MOST_RETURNS = 100
"""How often rq puts a job back into the queue; `core.jobs` ends it long before, by `MOST_ATTEMPTS`."""

MOST_ATTEMPTS = 3
"""A job whose process died so often is given up."""

STOP_SECONDS = 2.0
"""How long `stop` waits for the worker to end the job's process."""


class NoJob(LookupError):
    """There is no such job, or it was too long ago."""


def submit(redis: Redis, request: Request) -> JobReport:
    """Puts a request into the queue of its kind, and returns the job."""
    from rq import Retry

    asked = msgspec.to_builtins(request)
    report = JobReport(
        id=secrets.token_hex(8),
        application=request.application,
        kind=asked.pop("kind"),
        request=asked,
        state=JobState.QUEUED,
        stage=Stage.QUEUED,
        percent=0,
        made=datetime.now(UTC),
    )
    line = queue(redis, queue_of(report.kind))
    line.get_redis_server_version()  # rq would ask in the middle of the transaction
    with redis.pipeline() as pipe:
        line.enqueue_call(
            FUNCTION,
            args=(report.id,),
            job_id=report.id,
            timeout=-1,  # the worker's own limit holds, and gives a reason
            result_ttl=0,
            failure_ttl=0,
            retry=Retry(max=MOST_RETURNS, enqueue_at_front=True),
            description=f"{report.kind} {report.application}",
            pipeline=pipe,
        )
        pipe.set(names.job_key(report.id), msgspec.json.encode(report), ex=KEPT_SECONDS)
        mine = names.jobs_key(request.application)
        pipe.zadd(mine, {report.id: report.made.timestamp()})
        pipe.zremrangebyrank(mine, 0, -MOST_JOBS - 1)
        pipe.execute()
    return report


def queue_of(kind: str) -> str:
    """Diagnostics take seconds, trainings minutes: each kind waits only for its like."""
    return names.DIAGNOSTICS_QUEUE if kind in SHORT else names.BATCH_QUEUE


def queue(redis: Redis, name: str) -> Queue:
    """rq's queue. What lies in it is JSON: nobody who writes to Redis has code run by it."""
    from rq import Queue
    from rq.serializers import JSONSerializer

    return Queue(name, connection=redis, serializer=JSONSerializer)


def request_of(report: JobReport) -> Request:
    """What was asked for; raises msgspec.ValidationError with what is wrong with it."""
    return msgspec.convert({**report.request, "kind": report.kind}, Request)  # type: ignore[no-any-return]


def read(redis: Redis, job: str) -> JobReport:
    """A job as it stands; raises NoJob."""
    known = JOB_ID.fullmatch(job) is not None
    written, alive = _mget(redis, names.job_key(job), names.job_alive_key(job)) if known else (None, None)
    if written is None:
        raise NoJob(f"no job {job!r}; jobs are told of for {KEPT_SECONDS // 86_400} days")
    return _as_it_stands(written, alive)


def stored(redis: Redis, job: str) -> JobReport | None:
    """A job's report as it was written last, whether or not anybody has the job in hand."""
    found: Any = redis.get(names.job_key(job))
    return None if found is None else msgspec.json.decode(found, type=JobReport)


def latest(redis: Redis, applications: Iterable[str], most: int) -> list[JobReport]:
    """The newest jobs of some applications, newest first."""
    with redis.pipeline(transaction=False) as pipe:
        for name in applications:
            pipe.zrange(names.jobs_key(name), 0, most - 1, desc=True, withscores=True)
        made = {job.decode(): at for mine in pipe.execute() for job, at in mine}
    ids = sorted(made, key=lambda job: made[job], reverse=True)[:most]
    if not ids:
        return []
    reports = _mget(redis, *map(names.job_key, ids))
    alive = _mget(redis, *map(names.job_alive_key, ids))
    pairs = zip(reports, alive, strict=True)
    return [_as_it_stands(written, mark) for written, mark in pairs if written is not None]


def slots(redis: Redis) -> int:
    """How many jobs the worker could do at the same time; 0 when none runs."""
    found: Any = redis.get(names.batch_workers_key())
    return int(found or 0)


def lines(redis: Redis, job: str, after: str = "") -> tuple[list[JobLine], str]:
    """The lines of a job's log behind a position, and the position behind these; "" is the beginning.

    Raises ValueError when `after` is no position.
    """
    from redis.exceptions import ResponseError

    try:
        entries: Any = redis.xrange(names.job_log_key(job), min=f"({after}" if after else "-")
    except ResponseError:
        raise ValueError(
            f"after={after!r} is no position in a log: take `last` of the answer before"
        ) from None
    last = entries[-1][0].decode() if entries else after
    return [msgspec.json.decode(fields[b"line"], type=JobLine) for _, fields in entries], last


def write_lines(redis: Redis, job: str, told: Iterable[JobLine]) -> None:
    """Appends to a job's log, which keeps the newest lines."""
    key = names.job_log_key(job)
    with redis.pipeline() as pipe:
        for line in told:
            pipe.xadd(key, {"line": msgspec.json.encode(line)}, maxlen=KEPT_LINES, approximate=False)
        pipe.expire(key, KEPT_SECONDS)
        pipe.execute()


def stop(redis: Redis, job: str) -> JobReport:
    """Ends a job wherever it stands, and returns it; one that has ended stays as it is. Raises NoJob.

    From then on the report can't change. The worker ends the process within a fraction of a second, in
    the middle of whatever it computes; this waits for it for `STOP_SECONDS` at most.
    """
    report = read(redis, job)
    if report.state in ENDED:
        return report

    def stopped(now: JobReport) -> JobReport | None:
        ended = datetime.now(UTC)
        return None if now.state in ENDED else replaced(now, state=JobState.STOPPED, ended=ended)

    change(redis, job, stopped)
    _drop(redis, report)
    until = time.monotonic() + STOP_SECONDS
    while redis.exists(names.job_alive_key(job)) and time.monotonic() < until:
        time.sleep(0.02)
    return read(redis, job)


def change(redis: Redis, job: str, update: Callable[[JobReport], JobReport | None]) -> JobReport | None:
    """Replaces a report by what `update` makes of it, unless somebody else changed it meanwhile: then again.

    None when `update` says so, or when there is no such job: nothing was changed.
    """
    key, made = names.job_key(job), None

    def step(pipe: Pipeline) -> None:
        nonlocal made
        written: Any = pipe.get(key)
        made = None if written is None else update(msgspec.json.decode(written, type=JobReport))
        pipe.multi()
        if made is not None:
            pipe.set(key, msgspec.json.encode(made), ex=KEPT_SECONDS)

    redis.transaction(step, key)
    return made


def replaced(report: JobReport, **changes: Any) -> JobReport:
    """The report with some fields changed."""
    return msgspec.structs.replace(report, **changes)


def _mget(redis: Redis, *keys: str) -> list[Any]:
    found: list[Any] = redis.mget(keys)
    return found


def _as_it_stands(written: bytes, alive: bytes | None) -> JobReport:
    """A job that nobody has in hand doesn't run, whatever its report says: it waits to be taken up again."""
    report = msgspec.json.decode(written, type=JobReport)
    if report.state is JobState.RUNNING and alive is None:
        return replaced(report, state=JobState.QUEUED, stage=Stage.QUEUED, percent=0)
    return report


def _drop(redis: Redis, report: JobReport) -> None:
    """Takes a job out of its queue, should it still be there."""
    from rq.job import Job

    if queue(redis, queue_of(report.kind)).remove(report.id):
        redis.delete(Job.key_for(report.id))
