"""The job's own process: `python -m batch.work DESCRIPTOR`, started by the worker, never by hand.

worker -> id of a job -> request from Redis, decoded by its declared shape -> the function of its kind
       -> report, log lines -> Redis; "done" -> worker

Only here are the heavy libraries imported. What is run is chosen from `KINDS` by the type of the request:
no name that stands in Redis is ever looked up.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from batch.progress import Progress, Stopped
from batch.reporting import Reporter
from core import jobs
from core.batch import Diagnose, DriftReport, Evaluate, JobReport, JobState, Request, Train
from core.connect import redis as redis_connect
from core.diagnostics.shapes import Result
from core.settings import Settings, settings
from core.telemetry import configure

if TYPE_CHECKING:
    from redis import Redis

log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")

DONE = b"done\n"
"""Told to the worker after each job, whatever became of it."""

NICE = 5
"""The live models go first."""

KILLED_FIRST = "500"
"""Out of 1000: what Linux ends when the machine runs out of memory."""

Work = Callable[[Settings, Any, Progress, JobReport], dict[str, Any]]

Kinds = Mapping[type[Any], Work]


def _of(module: str, function: str, **options: Callable[[JobReport], Any]) -> Work:
    """A function of a module that is imported when it is needed: each kind needs other libraries.

    options: what it is told of the job beside the request.
    """

    def work(settings: Settings, request: Any, progress: Progress, report: JobReport) -> dict[str, Any]:
        told = {name: option(report) for name, option in options.items()}
        found = getattr(import_module(module), function)(settings, request, progress, **told)
        return found if isinstance(found, dict) else summary(found)

    return work


def summary(found: Result) -> dict[str, Any]:
    """What the report says of a diagnostic; the result itself lies where the API looks for it."""
    return {"diagnostic": found.diagnostic, "run_id": found.run_id, "seconds": found.seconds}


KINDS: Kinds = {
    Train: _of("batch.train", "train", job=lambda report: report.id),
    Evaluate: _of("batch.evaluate", "evaluate"),
    Diagnose: _of("batch.diagnose", "diagnose"),
    DriftReport: _of("batch.drift", "report"),
}


def run(settings: Settings, redis: Redis, job: str, kinds: Kinds = KINDS) -> None:
    """Does a job that a worker has begun, and reports its end; whatever goes wrong is the job's failure."""
    report = jobs.stored(redis, job)
    if report is None or report.state is not JobState.RUNNING:
        return  # stopped before this process could begin
    structlog.contextvars.bind_contextvars(job=job, kind=report.kind, application=report.application)
    with Reporter(redis, report) as reporter:
        try:
            _perform(settings, report, reporter, kinds)
        except Stopped:
            log.info("job stopped")
        except MemoryError:
            log.exception("job failed")
            reporter.fail(
                f"it needs more than {settings.batch.job_memory_mib} MiB (MILLRACE_BATCH__JOB_MEMORY_MIB): "
                "take fewer rows"
            )
        except Exception as error:
            log.exception("job failed")
            reporter.fail(told(error))
    structlog.contextvars.clear_contextvars()


def _perform(settings: Settings, report: JobReport, reporter: Reporter, kinds: Kinds) -> None:
    request: Request = jobs.request_of(report)
    log.info("job begins", request=report.request, attempt=report.attempt)
    reporter.finish(kinds[type(request)](settings, request, reporter, report))
    log.info("job finished")


def told(error: Exception) -> str:
    """An error for a person: what our own code says as it says it, anything else with its type."""
    kind = type(error)
    ours = kind.__module__.partition(".")[0] in ("batch", "core", "models")
    text = str(error.args[0]) if ours and len(error.args) == 1 else str(error)
    return text if ours and text else f"{kind.__name__}: {text or 'no more is known'}"


def main(kinds: Kinds = KINDS) -> None:
    """Does one job after the other for the worker behind the descriptor, until that hangs up."""
    found = settings()
    configure("batch", found.log_level)
    yield_to_others()
    with socket.socket(fileno=int(sys.argv[1])) as worker:
        threading.Thread(target=_end_with, args=(worker,), daemon=True).start()
        with redis_connect.client(found.redis.url) as redis:
            for line in worker.makefile("r"):
                run(found, redis, line.strip(), kinds)
                worker.sendall(DONE)


def yield_to_others() -> None:
    """The machine's time and memory go to the live parts first."""
    os.nice(NICE)
    with suppress(OSError):  # not Linux
        Path("/proc/self/oom_score_adj").write_text(KILLED_FIRST)


def _end_with(worker: socket.socket) -> None:
    """Ends this process with its worker, in the middle of whatever it does: another one takes the job up."""
    poll = select.poll()
    poll.register(worker, 0)  # woken by the hang-up alone, not by the next job
    poll.poll()
    os._exit(0)


if __name__ == "__main__":
    main()
