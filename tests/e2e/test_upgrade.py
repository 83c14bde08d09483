"""The upgrade of a job, as docs/operating.md tells it: stopped with a savepoint, it goes on from there."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.names import Job
from flink_jobs.checkpoints import stem
from infra.local import flink
from infra.local.program import FLINK_PYTHON
from tests.e2e.flow import audit, flow, grown, rows
from tests.e2e.stack import REPO, Stack, wait_for

pytestmark = pytest.mark.e2e


def stop(stack: Stack, job: Job) -> Path:
    """Runs the command of the docs; the savepoint that it names."""
    command = [str(FLINK_PYTHON), "-m", "flink_jobs", "stop", job]
    env = stack.env | flink.environment(stack.read)
    done = subprocess.run(
        command, env=env, cwd=REPO, capture_output=True, text=True, check=False, timeout=180
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip().removeprefix("savepoint "))


def runs(stack: Stack, job: Job) -> str | None:
    """The id under which a job runs, all its tasks running."""
    for one in httpx.get(f"{stack.flink}/jobs/overview").json()["jobs"]:
        if (
            one["name"] == job
            and one["state"] == "RUNNING"
            and one["tasks"]["running"] == one["tasks"]["total"]
        ):
            return str(one["jid"])
    return None


def begun_from(stack: Stack, jid: str) -> dict[str, Any] | None:
    """What Flink says a run was restored from."""
    found: dict[str, Any] = httpx.get(f"{stack.flink}/jobs/{jid}/checkpoints").json()
    return dict(found["latest"]["restored"] or {})


def test_a_job_goes_on_from_its_savepoint(stack: Stack) -> None:
    """With `ingest`, whose savepoint holds open transactions; the others are stopped by the same command."""
    job = Job.INGEST
    with flow(stack):
        former = wait_for(f"{job} runs", partial(runs, stack, job), 120)
        savepoint = stop(stack, job)
        assert (savepoint / "_metadata").exists()
        now = wait_for(f"{job} runs again", partial(runs, stack, job), 120)
        assert now != former
        restored = begun_from(stack, now)
        assert restored
        assert restored["is_savepoint"]
        assert Path(httpx.URL(restored["external_path"]).path) == savepoint
        wait_for("rows arrive again", partial(grown, stack, rows(stack), 300), 120)
    found = audit(stack, wait=120)
    assert found["exact"], found
    wait_for("what former runs left is removed", lambda: not _left(stack, job, now), 60)
    assert (savepoint / "_metadata").exists(), "a savepoint belongs to whoever took it"


def _left(stack: Stack, job: Job, now: str) -> list[Path]:
    """Checkpoints of former runs of a job."""
    found = (stack.var / "flink" / "checkpoints").glob(f"{stem(job)}*/chk-*")
    return [path for path in found if path.parent.name != now]
