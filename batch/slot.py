"""One slot of the batch worker: takes jobs from a queue, has each done in another process, watches over it.

queue -> Slot -> Process -> done | died | too much memory | too much time | stopped -> report, queue

rq gives the queue, the registry of what is in hand, and the return of jobs whose worker has died. Its own way
of doing a job (look up a function by the name that stands in Redis, call it) is not used at all: a job is its
id, and `batch.work` chooses what is done by the type of the request. Commands over pub/sub are off as well.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

import httpx
import structlog
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.exceptions import DeserializationError, NoSuchJobError, StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.registry import clean_registries
from rq.serializers import JSONSerializer
from rq.utils import now as rq_now
from rq.worker import WorkerStatus
from rq.worker_registration import clean_worker_registry

from batch import left_over
from batch.process import Process
from core import jobs, names
from core.batch import JobLine, JobReport, JobState, Stage, Train
from core.connect.mlflow import Mlflow
from core.settings import Settings

if TYPE_CHECKING:
    from redis import Redis

log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")

LOOK_SECONDS = 0.2
"""How often a running job is looked at: stopped? how much memory?"""

HEARTBEAT_SECONDS = 1.0

LOST_SECONDS = 10
"""A job that was not heard of for so long has lost its worker."""

SWEEP_SECONDS = 2
"""How often an idle slot looks for such jobs."""

IDLE_SECONDS = 120.0
"""How long the process of short jobs is kept for the next one: libraries take seconds to import."""

TRAINING = Train.__struct_config__.tag
"""The kind of job that writes a run."""

MLFLOW_SECONDS = 2.0

MOST_JOBS = 100
"""Jobs that one process does at most."""

START_SECONDS = 30.0
"""What a diagnostic gets beside its own time limit: imports, the run's model and rows."""


_UNREADABLE = (DeserializationError, ValueError, TypeError, LookupError, AttributeError, AssertionError)
"""What rq raises over a hash that is not a job's."""


class GuardedJob(Job):
    """rq's job without all that would make a worker call, fetch or enqueue what stands in Redis."""

    @classmethod
    def fetch(cls, id: str, connection: Redis | None = None, serializer: Any = None) -> Self:  # noqa: A002
        """As rq's; one that `core.jobs.submit` has not made does not exist. Raises NoSuchJobError."""
        try:
            job: Self = super().fetch(id, connection, serializer)  # type: ignore[assignment]
            said = (job.func_name, job.instance, job.args, job.kwargs)
        except _UNREADABLE as error:
            log.warning("an unreadable job is refused", job=id, error=f"{type(error).__name__}: {error}")
            raise NoSuchJobError(id) from None
        if said != (jobs.FUNCTION, None, [job.id], {}):
            log.warning("a job that core.jobs has not made is refused", job=id)
            raise NoSuchJobError(id)
        return job

    def restore(self, raw_data: Any) -> Any:
        """As rq's, without callbacks, webhooks, dependents, groups, repeats and rate limits."""
        super().restore(raw_data)
        self._success_callback_name = self._failure_callback_name = self._stopped_callback_name = None
        self.webhooks = []
        self._dependency_ids = []
        self.group_id = self.repeats_left = self.rate_limit_key = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a job may take."""

    memory_mib: float
    seconds: float

    @classmethod
    def of(cls, settings: Settings, kind: str) -> Limits:
        """Those of a kind of job."""
        batch = settings.batch
        seconds = batch.job_minutes * 60
        if kind == "diagnose":
            seconds = min(seconds, batch.diagnostic_seconds + START_SECONDS)
        return cls(batch.job_memory_mib, seconds)

    def exceeded(self, memory_mib: float, seconds: float) -> str:
        """Why a job that took so much is ended; empty while it may go on."""
        if memory_mib > self.memory_mib:
            limit = f"{self.memory_mib:.0f} MiB (MILLRACE_BATCH__JOB_MEMORY_MIB)"
            return f"it needs more than {limit}: take fewer rows"
        if seconds > self.seconds:
            return f"it was ended after {self.seconds:.0f} s, its time limit"
        return ""


class Slot(Worker):
    """rq's worker with a process of our own for each job."""

    job_class = GuardedJob

    def __init__(self, settings: Settings, redis: Redis, queue: str, command: list[str]) -> None:
        super().__init__(
            [Queue(queue, connection=redis, job_class=GuardedJob, serializer=JSONSerializer)],
            connection=redis,
            serializer=JSONSerializer,
            job_class=GuardedJob,
            exception_handlers=[self._abandoned],
            maintenance_interval=1,
            worker_ttl=15 + SWEEP_SECONDS,  # rq waits for a job for this minus 15 s, then looks around
            log_job_description=False,
        )
        self._settings = settings
        self._command = command
        self._idle_seconds = IDLE_SECONDS if queue == names.DIAGNOSTICS_QUEUE else 0.0
        self._process: Process | None = None
        self._done = 0
        self._free_since = time.monotonic()
        self._parent = os.getppid()

    # What rq does on start, in its idle loop, and at the end.

    def bootstrap(self, *args: Any, **kwargs: Any) -> None:
        """Makes itself known; logs as the rest of the process does, and listens to no commands."""
        self.register_birth()  # type: ignore[no-untyped-call]
        self.set_state(WorkerStatus.STARTED)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Stops at the next look around: an exception amid a call to Redis could lose the job it brings."""
        self._stop_requested = True

    def run_maintenance_tasks(self) -> None:
        """Between two jobs: stops when asked, ends what nobody needs, takes up what other slots lost."""
        if self._ending:
            raise StopRequested
        if self._process and time.monotonic() - self._free_since > self._idle_seconds:
            self._end_process()
        for queue in self.queues:
            # rq's own lock would bar all others for 15 minutes if its holder died.
            if self.connection.set(queue.registry_cleaning_key, 1, nx=True, ex=SWEEP_SECONDS):
                clean_registries(queue, self._exc_handlers)
                clean_worker_registry(queue)
                queue.intermediate_queue.cleanup(self, queue)
        self.last_cleaned_at = rq_now()  # type: ignore[assignment]

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        """Seconds after which a job that is not heard of is taken up by another slot."""
        return LOST_SECONDS

    def teardown(self) -> None:
        """Ends the process with the slot."""
        self._end_process()
        with suppress(RedisError):
            super().teardown()  # type: ignore[no-untyped-call]

    @property
    def _ending(self) -> bool:
        return self._stop_requested or os.getppid() != self._parent

    # A job.

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Does a job to its end, whichever that is."""
        execution = self.prepare_execution(job)
        self.prepare_job_execution(job, remove_from_intermediate_queue=True)
        report = self._begun(job)
        ended = report is None or self._attend(job, execution, report)
        self.connection.delete(names.job_alive_key(job.id))
        if ended:
            self._close_runs(report)
            self._forget(job, execution)
        else:
            self.handle_job_failure(job, queue, exc_string="to be done again", execution=execution)
        self._free_since = time.monotonic()
        if not self._idle_seconds:
            self._end_process()
        self.set_state(WorkerStatus.IDLE)

    def _close_runs(self, report: JobReport | None) -> None:
        """Ends the run of a training that was killed; where MLflow is away, the next training does."""
        if report is None or report.kind != TRAINING:
            return
        with suppress(httpx.HTTPError), Mlflow(self._settings.mlflow.url, MLFLOW_SECONDS) as mlflow:
            left_over.close(mlflow, report.application, lambda job: job == report.id)

    def _begun(self, job: Job) -> JobReport | None:
        """The report of a job that now runs; None when it is not to be done: stopped, or too long ago."""
        self.connection.set(names.job_alive_key(job.id), self.name, ex=LOST_SECONDS)

        def running(now: JobReport) -> JobReport | None:
            started = datetime.now(UTC)
            begun = jobs.replaced(now, state=JobState.RUNNING, stage=Stage.LOADING, started=started)
            return begun if now.state is JobState.QUEUED else None

        return jobs.change(self.connection, job.id, running)

    def _attend(self, job: Job, execution: Execution, report: JobReport) -> bool:
        """Has the job done and watches over it; False when it is to be done again."""
        limits = Limits.of(self._settings, report.kind)
        process = self._ready_process()
        process.begin(job.id)
        began, heard = time.monotonic(), 0.0
        while True:
            try:
                if process.wait(LOOK_SECONDS):
                    return self._said_done(report)
            except EOFError:
                return self._again(report, f"its process ended: {ending(self._end_process())}")
            if self._ending:
                self._end_process()
                return self._again(report, "the worker ends", counts=False)
            if why := limits.exceeded(process.memory_mib(), time.monotonic() - began):
                self._end_process()
                return self._fail(report, why)
            try:
                if not _same(jobs.stored(self.connection, job.id), report):
                    self._end_process()  # stopped; or lost, and taken up by another slot
                    return True
                if time.monotonic() - heard > HEARTBEAT_SECONDS:
                    self.connection.set(names.job_alive_key(job.id), self.name, ex=LOST_SECONDS)
                    self.maintain_heartbeats(job, execution)
                    heard = time.monotonic()
            except RedisError as error:
                log.warning("a job goes on without Redis", job=job.id, error=str(error))

    def _said_done(self, report: JobReport) -> bool:
        self._done += 1
        if not _same(jobs.stored(self.connection, report.id), report):
            return True
        return self._again(report, "it has ended without a report")

    def _again(self, report: JobReport, why: str, counts: bool = True) -> bool:
        """False: the job waits for its next attempt. True: it ends here, for that was the last one."""

        def update(now: JobReport) -> JobReport | None:
            if not _same(now, report):
                return None
            if counts and now.attempt >= jobs.MOST_ATTEMPTS:
                text = f"given up after {now.attempt} attempts; the last time {why}"
                return jobs.replaced(now, state=JobState.FAILED, ended=datetime.now(UTC), error=text)
            return jobs.replaced(
                now, state=JobState.QUEUED, stage=Stage.QUEUED, percent=0.0, attempt=now.attempt + counts
            )

        made = jobs.change(self.connection, report.id, update)
        if made is not None:
            self._log_line(report, made.error or f"it will be done again: {why}")
        return made is None or made.state is JobState.FAILED

    def _fail(self, report: JobReport, why: str) -> bool:
        def update(now: JobReport) -> JobReport | None:
            failed = jobs.replaced(now, state=JobState.FAILED, ended=datetime.now(UTC), error=why)
            return failed if _same(now, report) else None

        if jobs.change(self.connection, report.id, update):
            self._log_line(report, why)
        return True

    def _abandoned(self, job: Job, *_: Any) -> None:
        """For rq, which puts a job back whose slot has died."""
        report = jobs.stored(self.connection, job.id)
        if report is not None and report.state is JobState.RUNNING:
            self._again(report, "its worker died")

    def _log_line(self, report: JobReport, text: str) -> None:
        log.warning("a job was ended", job=report.id, attempt=report.attempt, why=text)
        jobs.write_lines(self.connection, report.id, [JobLine(at=datetime.now(UTC), text=text)])

    def _forget(self, job: Job, execution: Execution) -> None:
        """Takes the job out of rq; what people see is its report."""
        with self.connection.pipeline() as pipe:
            self.cleanup_execution(job, pipe, execution)
            job.delete(pipe, remove_from_queue=False)
            pipe.execute()

    # Its process.

    def _ready_process(self) -> Process:
        process = self._process
        if process is not None:
            worn = self._done >= MOST_JOBS or process.memory_mib() > self._settings.batch.job_memory_mib / 2
            if process.alive and not worn:
                return process
            self._end_process()
        self._process, self._done = Process(self._command), 0
        return self._process

    def _end_process(self) -> int:
        """Its exit status."""
        process, self._process = self._process, None
        return process.kill() if process else 0


def ending(status: int) -> str:
    """An exit status in words."""
    if status == -signal.SIGKILL:
        return "killed from outside; the machine may have run out of memory"
    return signal.Signals(-status).name if status < 0 else f"status {status}"


def _same(now: JobReport | None, report: JobReport) -> bool:
    """Whether the attempt that was begun with this report is still the one that counts."""
    return now is not None and (now.state, now.attempt) == (JobState.RUNNING, report.attempt)
