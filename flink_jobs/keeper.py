"""Keeps the jobs running: looks at the cluster every few seconds and submits what is missing.

    REST overview -> decide, per job -> nothing | wait | submit from the newest checkpoint

The cluster restarts tasks by itself; the keeper is for what the cluster forgets: every job when the
JobManager starts anew, and a job that has FAILED. Ending the keeper leaves the jobs as they are.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

import httpx
from structlog.stdlib import BoundLogger

from core.names import Job
from core.settings import Settings
from flink_jobs.checkpoints import job_id, newest, remove, settled, superseded, used
from flink_jobs.cluster import Cluster, JobView, Slots
from flink_jobs.submit import Submission, command, flink_home

LOOK_SECONDS = 2.0
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 60.0
STEADY_SECONDS = 60.0
"""A job that ran this long has earned a fresh start: the next failure counts as the first."""

STARVED_SECONDS = 30.0
"""Tasks that wait longer for a slot are an error worth a line, and again every so often."""


@dataclass(frozen=True, slots=True)
class Submit:
    """Submit the job, from its newest checkpoint."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing until the monotonic clock reads `until`."""

    until: float


@dataclass(slots=True)
class Memory:
    """What the keeper remembers of one job between two looks."""

    failures: int = 0
    """Submissions that failed and runs that ended, in a row."""
    not_before: float = 0.0
    running_since: float | None = None
    waiting_since: float | None = None
    ended: set[str] = field(default_factory=set)
    """Ids of runs that have ended: Flink takes them no more."""


def pause(failures: int) -> float:
    """Seconds to wait after so many failures in a row: 2, 4, 8, ... 60."""
    return float(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(max(0, failures - 1), 10)))


def decide(job: Job, views: Sequence[JobView], memory: Memory, now: float) -> Submit | Wait | None:
    """What to do about one job, given what the cluster lists. Changes `memory`, touches nothing else."""
    mine = [view for view in views if view.name == job]
    alive = next((view for view in mine if view.alive), None)
    fresh = {view.jid for view in mine if not view.alive} - memory.ended
    memory.ended |= fresh
    if alive:
        _observe(alive, memory, now)
        return None
    memory.running_since = memory.waiting_since = None
    if fresh:
        fail(memory, now)
    if now < memory.not_before:
        return Wait(memory.not_before)
    return Submit()


def fail(memory: Memory, now: float) -> None:
    """Counts a failure and puts the next try off."""
    memory.failures += 1
    memory.not_before = now + pause(memory.failures)


def _observe(view: JobView, memory: Memory, now: float) -> None:
    if view.state != "RUNNING":
        memory.running_since = None
    elif memory.running_since is None:
        memory.running_since = now
    elif now - memory.running_since > STEADY_SECONDS:
        memory.failures = 0
    if not view.tasks.waiting:
        memory.waiting_since = None
    elif memory.waiting_since is None:
        memory.waiting_since = now


def starved(memory: Memory, now: float) -> float | None:
    """Seconds that a job has waited for slots, when that is worth a line; starts the next wait."""
    if memory.waiting_since is None or now - memory.waiting_since < STARVED_SECONDS:
        return None
    waited, memory.waiting_since = now - memory.waiting_since, now
    return waited


class Keeper:
    """The loop around `decide`."""

    def __init__(self, settings: Settings, cluster: Cluster, log: BoundLogger) -> None:
        self._settings = settings
        self._cluster = cluster
        self._log = log
        self._home = flink_home()
        self._jobs = settings.flink.kept_jobs
        self._memory = {job: Memory() for job in self._jobs}
        self._submissions: dict[Job, Submission] = {}
        self._states: dict[Job, str] = {}
        self._tidied: dict[Job, str] = {}
        self._unreachable = False
        self._stop = threading.Event()

    def run(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Looks after the jobs until SIGTERM or SIGINT, and leaves them running."""
        for kind in (signal.SIGTERM, signal.SIGINT):
            signal.signal(kind, self._on_signal)
        self._log.info(
            "keeper started",
            cluster=str(self._cluster.client.base_url),
            jobs=[str(job) for job in self._jobs],
        )
        try:
            while not self._stop.is_set():
                self.look(clock())
                self._stop.wait(LOOK_SECONDS)
        finally:
            for job, submission in self._submissions.items():
                self._log.info("submission given up", job=job)
                submission.stop()
        self._log.info("keeper ended; the jobs go on")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def look(self, now: float) -> None:
        """One round: collect what was submitted, ask the cluster, act."""
        for job in list(self._submissions):
            self._collect(job, now)
        try:
            views = self._cluster.jobs()
        except httpx.HTTPError as error:
            if not self._unreachable:
                self._log.warning(
                    "waiting for Flink", cluster=str(self._cluster.client.base_url), error=str(error)
                )
            self._unreachable = True
            return
        if self._unreachable:
            self._log.info("Flink answers")
            self._unreachable = False
        for job in self._jobs:
            if job not in self._submissions:
                self._tend(job, views, now)

    def _tend(self, job: Job, views: Sequence[JobView], now: float) -> None:
        memory = self._memory[job]
        self._report(job, views)
        decision = decide(job, views, memory, now)
        # One at a time: two clients would share the cores, and both be late.
        if isinstance(decision, Submit) and not self._submissions:
            self._submit(job, now)
        waited = starved(memory, now)
        if waited is not None:
            self._report_starved(job, views, waited)
        alive = next((view for view in views if view.name == job and view.alive), None)
        if alive and alive.state == "RUNNING" and self._tidied.get(job) != alive.jid:
            self._tidy(job, alive.jid)

    def _tidy(self, job: Job, jid: str) -> None:
        """Removes what former runs left, once per run; from then on Flink removes the run's own."""
        try:
            folders = self._cluster.folders()
        except (httpx.HTTPError, ValueError) as error:
            self._log.warning("nothing tidied", job=job, error=str(error))
            return
        if not settled(folders, jid):
            return
        self._tidied[job] = jid
        left = superseded(folders, job, jid)
        for path in left:
            remove(path)
        if left:
            self._log.info("removed what former runs left", job=job, id=jid, paths=len(left))

    def _submit(self, job: Job, now: float) -> None:
        try:
            folders = self._cluster.folders()
        except (httpx.HTTPError, ValueError) as error:
            fail(self._memory[job], now)
            self._log.error("not submitted", job=job, error=str(error))
            return
        restore = newest(folders.checkpoints, folders.savepoints, job)
        jid = job_id(job, self._memory[job].ended | used(folders.checkpoints, job))
        argv = command(self._settings, job, jid, restore, self._home)
        origin = str(restore.path) if restore else "the beginning of the topics: there is no checkpoint"
        self._log.info("submitting", job=job, id=jid, start=origin, attempt=self._memory[job].failures + 1)
        self._submissions[job] = Submission.start(jid, argv, now)

    def _collect(self, job: Job, now: float) -> None:
        submission = self._submissions[job]
        status = submission.finished(now)
        if status is None:
            return
        del self._submissions[job]
        text = submission.text()
        submission.output.close()
        if status == 0:
            self._log.info("submitted", job=job, output=text.splitlines()[-1:])
            return
        memory = self._memory[job]
        if "DuplicateJobSubmission" in text:
            # It runs, as the next look will show, or the cluster remembers an end that it lists no more.
            memory.ended.add(submission.jid)
        fail(memory, now)
        seconds = round(memory.not_before - now)
        self._log.error("submission failed", job=job, status=status, next_try_seconds=seconds, output=text)

    def _report(self, job: Job, views: Sequence[JobView]) -> None:
        """A line per change of state."""
        mine = [view for view in views if view.name == job]
        view = next((v for v in mine if v.alive), mine[-1] if mine else None)
        state = view.state if view else "absent"
        if state != self._states.get(job):
            say = self._log.error if state == "FAILED" else self._log.info
            say(
                "job state", job=job, state=state, before=self._states.get(job), id=view.jid if view else None
            )
            self._states[job] = state

    def _report_starved(self, job: Job, views: Sequence[JobView], waited: float) -> None:
        view = next(v for v in views if v.name == job and v.alive)
        try:
            slots = self._cluster.slots()
        except httpx.HTTPError:
            slots = Slots()
        self._log.error(
            "job waits for slots",
            job=job,
            waited_seconds=round(waited),
            tasks_waiting=view.tasks.waiting,
            slots_wanted=self._settings.flink.parallelism,
            slots_wanted_by_all_jobs=self._settings.flink.parallelism * len(self._jobs),
            slots_free=slots.slots_available,
            slots_total=slots.slots_total,
            taskmanagers=slots.taskmanagers,
            hint="raise MILLRACE_FLINK__SLOTS, or start a TaskManager",
        )
