"""Real workers, real processes, real deaths; the work is a toy."""

from __future__ import annotations

import json
import os
import pickle
import signal
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis

from core import jobs, names
from core.batch import JobState, Stage
from tests.batch.jobs.conftest import Worker, gone
from tests.serving.conftest import eventually

Make = Callable[..., Worker]


def test_a_job_runs_tells_and_ends_once(worker: Make) -> None:
    here = worker(workers=1)
    job = here.train()
    report = here.until(job)
    assert (report.state, report.stage, report.percent) == (JobState.FINISHED, Stage.DONE, 100)
    assert report.attempt == 1
    assert report.started is not None
    assert report.ended is not None
    assert report.made <= report.started <= report.ended <= datetime.now(UTC)
    assert here.log_of(job) == [f"pid {report.result['pid']}", "fitted"]
    eventually(lambda: not here.redis.keys("rq:job:*"), 3)  # rq keeps nothing of what has ended
    assert not here.redis.exists(names.job_alive_key(job))


def test_jobs_run_side_by_side_and_a_diagnostic_never_waits_for_them(worker: Make, tmp_path: Path) -> None:
    here = worker(workers=2)
    let_go = tmp_path / "go"
    trainings = [here.train(hang_until=str(let_go)) for _ in range(3)]
    for job in trainings[:2]:
        here.until(job, JobState.RUNNING)
    quick = [here.until(here.diagnose()) for _ in range(2)]
    assert [one.state for one in quick] == [JobState.FINISHED] * 2
    assert quick[0].result == quick[1].result, "its process is kept for the next one"
    assert here.read(trainings[2]).state is JobState.QUEUED
    let_go.touch()
    assert {here.until(job).state for job in trainings} == {JobState.FINISHED}
    assert len({here.read(job).result["pid"] for job in trainings}) == 3, "each in a process of its own"


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("ours", "the table holds 3 rows; at least 100 are needed"),
        ("theirs", "ZeroDivisionError: division by zero"),
        ("result", "TypeError: Encoding objects of type object is unsupported"),
    ],
)
def test_a_failure_is_told_with_its_reason(worker: Make, tmp_path: Path, kind: str, error: str) -> None:
    here = worker(workers=1)
    job = here.train(fail=kind)
    report = here.until(job)
    assert (report.state, report.stage, report.error) == (JobState.FAILED, Stage.FITTING, error)
    assert here.log_of(job)[-1] == error
    assert "Traceback" in (tmp_path / "worker.log").read_text(), "where it happened stands in the log"
    assert not any("Traceback" in line for line in here.log_of(job))


def test_stop_ends_a_process_that_looks_at_nothing(worker: Make, tmp_path: Path) -> None:
    here = worker(workers=1)
    job = here.train(hang_until=str(tmp_path / "never"))
    pid = here.pid(job)
    began = time.monotonic()
    report = jobs.stop(here.redis, job)
    assert time.monotonic() - began < 5, "on a busy machine"
    assert report.state is JobState.STOPPED
    eventually(lambda: gone(pid))
    assert here.until(here.train()).state is JobState.FINISHED, "the slot is free for the next one"
    assert here.read(job).state is JobState.STOPPED
    assert here.read(job).ended is not None


def test_a_killed_process_makes_a_second_attempt_that_ends_once(worker: Make, tmp_path: Path) -> None:
    here = worker(workers=1)
    job = here.train(hang_until=str(tmp_path / "go"))
    os.kill(here.pid(job), signal.SIGKILL)
    here.pid(job, attempt=2)
    assert (here.read(job).state, here.read(job).attempt) == (JobState.RUNNING, 2)
    (tmp_path / "go").touch()
    assert here.until(job).state is JobState.FINISHED
    assert here.log_of(job).count("fitted") == 1


def test_after_three_deaths_it_is_given_up(worker: Make, tmp_path: Path) -> None:
    here = worker(workers=1)
    job = here.train(hang_until=str(tmp_path / "never"))
    for attempt in (1, 2, 3):
        os.kill(here.pid(job, attempt), signal.SIGKILL)
    report = here.until(job)
    assert (report.state, report.attempt) == (JobState.FAILED, 3)
    assert report.error.startswith("given up after 3 attempts; the last time its process ended: killed")


def test_a_killed_slot_takes_its_process_along_and_the_job_is_taken_up(worker: Make, tmp_path: Path) -> None:
    here = worker(workers=1)
    job = here.train(hang_until=str(tmp_path / "go"))
    pid = here.pid(job)
    here.slot_of(pid).kill()
    eventually(lambda: gone(pid), 20)
    here.pid(job, attempt=2)
    assert here.read(job).attempt == 2
    (tmp_path / "go").touch()
    assert here.until(job).state is JobState.FINISHED
    assert here.log_of(job).count("fitted") == 1


def test_a_job_outlives_the_whole_worker(worker: Make, tmp_path: Path) -> None:
    here = worker(workers=1)
    job = here.train(hang_until=str(tmp_path / "go"))
    pid, slots = here.pid(job), [one.pid for one in here.slots()]
    here.end(signal.SIGKILL)
    eventually(lambda: gone(pid) and all(map(gone, slots)), 30)
    assert here.until(job, JobState.QUEUED).percent == 0, "nobody has it in hand: it does not run"
    here.start()
    here.pid(job, attempt=2)
    (tmp_path / "go").touch()
    assert here.until(job).state is JobState.FINISHED
    assert here.log_of(job).count("fitted") == 1


def test_a_worker_that_is_ended_puts_its_job_back(worker: Make, tmp_path: Path) -> None:
    here = worker(workers=1)
    job = here.train(hang_until=str(tmp_path / "go"))
    pid = here.pid(job)
    here.end()
    eventually(lambda: gone(pid))
    assert (here.read(job).state, here.read(job).attempt) == (JobState.QUEUED, 1), "nothing went wrong"
    here.start()
    (tmp_path / "go").touch()
    assert here.until(job).state is JobState.FINISHED


def test_too_much_memory_ends_a_job_with_the_reason(worker: Make) -> None:
    here = worker(workers=1, job_memory_mib=512)
    report = here.until(here.train(mib=1024))
    assert report.state is JobState.FAILED
    assert report.error == "it needs more than 512 MiB (MILLRACE_BATCH__JOB_MEMORY_MIB): take fewer rows"


def test_too_much_time_ends_a_job_with_the_reason(worker: Make, tmp_path: Path) -> None:
    here = worker(workers=1, job_minutes=1 / 60)
    report = here.until(here.train(hang_until=str(tmp_path / "never")))
    assert (report.state, report.error) == (JobState.FAILED, "it was ended after 1 s, its time limit")


def test_a_log_keeps_the_newest_lines(worker: Make) -> None:
    here = worker(workers=1)
    job = here.train(lines=5_000)
    here.until(job)
    told, last = jobs.lines(here.redis, job)
    assert len(told) == jobs.KEPT_LINES
    assert told[-1].text == "fitted"
    assert told[-2].values == {"iteration": 4_999}
    assert jobs.lines(here.redis, job, last) == ([], last)
    jobs.write_lines(here.redis, job, told[:50])
    assert len(jobs.lines(here.redis, job)[0]) == jobs.KEPT_LINES
    assert 0 < here.redis.ttl(names.job_log_key(job)) <= jobs.KEPT_SECONDS


def test_the_worker_stays_small(worker: Make) -> None:
    """An idle worker has imported no library that computes."""
    here = worker(workers=2)
    eventually(lambda: len(here.slots()) == 3)
    assert sum(one.memory_full_info().uss for one in here.slots()) < 60 * 2**20


def planted(redis: Redis, tmp_path: Path) -> dict[str, dict[str, object]]:
    """Jobs that somebody who can write to Redis has made up; each would leave a file behind."""
    made = {"origin": names.BATCH_QUEUE, "created_at": "2026-01-01T00:00:00.000000Z", "status": "queued"}

    def data(function: str, *args: str) -> bytes:
        return zlib.compress(json.dumps([function, None, args, {}]).encode())

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "pickled"),)

    ours = data(jobs.FUNCTION, "callback")
    return {
        "function": made | {"data": data("os.mkdir", str(tmp_path / "called"))},
        "pickle": made | {"data": zlib.compress(pickle.dumps(("os.getcwd", None, (Bomb(),), {})))},
        "meta": made | {"data": data("os.mkdir", str(tmp_path / "called")), "meta": pickle.dumps(Bomb())},
        "callback": made
        | dict.fromkeys((f"{one}_callback_name" for one in CALLBACKS), "tests.batch.jobs.bomb.go")
        | {"data": ours},
        "group": made
        | {
            "data": data(jobs.FUNCTION, "group"),
            "group_id": "nobody",
            "rate_limit_key": "x",
            "rate_limit_concurrency": 1,
        },
        "garbage": made | {"data": b"\xff\x00", "timeout": "soon", "status": "dancing"},
    }


CALLBACKS = ("success", "failure", "stopped")


def test_what_stands_in_redis_is_never_called(worker: Make, redis: Redis, tmp_path: Path) -> None:
    here = worker(workers=1)
    for job, fields in planted(redis, tmp_path).items():
        redis.hset(f"rq:job:{job}", mapping=fields)  # type: ignore[arg-type]
        redis.rpush(f"rq:queue:{names.BATCH_QUEUE}", job)
    redis.rpush(f"rq:queue:{names.BATCH_QUEUE}", "no:id", "nothing")
    assert here.until(here.train()).state is JobState.FINISHED, "they don't stand in anybody's way"
    assert not (tmp_path / "called").exists()
    assert not (tmp_path / "pickled").exists()
    assert redis.llen(f"rq:queue:{names.BATCH_QUEUE}") == 0
    told = (tmp_path / "worker.log").read_text()
    assert "a slot has ended" not in told
    refused = {json.loads(line)["job"] for line in told.splitlines() if "is refused" in line}
    assert refused == {"function", "pickle", "meta", "garbage"}, (
        "the others look well, but nobody asked for them"
    )
    assert told.count("is refused") < 20, "once and again is enough"


def test_a_planted_job_in_nobodys_hand_calls_nothing_either(
    worker: Make, redis: Redis, tmp_path: Path
) -> None:
    """rq calls the failure callback of a job whose worker seems to have died."""
    fields = planted(redis, tmp_path)["callback"] | {"status": "started"}
    redis.hset("rq:job:callback", mapping=fields)  # type: ignore[arg-type]
    redis.zadd(f"rq:wip:{names.BATCH_QUEUE}", {"callback:execution": 1})
    here = worker(workers=1)
    eventually(lambda: not redis.zcard(f"rq:wip:{names.BATCH_QUEUE}"))
    assert here.until(here.train()).state is JobState.FINISHED
    assert "bomb" not in (tmp_path / "worker.log").read_text()
