from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from core import jobs, names
from core.applications import APPLICATIONS
from core.batch import JobLine, JobState
from core.diagnostics import DIAGNOSTICS, diagnostics
from core.recipes import RECIPES
from tests.serving.conftest import Api, make_settings, serving
from tests.tracking import Trained

NAME = next(iter(APPLICATIONS))
RECIPE = APPLICATIONS[NAME].batch[0]
PATH = f"/api/v1/batch/{NAME}/jobs"
TRAIN = {"kind": "train", "recipe": RECIPE}


@pytest.fixture
def api(redis: Redis, redis_url: str, tmp_path: Path) -> Iterator[Api]:
    with serving(make_settings(tmp_path, redis_url)) as client:
        client.services.live.poll(redis)
        yield client


@pytest.fixture
def asking(trained: Trained, redis: Redis, redis_url: str, tmp_path: Path) -> Iterator[Api]:
    """With an MLflow that knows runs."""
    with serving(make_settings(tmp_path, redis_url, mlflow_url=trained.settings.mlflow.url)) as client:
        client.services.live.poll(redis)
        yield client


def test_a_job_is_taken_queued_and_told_of(api: Api, redis: Redis) -> None:
    answer = api.post(PATH, json=TRAIN | {"rows": {"take": "percent", "amount": 25}})
    assert answer.status_code == 202
    job = answer.json()
    assert (job["state"], job["kind"], job["application"], job["attempt"]) == ("queued", "train", NAME, 1)
    assert job["request"]["rows"] == {"take": "percent", "amount": 25, "seed": 42}
    assert api.get(f"/api/v1/jobs/{job['id']}").json() == job
    assert redis.lrange(f"rq:queue:{names.BATCH_QUEUE}", 0, -1) == [job["id"].encode()]


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_newest_jobs_come_first(api: Api, redis: Redis, name: str) -> None:
    made = [
        api.post(f"/api/v1/batch/{one}/jobs", json={"kind": kind}).json()["id"]
        for kind in ("evaluate", "drift")
        for one in (name, NAME)
    ]
    listed = api.get("/api/v1/jobs").json()
    assert [one["id"] for one in listed["jobs"]] == made[::-1]
    assert listed["slots"] == 0, "nobody works"
    redis.set(names.batch_workers_key(), 3)
    listed = api.get("/api/v1/jobs", params={"application": name, "limit": 1}).json()
    assert [one["application"] for one in listed["jobs"]] == [name]
    assert listed["slots"] == 3


def test_a_log_is_read_on_from_where_it_was_left(api: Api, redis: Redis) -> None:
    path = f"/api/v1/jobs/{api.post(PATH, json=TRAIN).json()['id']}/log"
    job = path.split("/")[4]
    assert api.get(path).json() == {"lines": [], "last": ""}
    jobs.write_lines(
        redis, job, [JobLine(at=datetime.now(UTC), text=f"{n}", values={"n": n}) for n in (1, 2)]
    )
    first = api.get(path).json()
    assert [(one["text"], one["values"]) for one in first["lines"]] == [("1", {"n": 1.0}), ("2", {"n": 2.0})]
    jobs.write_lines(redis, job, [JobLine(at=datetime.now(UTC), text="3")])
    more = api.get(path, params={"after": first["last"]}).json()
    assert [one["text"] for one in more["lines"]] == ["3"]
    assert api.get(path, params={"after": more["last"]}).json() == {"lines": [], "last": more["last"]}
    assert api.get(path, params={"after": "yesterday"}).status_code == 422


def test_a_waiting_job_is_stopped_for_good(api: Api, redis: Redis) -> None:
    job = api.post(PATH, json=TRAIN).json()["id"]
    stopped = api.delete(f"/api/v1/jobs/{job}").json()
    assert stopped["state"] == "stopped"
    assert stopped["ended"]
    assert not redis.keys("rq:queue:*")
    assert api.delete(f"/api/v1/jobs/{job}").json() == stopped
    late = jobs.change(redis, job, lambda now: None if now.state in jobs.ENDED else now)
    assert late is None


def test_a_job_in_nobodys_hand_does_not_run(api: Api, redis: Redis) -> None:
    job = api.post(PATH, json=TRAIN).json()["id"]
    jobs.change(redis, job, lambda now: jobs.replaced(now, state=JobState.RUNNING, percent=40.0))
    redis.set(names.job_alive_key(job), "a slot")
    told = [api.get(f"/api/v1/jobs/{job}").json(), *api.get("/api/v1/jobs").json()["jobs"]]
    assert [(one["state"], one["percent"]) for one in told] == [("running", 40)] * 2
    redis.delete(names.job_alive_key(job))
    told = [api.get(f"/api/v1/jobs/{job}").json(), *api.get("/api/v1/jobs").json()["jobs"]]
    assert [(one["state"], one["percent"]) for one in told] == [("queued", 0)] * 2
    assert api.delete(f"/api/v1/jobs/{job}").json()["state"] == "stopped", "and can be stopped"


@pytest.mark.parametrize("name", APPLICATIONS)
def test_only_what_can_be_tuned_is(api: Api, name: str) -> None:
    for recipe in APPLICATIONS[name].batch:
        asked = {"kind": "train", "recipe": recipe, "tune_seconds": 5}
        answer = api.post(f"/api/v1/batch/{name}/jobs", json=asked)
        assert answer.is_success == any(one.tuned for one in RECIPES[recipe].parameters.values())
        if not answer.is_success:
            assert answer.json()["errors"][0]["field"] == "tune_seconds"


@pytest.mark.parametrize(
    ("asked", "field", "said"),
    [
        ({}, "kind", "kind"),
        ({"kind": "nope"}, "kind", "nope"),
        ({"kind": "train"}, "recipe", "recipe"),
        (TRAIN | {"recipe": "nope"}, "recipe", RECIPE),
        (TRAIN | {"what": 1}, "what", "what"),
        (TRAIN | {"application": NAME}, "application", "path"),
        (TRAIN | {"tune_seconds": -1}, "tune_seconds", "-1"),
        (TRAIN | {"rows": {"amount": 0}}, "rows", "amount 0"),
        (TRAIN | {"rows": {"amount": "many"}}, "rows.amount", "float"),
        (TRAIN | {"rows": {"amount": 1e12}}, "rows.amount", "2000000"),
        (TRAIN | {"rows": {"take": "percent", "amount": 101}}, "rows", "0..100"),
        (TRAIN | {"rows": {"take": "first"}}, "rows.take", "first"),
        ({"kind": "evaluate", "run_ids": ["r", "../x"]}, "run_ids.1", "../x"),
        ({"kind": "drift", "run_id": "a b"}, "run_id", "a b"),
        ({"kind": "diagnose", "run_id": "r", "diagnostic": "nope"}, "diagnostic", "nope"),
    ],
)
def test_nonsense_is_refused_with_its_field(
    api: Api, redis: Redis, asked: dict[str, Any], field: str, said: str
) -> None:
    answer = api.post(PATH, json=asked)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert said in error["message"]
    assert not redis.keys("millrace:job:*"), "no job was made of it"


def test_a_choice_that_a_diagnostic_does_not_have_is_refused(api: Api) -> None:
    one = diagnostics(APPLICATIONS[NAME])[0]
    asked = {"kind": "diagnose", "run_id": "r", "diagnostic": one.id, "parameters": {"nope": 1}}
    (error,) = api.post(PATH, json=asked).json()["errors"]
    assert error["field"] == "parameters"
    assert "nope" in error["message"]


def test_other_errors(api: Api, tmp_path: Path) -> None:
    assert api.post(PATH, content=b"{").status_code == 400
    assert api.post(PATH, json=[1]).status_code == 422
    assert api.post("/api/v1/batch/nope/jobs", json=TRAIN).status_code == 404
    assert api.get("/api/v1/jobs", params={"application": "nope"}).status_code == 404
    assert api.get("/api/v1/jobs", params={"limit": 0}).status_code == 422
    job = api.post(PATH, json=TRAIN).json()["id"]
    for unknown in ("0" * 16, "nope", f"{job}:alive", f"{job}:log"):
        assert api.get(f"/api/v1/jobs/{unknown}").status_code == 404
        assert api.get(f"/api/v1/jobs/{unknown}/log").status_code == 404
        assert api.delete(f"/api/v1/jobs/{unknown}").status_code == 404
    with serving(make_settings(tmp_path)) as away:
        assert away.post(PATH, json=TRAIN).status_code == 503
        for path in ("/api/v1/jobs", f"/api/v1/jobs/{job}", f"/api/v1/jobs/{job}/log"):
            assert away.get(path).status_code == 503
        assert away.delete(f"/api/v1/jobs/{job}").status_code == 503


NAMING: list[tuple[dict[str, Any], str]] = [
    ({"kind": "evaluate", "run_ids": ["{run}"]}, "run_ids.0"),
    ({"kind": "drift", "run_id": "{run}"}, "run_id"),
    ({"kind": "diagnose", "run_id": "{run}", "diagnostic": diagnostics(APPLICATIONS[NAME])[0].id}, "run_id"),
]
"""Requests that name a run, and the field that they name it in."""


def naming(asked: dict[str, Any], run: str) -> dict[str, Any]:
    """The request with a run in its place."""
    whole: dict[str, Any] = json.loads(json.dumps(asked).replace("{run}", run))
    return whole


@pytest.mark.parametrize(("asked", "field"), NAMING)
def test_runs_are_known_before_a_job_is_made(
    asking: Api, trained: Trained, redis: Redis, asked: dict[str, Any], field: str
) -> None:
    other = list(APPLICATIONS)[1]
    for run, said in (("nobody", "no run 'nobody'"), (trained.run(other), f"of {other}, not of {NAME}")):
        answer = asking.post(PATH, json=naming(asked, run))
        assert answer.status_code == 422
        assert [one["field"] for one in answer.json()["errors"]] == [field]
        assert said in answer.json()["errors"][0]["message"]
    assert not redis.keys("millrace:job:*"), "no job was made of it"
    assert asking.post(PATH, json=naming(asked, trained.run(NAME))).status_code == 202


@pytest.mark.parametrize(("asked", "field"), NAMING)
def test_without_mlflow_nothing_is_promised_about_a_run(
    api: Api, redis: Redis, asked: dict[str, Any], field: str
) -> None:
    answer = api.post(PATH, json=naming(asked, "r"))
    assert answer.status_code == 503, field
    assert "MLflow" in answer.json()["detail"]
    assert not redis.keys("millrace:job:*")


def test_every_declared_diagnostic_can_be_asked_for_where_it_applies(api: Api) -> None:
    for name, application in APPLICATIONS.items():
        fitting = {one.id for one in diagnostics(application)}
        for one in DIAGNOSTICS:
            asked = {"kind": "diagnose", "run_id": "r", "diagnostic": one}
            status = api.post(f"/api/v1/batch/{name}/jobs", json=asked).status_code
            assert status == (503 if one in fitting else 422), (name, one, "only MLflow is missing")


def test_there_is_no_drift_report_at_first(api: Api) -> None:
    answer = api.get(f"/api/v1/batch/{NAME}/drift")
    assert answer.status_code == 404
    assert '"kind": "drift"' in answer.json()["detail"]
    assert api.get("/api/v1/batch/nope/drift").status_code == 404
