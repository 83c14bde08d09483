"""A real Redis, and real workers that do toy jobs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from redis import Redis

from core import jobs, names
from core.applications import APPLICATIONS
from core.batch import Diagnose, JobReport, JobState, Train
from core.connect.redis import client
from tests.serving.conftest import eventually, redis_url

__all__ = ["redis_url"]

NAME = next(iter(APPLICATIONS))


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """An empty Redis."""
    with client(redis_url) as one:
        one.flushall()
        yield one


class Worker:
    """A batch worker, and what is asked of it."""

    def __init__(self, redis: Redis, url: str, var: Path, **batch: object) -> None:
        self.redis, self._var = redis, var
        self._env = {f"MILLRACE_BATCH__{name.upper()}": str(value) for name, value in batch.items()}
        self._env |= {"MILLRACE_REDIS__URL": url, "MILLRACE_VAR": str(var), "PYTHONPATH": str(Path.cwd())}
        self.log = (var / "worker.log").open("w")
        self.start()

    def start(self) -> None:
        """Starts it, and waits until it looks for jobs."""
        command = [sys.executable, "-m", "tests.batch.jobs.toy_worker"]
        self.redis.delete(names.batch_workers_key())
        self.process = subprocess.Popen(
            command, env=self._env, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True
        )
        eventually(lambda: self.redis.exists(names.batch_workers_key()))

    def train(self, **parameters: float | int | str) -> str:
        """A job for the slots of trainings."""
        return jobs.submit(self.redis, Train(application=NAME, recipe="toy", parameters=parameters)).id

    def diagnose(self, **parameters: float | int | str) -> str:
        """A job for the slot of diagnostics."""
        asked = Diagnose(application=NAME, run_id="r", diagnostic="toy", parameters=parameters)
        return jobs.submit(self.redis, asked).id

    def read(self, job: str) -> JobReport:
        return jobs.read(self.redis, job)

    def log_of(self, job: str) -> list[str]:
        return [line.text for line in jobs.lines(self.redis, job)[0]]

    def until(self, job: str, *states: JobState) -> JobReport:
        """The job once it is in one of these states, by default an end."""
        wanted = states or tuple(jobs.ENDED)
        eventually(lambda: self.read(job).state in wanted, 60)
        return self.read(job)

    def pid(self, job: str, attempt: int = 1) -> int:
        """The process that does an attempt at a job."""

        def pids() -> list[int]:
            told = jobs.lines(self.redis, job)[0]
            return [int(line.values["pid"]) for line in told if "pid" in line.values]

        eventually(lambda: len(pids()) >= attempt, 60)
        return pids()[attempt - 1]

    def slots(self) -> list[psutil.Process]:
        """The processes of its slots."""
        return psutil.Process(self.process.pid).children()

    def slot_of(self, pid: int) -> psutil.Process:
        """The slot that has started a job's process."""
        parent = psutil.Process(pid).parent()
        assert parent is not None
        return parent

    def end(self, sign: int = signal.SIGTERM) -> None:
        """Ends it, if it still runs."""
        if self.process.poll() is None:
            os.kill(self.process.pid, sign)
            self.process.wait(60)


@pytest.fixture
def worker(redis: Redis, redis_url: str, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Makes a worker with settings of `batch`; ended after the test with all that it has started."""
    made: list[Worker] = []

    def make(**batch: Any) -> Worker:
        made.append(Worker(redis, redis_url, tmp_path, **batch))
        return made[-1]

    yield make
    for one in made:
        one.end()
        one.log.close()


def gone(pid: int) -> bool:
    """Whether a process has ended, perhaps without anybody to bury it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
