"""Ending a job with a savepoint, over the cluster's REST interface."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.names import Job
from flink_jobs import stop as stopping
from flink_jobs.cluster import Cluster
from flink_jobs.stop import NotStopped, stop

JID = "a" * 32


@dataclass
class FakeFlink:
    """A cluster with one job, which answers for a savepoint what it is told to, one by one."""

    state: str = "RUNNING"
    answers: list[dict[str, Any]] = field(default_factory=list)
    asked: list[bytes] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        match request.method, request.url.path:
            case "GET", "/jobs/overview":
                tasks = {"total": 1, "running": 1}
                job = {"jid": JID, "name": Job.INGEST, "state": self.state, "tasks": tasks}
                return httpx.Response(200, json={"jobs": [job]})
            case "POST", path if path == f"/jobs/{JID}/stop":
                self.asked.append(request.content)
                return httpx.Response(202, json={"request-id": "one"})
            case "GET", path if path == f"/jobs/{JID}/savepoints/one":
                return httpx.Response(200, json=self.answers.pop(0))
        return httpx.Response(404)


@pytest.fixture
def flink(monkeypatch: pytest.MonkeyPatch) -> FakeFlink:
    monkeypatch.setattr(stopping, "POLL_SECONDS", 0.001)
    return FakeFlink()


@pytest.fixture
def cluster(flink: FakeFlink) -> Iterator[Cluster]:
    with httpx.Client(transport=httpx.MockTransport(flink), base_url="http://flink") as client:
        yield Cluster(client)


WAITS: dict[str, Any] = {"status": {"id": "IN_PROGRESS"}, "operation": None}


def test_the_savepoint_is_waited_for(flink: FakeFlink, cluster: Cluster) -> None:
    done = {"status": {"id": "COMPLETED"}, "operation": {"location": "file:/a%20b/savepoint-1"}}
    flink.answers = [WAITS, WAITS, done]
    assert stop(cluster, Job.INGEST, 10) == Path("/a b/savepoint-1")
    assert flink.asked == [b'{"drain":false}'], "windows are not emptied: the job goes on"


def test_a_savepoint_that_fails_is_told_in_flinks_words(flink: FakeFlink, cluster: Cluster) -> None:
    cause = {"class": "Oops", "stack-trace": "no room on the disk\n"}
    flink.answers = [{"status": {"id": "COMPLETED"}, "operation": {"failure-cause": cause}}]
    with pytest.raises(NotStopped, match="no room on the disk"):
        stop(cluster, Job.INGEST, 10)


def test_one_that_takes_too_long_is_told(flink: FakeFlink, cluster: Cluster) -> None:
    flink.answers = [WAITS] * 10_000
    with pytest.raises(NotStopped, match="within 0 s"):
        stop(cluster, Job.INGEST, 0.02)


@pytest.mark.parametrize(("state", "told"), [("RESTARTING", "RESTARTING"), ("FAILED", "not submitted")])
def test_only_a_running_job_is_stopped(flink: FakeFlink, cluster: Cluster, state: str, told: str) -> None:
    flink.state = state
    with pytest.raises(NotStopped, match=told):
        stop(cluster, Job.INGEST, 10)
    assert flink.asked == []


def test_a_cluster_that_is_not_there_raises() -> None:
    with (
        httpx.Client(base_url="http://127.0.0.1:9", trust_env=False) as client,
        pytest.raises(httpx.HTTPError),
    ):
        stop(Cluster(client), Job.INGEST, 10)
