from __future__ import annotations

from datetime import UTC, datetime

import pytest
from redis import Redis

from batch.terminal import shown, table, watch
from core import jobs
from core.batch import JobLine, JobState, Train
from tests.batch.jobs.conftest import NAME


def test_a_job_is_watched_to_its_end(redis: Redis, capsys: pytest.CaptureFixture[str]) -> None:
    report = jobs.submit(redis, Train(application=NAME, recipe="any"))
    jobs.write_lines(redis, report.id, [JobLine(at=datetime.now(UTC), text="tree 1 of 9")])
    result = {"run_id": "r1", "scores": {"auc": 0.912345, "mae": None}}
    jobs.change(
        redis,
        report.id,
        lambda now: jobs.replaced(now, state=JobState.FINISHED, percent=100.0, result=result),
    )
    assert watch(redis, report.id).state is JobState.FINISHED
    told = capsys.readouterr().out
    assert "tree 1 of 9" in told
    assert f"{report.id}: finished\n  run_id: r1\n  scores: auc 0.9123, mae -\n" in told
    heading, line = table(jobs.latest(redis, [NAME], 5))
    assert line.index("finished") == heading.index("state")
    assert line.endswith("run_id r1, scores auc 0.9123, mae -")


def test_results_in_one_line() -> None:
    assert shown({"a": [1, 2.34567], "b": {}, "c": "", "d": 1e6}) == "a 1, 2.346, b -, c -, d 1,000,000"
