"""What the keeper does, given what the cluster says."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from core.names import Job
from core.settings import Flink, Settings
from flink_jobs import keeper as keeper_module
from flink_jobs.checkpoints import Restore, job_id
from flink_jobs.cluster import Cluster, JobView, Tasks, folders, waits
from flink_jobs.keeper import (
    LONGEST_PAUSE_SECONDS,
    STARVED_SECONDS,
    STEADY_SECONDS,
    Keeper,
    Memory,
    Submit,
    Wait,
    decide,
    pause,
    starved,
)
from flink_jobs.submit import REPO, Submission, command

RUNS = Tasks(total=3, running=3)


def view(state: str, tasks: Tasks = RUNS, jid: str = "a", name: str = Job.INGEST) -> JobView:
    return JobView(jid, name, state, tasks)


def test_an_empty_cluster_gets_the_job_at_once() -> None:
    assert decide(Job.INGEST, [], Memory(), 0) == Submit()
    assert decide(Job.INGEST, [view("RUNNING", name=Job.LAKEHOUSE)], Memory(), 0) == Submit()


@pytest.mark.parametrize(
    "state", ["INITIALIZING", "CREATED", "RUNNING", "RESTARTING", "FAILING", "CANCELLING", "RECONCILING"]
)
def test_a_job_that_flink_still_works_on_is_left_alone(state: str) -> None:
    assert decide(Job.INGEST, [view("FAILED", jid="b"), view(state)], Memory(), 0) is None


@pytest.mark.parametrize("state", ["FAILED", "CANCELED", "FINISHED", "SUSPENDED"])
def test_a_run_that_ended_is_followed_by_another_after_a_pause(state: str) -> None:
    memory = Memory()
    assert decide(Job.INGEST, [view(state)], memory, 10) == Wait(12)
    assert decide(Job.INGEST, [view(state)], memory, 11.9) == Wait(12)
    assert decide(Job.INGEST, [view(state)], memory, 12) == Submit()
    assert memory.ended == {"a"}


def test_pauses_grow_and_are_bounded() -> None:
    assert [pause(n) for n in range(1, 6)] == [2, 4, 8, 16, 32]
    assert pause(1000) == LONGEST_PAUSE_SECONDS


def test_a_job_that_keeps_failing_is_tried_ever_more_rarely_until_it_has_run_for_a_while() -> None:
    memory, now, ended = Memory(), 0.0, []
    for failures in (1, 2, 3):
        ended.append(view("FAILED", jid=str(failures)))
        decision = decide(Job.INGEST, ended, memory, now)
        assert decision == Wait(now + pause(failures))
        now += pause(failures)
        assert decide(Job.INGEST, ended, memory, now) == Submit()
        assert decide(Job.INGEST, [*ended, view("RUNNING", jid="n")], memory, now) is None
    now += STEADY_SECONDS + 1
    assert decide(Job.INGEST, [*ended, view("RUNNING", jid="n")], memory, now) is None
    assert memory.failures == 0


def test_a_cluster_that_forgot_its_jobs_gets_them_without_a_pause() -> None:
    memory = Memory()
    decide(Job.INGEST, [view("RUNNING")], memory, 0)
    assert decide(Job.INGEST, [], memory, 5) == Submit()


def test_tasks_without_slots_are_reported_once_per_half_minute() -> None:
    memory = Memory()
    hungry = view("RUNNING", Tasks(total=3, scheduled=2, created=1))
    decide(Job.INGEST, [hungry], memory, 0)
    assert starved(memory, STARVED_SECONDS - 1) is None
    decide(Job.INGEST, [hungry], memory, STARVED_SECONDS)
    assert starved(memory, STARVED_SECONDS) == STARVED_SECONDS
    assert starved(memory, STARVED_SECONDS + 1) is None
    decide(Job.INGEST, [view("RUNNING")], memory, STARVED_SECONDS + 2)
    assert starved(memory, STARVED_SECONDS * 9) is None


def test_ready_means_all_tasks_of_all_jobs() -> None:
    all_run = [view("RUNNING", name=job, jid=job) for job in Job]
    assert waits(all_run, Job) == []
    assert waits([], Job) == [f"job {job} is not submitted" for job in Job]
    assert waits([*all_run[1:], view("FAILED", name=all_run[0].name)], Job) == [
        f"job {all_run[0].name} is not submitted"
    ]
    half = view("RUNNING", Tasks(total=3, running=2), name=all_run[0].name)
    assert waits([half, *all_run[1:]], Job) == [f"job {half.name} is RUNNING, 2 of 3 tasks run"]
    assert waits([view("RUNNING", Tasks(), name=half.name), *all_run[1:]], Job)


FOLDERS = {
    "execution.checkpointing.dir": "file:///a%20b/checkpoints",
    "execution.checkpointing.savepoint-dir": "file:///c",
}


def test_folders_come_from_the_cluster() -> None:
    found = folders(FOLDERS)
    assert found.retained == 1, "Flink's own default"
    assert folders(FOLDERS | {"execution.checkpointing.num-retained": "3"}).retained == 3
    assert (found.checkpoints, found.savepoints) == (Path("/a b/checkpoints"), Path("/c"))
    with pytest.raises(ValueError, match=r"execution.checkpointing.dir is 's3://x'"):
        folders({"execution.checkpointing.dir": "s3://x"})
    with pytest.raises(ValueError, match="None"):
        folders({})


def test_the_command_names_cluster_id_and_start(tmp_path: Path) -> None:
    settings = Settings(var=tmp_path)
    fresh = command(settings, Job.INGEST, "f" * 32, None, Path("/flink"))
    assert f"-D$internal.pipeline.job-id={'f' * 32}" in fresh
    assert fresh[fresh.index("-m") + 1] == f"{settings.flink.host}:{settings.flink.port}"
    assert fresh[fresh.index("-pypath") + 1] == str(REPO)
    assert fresh[fresh.index("-py") + 1 :] == [str(REPO / "flink_jobs" / "job.py"), Job.INGEST, "--rewind"]
    again = command(settings, Job.INGEST, "f" * 32, Restore(Path("/c/chk-3"), owned=True), Path("/flink"))
    assert again[again.index("-s") + 1 : again.index("-py")] == ["file:///c/chk-3", "-cm", "claim"]
    assert "--rewind" not in again


@dataclass
class FakeFlink:
    """The REST interface of a cluster, as far as the keeper asks; `down` makes it refuse."""

    checkpoints: Path
    jobs: list[dict[str, Any]] = field(default_factory=list)
    down: bool = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("refused")
        configuration = [
            {"key": "execution.checkpointing.dir", "value": self.checkpoints.as_uri()},
            {"key": "execution.checkpointing.savepoint-dir", "value": self.checkpoints.as_uri()},
        ]
        answers: dict[str, Any] = {
            "/jobs/overview": {"jobs": self.jobs},
            "/jobmanager/config": configuration,
            "/overview": {"taskmanagers": 1, "slots-total": 1, "slots-available": 0, "jobs-running": 2},
        }
        return httpx.Response(200, json=answers[request.url.path])

    def runs(self, job: Job, jid: str, **tasks: int) -> None:
        counts = {"total": 3, "running": 3, "canceling": 0} | tasks
        self.jobs.append({"jid": jid, "name": job, "state": "RUNNING", "start-time": 1, "tasks": counts})


@dataclass
class Stage:
    """A keeper over a fake cluster, whose `flink run` is a command of the test."""

    flink: FakeFlink
    keeper: Keeper
    submitted: list[tuple[Job, str, Restore | None]]
    log: structlog.testing.LogCapture
    argv: list[str]

    def look(self, now: float) -> None:
        """A round per job: act, let what was started end, collect it."""
        for _ in Job:
            self.keeper.look(now)
            for submission in self.keeper._submissions.values():
                submission.process.wait(10)
            for job in list(self.keeper._submissions):
                self.keeper._collect(job, now)
                if not self.argv[1:]:
                    self.flink.runs(job, self.submitted[-1][1])

    def events(self, name: str) -> list[Any]:
        return [entry for entry in self.log.entries if entry["event"] == name]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    flink = FakeFlink(tmp_path)
    submitted: list[tuple[Job, str, Restore | None]] = []
    argv = ["true"]

    def recorded(settings: Settings, job: Job, jid: str, restore: Restore | None, home: Path) -> list[str]:
        submitted.append((job, jid, restore))
        return argv

    monkeypatch.setattr(keeper_module, "command", recorded)
    monkeypatch.setattr(keeper_module, "flink_home", lambda: tmp_path)
    capture = structlog.testing.LogCapture()
    logger: Any = structlog.wrap_logger(structlog.testing.ReturnLogger(), processors=[capture])
    with httpx.Client(transport=httpx.MockTransport(flink), base_url="http://flink") as client:
        options = Settings(var=tmp_path, flink=Flink(jobs=",".join(Job)))
        yield Stage(flink, Keeper(options, Cluster(client), logger), submitted, capture, argv)


def test_every_job_is_submitted_once_and_then_left_alone(stage: Stage) -> None:
    stage.look(0)
    assert [job for job, _, _ in stage.submitted] == list(Job)
    stage.look(2)
    assert len(stage.submitted) == len(Job)


def test_jobs_are_submitted_one_after_the_other(stage: Stage) -> None:
    stage.argv[:] = ["sleep", "5"]
    stage.keeper.look(0)
    stage.keeper.look(1)
    assert [job for job, _, _ in stage.submitted] == [next(iter(Job))]
    for submission in stage.keeper._submissions.values():
        submission.stop()
        submission.output.close()


def test_after_the_jobmanagers_death_jobs_go_on_from_the_newest_checkpoint_under_a_new_id(
    stage: Stage,
) -> None:
    first = job_id(Job.INGEST)
    newest = stage.flink.checkpoints / first / "chk-5"
    newest.mkdir(parents=True)
    (newest / "_metadata").write_bytes(b"x")
    stage.flink.down = True
    stage.look(0)
    stage.look(1)
    assert not stage.submitted
    assert len(stage.events("waiting for Flink")) == 1
    stage.flink.down = False
    stage.look(2)
    assert (Job.INGEST, job_id(Job.INGEST, {first}), Restore(newest, owned=True)) in stage.submitted


def test_a_failed_submission_is_logged_in_full_and_tried_again_later(stage: Stage) -> None:
    stage.argv[:] = [sys.executable, "-c", "print('first line\\nlast line'); raise SystemExit(3)"]
    stage.look(0)
    tried = len(stage.submitted)
    failures = stage.events("submission failed")
    assert [(f["status"], f["output"]) for f in failures] == [(3, "first line\nlast line")] * len(Job)
    stage.look(1)
    assert len(stage.submitted) == tried
    stage.look(2)
    assert len(stage.submitted) == tried + len(Job)


def test_an_id_that_flink_refuses_is_not_used_again(stage: Stage) -> None:
    stage.argv[:] = [sys.executable, "-c", "print('DuplicateJobSubmissionException'); raise SystemExit(1)"]
    stage.look(0)
    stage.look(10)
    ids = [jid for job, jid, _ in stage.submitted if job is Job.INGEST]
    assert ids == [job_id(Job.INGEST), job_id(Job.INGEST, {job_id(Job.INGEST)})]


def test_waiting_for_slots_is_an_error_that_names_wanted_and_free(stage: Stage) -> None:
    for job in Job:
        stage.flink.runs(job, job, running=0, scheduled=3)
    stage.look(0)
    stage.look(STARVED_SECONDS + 1)
    entry = stage.events("job waits for slots")[0]
    assert entry["log_level"] == "error"
    assert (entry["slots_wanted_by_all_jobs"], entry["slots_free"], entry["tasks_waiting"]) == (
        len(Job),
        0,
        3,
    )


def test_what_former_runs_left_is_removed_once_the_run_has_checkpoints_of_its_own(stage: Stage) -> None:
    first, second = job_id(Job.INGEST), job_id(Job.INGEST, {job_id(Job.INGEST)})
    old, own = (stage.flink.checkpoints / one / "chk-5" for one in (first, second))
    for folder in (old, stage.flink.checkpoints / second):
        folder.mkdir(parents=True)
    (old / "_metadata").write_bytes(b"x")
    stage.flink.runs(Job.INGEST, second)
    stage.look(0)
    assert (old / "_metadata").exists()
    own.mkdir()
    (own / "_metadata").write_bytes(b"x")
    stage.look(2)
    assert not old.exists()
    assert (own / "_metadata").exists()
    assert len(stage.events("removed what former runs left")) == 1
    old.mkdir()
    stage.look(4)
    assert old.exists(), "once per run"


def test_a_submission_past_its_time_is_ended_with_its_children() -> None:
    started = time.monotonic()
    submission = Submission.start("id", ["sh", "-c", "sleep 60 & sleep 60"], 0)
    assert submission.finished(1) is None
    assert submission.finished(10_000) not in (None, 0)
    submission.output.close()
    assert time.monotonic() - started < 5
