"""Batch models on the real stack: trained on what Flink wrote, registered in MLflow, asked, diagnosed.

Runs after `test_first_light` on the same stack.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import httpx
import pytest

from core.applications import APPLICATIONS
from core.batch import Alias, JobState
from core.diagnostics import Cost, diagnostics
from core.forms import complete, randomize
from tests.e2e.stack import Stack, wait_for

pytestmark = pytest.mark.e2e

EVERY = pytest.mark.parametrize("name", APPLICATIONS)

ENDED = (JobState.FINISHED, JobState.FAILED, JobState.STOPPED)


def call(stack: Stack, method: str, path: str, **more: Any) -> Any:
    """The answer of the API to a request that it must grant."""
    answer = httpx.request(method, f"{stack.api}/api/v1{path}", timeout=30, **more)
    assert answer.is_success, answer.text
    return answer.json()


def ended(stack: Stack, job: str) -> dict[str, Any] | None:
    """A job's report once it has ended."""
    report: dict[str, Any] = call(stack, "GET", f"/jobs/{job}")
    return report if report["state"] in ENDED else None


def done(stack: Stack, job: dict[str, Any], seconds: float = 180) -> dict[str, Any]:
    """The report of a job that finished as it should."""
    report = wait_for(f"job {job['kind']} ends", partial(ended, stack, job["id"]), seconds)
    assert report["state"] == JobState.FINISHED, report["error"]
    assert report["percent"] == 100
    return report


@pytest.fixture(scope="module")
def trained(stack: Stack) -> dict[str, dict[str, Any]]:
    """Every application's default recipe, all asked for at the same time; application -> report."""
    asked = {
        name: call(stack, "POST", f"/batch/{name}/jobs", json={"kind": "train", "recipe": app.batch[0]})
        for name, app in APPLICATIONS.items()
    }
    return {name: done(stack, job) for name, job in asked.items()}


@EVERY
def test_a_training_tells_what_it_does(stack: Stack, trained: dict[str, Any], name: str) -> None:
    lines = call(stack, "GET", f"/jobs/{trained[name]['id']}/log")["lines"]
    assert len(lines) > 3
    assert any(line["values"] for line in lines), "numbers, not only words"


@EVERY
def test_its_run_tells_rows_and_scores(stack: Stack, trained: dict[str, Any], name: str) -> None:
    run_id = trained[name]["result"]["run_id"]
    runs = {run["run_id"]: run for run in call(stack, "GET", f"/batch/{name}/runs")["runs"]}
    run = runs[run_id]
    assert sum(run["rows"].values()) > 100
    assert run["rows"].keys() == {"train", "validation", "test"}
    assert any(value is not None for value in run["scores"].values())
    assert Alias.CHAMPION in run["aliases"], "the first one answers requests"


@EVERY
def test_the_registered_champion_answers(stack: Stack, trained: dict[str, Any], name: str) -> None:
    application = APPLICATIONS[name]
    body = {"event": complete(application, randomize(application, 3))}

    def answered() -> dict[str, Any] | None:
        said = httpx.post(f"{stack.api}/api/v1/batch/{name}/predict", json=body, timeout=10)
        return dict(said.json()) if said.is_success else None

    answer = wait_for("serving has loaded it", answered, 60)
    assert answer["source"] == "registered"
    assert answer["model"] == application.batch[0]


@EVERY
def test_a_quick_diagnostic_is_computed_once(stack: Stack, trained: dict[str, Any], name: str) -> None:
    quick = next(one for one in diagnostics(APPLICATIONS[name]) if one.cost == Cost.QUICK)
    path = f"/batch/{name}/diagnostics/{quick.id}"
    body = {"run_id": trained[name]["result"]["run_id"], "parameters": {}}
    done(stack, call(stack, "POST", path, json=body))
    found = call(stack, "POST", path, json=body)
    assert found["diagnostic"] == quick.id
    assert found["panels"]
    assert found["sample"]["rows"] > 0


def test_a_run_that_does_not_exist_fails_with_its_name(stack: Stack, trained: dict[str, Any]) -> None:
    name = next(iter(trained))
    quick = next(iter(diagnostics(APPLICATIONS[name])))
    body = {"run_id": "f" * 32, "parameters": {}}
    answer = httpx.post(f"{stack.api}/api/v1/batch/{name}/diagnostics/{quick.id}", json=body, timeout=30)
    if answer.is_success:
        report = wait_for("the job ends", partial(ended, stack, answer.json()["id"]), 60)
        assert report["state"] == JobState.FAILED
        assert "f" * 32 in report["error"]
    else:
        assert "f" * 32 in answer.text
