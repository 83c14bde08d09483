"""What people ask of a learner, on the real stack: rest, go on, go back; and Redis losing its memory.

The tests run in the order of this file, with the application's own producer at rest: what flows is counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from redis import Redis

from core import names
from core.applications import APPLICATIONS
from core.connect.supervisor import parts
from core.control import Place
from core.forms import complete, randomize
from core.names import SOURCE_OFFSET, SOURCE_PARTITION, Stream
from tests.e2e.flow import flow
from tests.e2e.stack import Stack, wait_for
from tests.e2e.topics import read_all

pytestmark = pytest.mark.e2e

NAME = next(name for name, one in APPLICATIONS.items() if isinstance(one.label_delay, str))
"""The application whose labels come after a time of their own: most waits there when a learner stops."""

EVENTS = 100


@pytest.fixture(scope="module")
def quiet(stack: Stack) -> Iterator[Stack]:
    """The stack with every event of the application learned, and none on its way."""
    producer = f"producer-{NAME}"
    runs = bool(parts(stack.var)[producer].pid)
    wait_for("the model can answer", lambda: (live(stack)["asked"] or 0) > 1000)
    if runs:
        stack.stop(producer)
    wait_for("everything is learned", partial(settled, stack))
    wait_for("MLflow has its run", lambda: live(stack)["run_id"])
    yield stack
    if runs:
        stack.start(producer)


def url(stack: Stack, path: str = "") -> str:
    return f"{stack.api}/api/v1/incremental/{NAME}{path}"


def live(stack: Stack) -> dict[str, Any]:
    """What the learner last said of itself."""
    answer = httpx.get(url(stack), timeout=10)
    answer.raise_for_status()
    return dict(answer.json())


def valid(stack: Stack) -> int:
    return int(stack.application(NAME)["valid"])


def settled(stack: Stack) -> dict[str, Any] | None:
    """The learner's report once it was asked about every valid event, its label known or awaited."""
    one, said = stack.application(NAME), live(stack)
    through = one["produced"] == one["valid"] + one["rejected"]
    # Right after a start, what is awaited is read again from the topic: the learner says that it is starting.
    every = said["state"] != "starting" and said["asked"] == one["valid"] == said["taught"] + said["pending"]
    return said if through and every else None


def train(stack: Stack, on: bool) -> dict[str, Any]:
    answer = httpx.put(url(stack, "/training"), json={"on": on}, timeout=10)
    answer.raise_for_status()
    state = "live" if on else "paused"
    return wait_for(f"the learner is {state}", lambda: (now := live(stack))["state"] == state and now, 30)


def more(stack: Stack, events: int) -> int:
    """So many more valid events, at least; how many there are then."""
    before = valid(stack)
    with flow(stack):
        wait_for("events flow", lambda: valid(stack) >= before + events, 60)
    wait_for("all events are checked", lambda: _checked(stack), 60)
    return valid(stack)


def _checked(stack: Stack) -> bool:
    one = stack.application(NAME)
    return bool(one["produced"] == one["valid"] + one["rejected"])


def answered(stack: Stack) -> list[tuple[int, int]]:
    """The event of every answer on the topic."""
    rows = read_all(stack.read.broker.url, names.topic(NAME, Stream.PREDICTIONS))
    found = (json.loads(row.value) for row in rows)
    return [(one[SOURCE_PARTITION], one[SOURCE_OFFSET]) for one in found]


def tags(stack: Stack, run_id: str) -> dict[str, str]:
    """The tags of a run in MLflow."""
    answer = httpx.get(
        f"{stack.read.mlflow.url}/api/2.0/mlflow/runs/get", params={"run_id": run_id}, timeout=10
    )
    answer.raise_for_status()
    return {one["key"]: one["value"] for one in answer.json()["run"]["data"].get("tags", [])}


def versions(stack: Stack) -> list[dict[str, Any]]:
    return list(httpx.get(url(stack, "/versions"), timeout=10).json()["versions"])


def test_told_to_rest_it_rests_and_then_misses_nothing(quiet: Stack) -> None:
    told = answered(quiet)
    rests = train(quiet, on=False)
    assert rests["asked"] == valid(quiet)
    total = more(quiet, EVENTS)
    wait_for("the learner sees how far behind it is", lambda: live(quiet)["lag"] >= EVENTS, 30)
    still = live(quiet)
    assert (still["state"], still["asked"], still["taught"]) == ("paused", rests["asked"], rests["taught"])
    application = APPLICATIONS[NAME]
    body = {"application": NAME, "event": complete(application, randomize(application, 3))}
    assert httpx.post(f"{quiet.api}/api/v1/incremental/predict", json=body, timeout=10).is_success
    train(quiet, on=True)
    after = wait_for("everything is learned", partial(settled, quiet))
    assert after["asked"] == total, "no gap, no double"
    assert after["run_id"] == rests["run_id"], "the same run goes on"
    fresh = answered(quiet)
    assert len(fresh) == len(told) + total - rests["asked"]
    assert len(set(fresh)) - len(set(told)) == total - rests["asked"], "each was answered once"


def test_back_to_a_version_it_learns_again_what_came_after(quiet: Stack) -> None:
    before, told = live(quiet), answered(quiet)
    version = next(one for one in versions(quiet) if one["asked"] < before["asked"] and one["taught"])
    answer = httpx.post(url(quiet, "/reset"), json={"version": version["version"]}, timeout=10)
    answer.raise_for_status()
    wait_for("the reset is obeyed", lambda: live(quiet)["resetting"] is None, 60)
    after = wait_for("everything is learned again", partial(settled, quiet))
    assert after["state"] == "live"
    assert after["asked"] == before["asked"]
    assert after["taught"] == before["taught"], "the labels that were known are known again"
    assert after["run_id"] != before["run_id"], "the metrics go back, so the run is another"
    found = wait_for("MLflow says so", lambda: tags(quiet, live(quiet)["run_id"]).get("reset_from"), 30)
    assert found == str(version["version"])
    assert len(answered(quiet)) == len(told) + before["asked"] - version["asked"]
    left = [one for one in versions(quiet) if one["asked"] == before["asked"]]
    assert left, "the state that was left is kept: who went back can go forth"


def test_when_redis_has_lost_it_all_mlflow_remembers(quiet: Stack) -> None:
    part, before = f"learner-{NAME}", live(quiet)
    in_mlflow = wait_for("MLflow has versions", lambda: _newest(quiet, Place.MLFLOW), 60)
    quiet.stop(part)
    with Redis.from_url(quiet.read.redis.url) as redis:
        lost = [key(NAME) for key in (names.snapshot_key, names.checkpoints_key, names.versions_key)]
        lost += [key(NAME) for key in (names.learner_key, names.control_key, names.recent_key)]
        assert redis.delete(*lost) >= 4
    quiet.start(part)
    wait_for("the learner lives", lambda: live(quiet)["state"] == "live", 90)
    after = wait_for("everything is learned", partial(settled, quiet))
    assert after["asked"] == before["asked"]
    assert after["version"] > before["version"], "no version is given twice"
    begun = wait_for("MLflow says so", lambda: tags(quiet, live(quiet)["run_id"]).get("begun_from"), 60)
    assert begun.startswith("version "), begun
    assert int(begun.removeprefix("version ")) >= in_mlflow, "from the newest that MLflow had"
    total = more(quiet, EVENTS)
    assert wait_for("it goes on", partial(settled, quiet))["asked"] == total


def _newest(stack: Stack, place: Place) -> int | None:
    return next((int(one["version"]) for one in versions(stack) if place in one["places"]), None)
