"""Diagnostics over HTTP: which there are, what was found, and asking for more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from redis import Redis

from core import jobs, names
from core.applications import APPLICATIONS
from core.batch import JobState
from core.diagnostics import Cost, Tab, diagnostics
from core.diagnostics.choices import LIVE, choices, digest
from core.diagnostics.shapes import Axis, Lines, Panel, Result, Sample
from core.features import features
from models.registered.inputs import inputs
from tests.serving.conftest import Api, make_settings, serving
from tests.tracking import Trained

NAME = next(iter(APPLICATIONS))
DECLARED = {one.id: one for one in diagnostics(APPLICATIONS[NAME])}
ONE = "calibration"
PATH = f"/api/v1/batch/{NAME}/diagnostics"
RUN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def api(tmp_path: Path, redis_url: str, redis: Redis) -> Iterator[Api]:
    with serving(make_settings(tmp_path, redis_url)) as client:
        client.services.live.poll(redis)
        yield client


@pytest.fixture
def asking(trained: Trained, tmp_path: Path, redis_url: str, redis: Redis) -> Iterator[Api]:
    """With an MLflow that knows runs."""
    with serving(make_settings(tmp_path, redis_url, mlflow_url=trained.settings.mlflow.url)) as client:
        client.services.live.poll(redis)
        yield client


def kept(redis: Redis, diagnostic: str = ONE, run: str = RUN, **parameters: float | int | str) -> Result:
    """A result as the batch worker leaves it."""
    chosen = choices(DECLARED[diagnostic], parameters)
    line = Lines(name="model", x=[0.0, 1.0], y=[0.0, None])
    result = Result(
        diagnostic=diagnostic,
        application=NAME,
        run_id=run,
        parameters=dict(chosen),
        panels=[Panel(title="Figure", x=Axis(title="x"), y=Axis(title="y"), series=[line])],
        facts=[],
        sample=Sample(rows=10, available=10, split="test"),
        seconds=0.1,
        computed=datetime(2026, 3, 1, tzinfo=UTC),
    )
    redis.set(names.diagnostic_key(NAME, run, digest(diagnostic, chosen)), msgspec.json.encode(result))
    return result


@pytest.mark.parametrize("name", APPLICATIONS)
def test_every_diagnostic_is_listed_by_tab(api: Api, name: str) -> None:
    answer = api.get(f"/api/v1/batch/{name}/diagnostics")
    assert answer.status_code == 200
    tabs = answer.json()["tabs"]
    declared = diagnostics(APPLICATIONS[name])
    assert [one["id"] for tab in tabs for one in tab["diagnostics"]] == [
        one.id for tab in Tab for one in declared if one.tab == tab
    ]
    assert [tab["tab"] for tab in tabs] == [tab for tab in Tab if any(one.tab == tab for one in declared)]
    assert "{noun}" not in answer.text
    for tab in tabs:
        for one in tab["diagnostics"]:
            assert one["cost"] in list(Cost)
            assert one["live"] == (tab["tab"] == Tab.LIVE)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_inputs_that_may_be_chosen_are_the_models(api: Api, name: str) -> None:
    application = APPLICATIONS[name]
    known = inputs(application)
    wanted = {"input": [one.name for one in known], "number": [n.name for n in known if n.kind == "number"]}
    tabs = api.get(f"/api/v1/batch/{name}/diagnostics").json()["tabs"]
    seen = set()
    for one in (one for tab in tabs for each in tab["diagnostics"] for one in each["parameters"]):
        if one["kind"] in wanted:
            assert one["values"] == wanted[one["kind"]]
            assert one["default"] not in one["values"], "empty: the most important one"
            seen.add(one["kind"])
    assert seen == set(wanted)
    assert {one.name for one in features(application)} <= set(wanted["number"]), "what is remembered too"
    assert application.label not in wanted["input"]


def test_a_kept_result_is_given_at_once(api: Api, redis: Redis) -> None:
    result = kept(redis, bins=12)
    asked = api.post(f"{PATH}/{ONE}", json={"run_id": RUN, "parameters": {"bins": 12}})
    assert asked.status_code == 200
    assert msgspec.json.decode(asked.content, type=Result) == result
    read = api.get(f"{PATH}/{ONE}", params={"run_id": RUN, "bins": 12})
    assert read.content == asked.content
    assert read.headers["content-type"] == "application/json"


def test_defaults_and_their_values_are_the_same_question(api: Api, redis: Redis) -> None:
    kept(redis)
    assert api.get(f"{PATH}/{ONE}", params={"run_id": RUN}).status_code == 200
    assert api.get(f"{PATH}/{ONE}", params={"run_id": RUN, "bins": 10}).status_code == 200
    assert api.get(f"{PATH}/{ONE}", params={"run_id": RUN, "bins": 11}).status_code == 404


def test_what_was_not_computed_becomes_a_job(asking: Api, trained: Trained, redis: Redis) -> None:
    run = trained.run(NAME)
    answer = asking.post(f"{PATH}/{ONE}", json={"run_id": run, "parameters": {"bins": 12}})
    assert answer.status_code == 202
    job = jobs.read(redis, answer.json()["id"])
    assert job.kind == "diagnose"
    assert job.request == {
        "application": NAME,
        "run_id": run,
        "diagnostic": ONE,
        "parameters": {"bins": 12},
    }


def test_a_run_that_there_is_not_is_told_at_once(asking: Api, trained: Trained, redis: Redis) -> None:
    answer = asking.post(f"{PATH}/{ONE}", json={"run_id": RUN})
    assert answer.status_code == 404
    assert [one["field"] for one in answer.json()["errors"]] == ["run_id"]
    assert RUN in answer.json()["detail"]
    other = list(APPLICATIONS)[1]
    answer = asking.post(f"{PATH}/{ONE}", json={"run_id": trained.run(other)})
    assert answer.status_code == 422
    assert f"is of {other}, not of {NAME}" in answer.json()["errors"][0]["message"]
    assert not redis.keys("millrace:job:*"), "no job was made of it"


def test_without_mlflow_it_says_so(api: Api, redis: Redis) -> None:
    answer = api.post(f"{PATH}/{ONE}", json={"run_id": RUN})
    assert answer.status_code == 503
    assert "MLflow" in answer.json()["detail"]
    assert not redis.keys("millrace:job:*")


def test_the_same_question_is_one_job(asking: Api, trained: Trained) -> None:
    asked = {"run_id": trained.run(NAME), "parameters": {"bins": 12}}
    first, second = (asking.post(f"{PATH}/{ONE}", json=asked).json()["id"] for _ in range(2))
    other = asking.post(f"{PATH}/{ONE}", json={"run_id": trained.run(NAME)}).json()["id"]
    assert first == second != other


def test_a_job_that_has_ended_is_asked_for_again(asking: Api, trained: Trained, redis: Redis) -> None:
    asked = {"run_id": trained.run(NAME)}
    first = asking.post(f"{PATH}/{ONE}", json=asked).json()["id"]
    ended = msgspec.structs.replace(jobs.read(redis, first), state=JobState.FAILED)
    redis.set(names.job_key(first), msgspec.json.encode(ended))
    assert asking.post(f"{PATH}/{ONE}", json=asked).json()["id"] != first


def test_live_diagnostics_need_no_run(api: Api, redis: Redis) -> None:
    one = next(one.id for one in DECLARED.values() if one.tab == Tab.LIVE)
    assert api.post(f"{PATH}/{one}", json={}).status_code == 202
    kept(redis, one, LIVE)
    assert api.post(f"{PATH}/{one}", json={}).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        (f"{PATH}/nonsense", {"run_id": RUN}, 404, "no diagnostic 'nonsense'; it has confusion_matrix"),
        ("/api/v1/batch/nobody/diagnostics/roc", {"run_id": RUN}, 404, "no application 'nobody'"),
        (f"{PATH}/{ONE}", {}, 422, "run_id says which"),
        (f"{PATH}/{ONE}", {"run_id": RUN, "parameters": {"bins": 1}}, 422, "bins=1: must lie in 3..50"),
        (f"{PATH}/{ONE}", {"run_id": RUN, "parameters": {"x": 1}}, 422, "no parameter 'x'; there are bins"),
        (f"{PATH}/{ONE}", {"run_id": RUN, "parameters": {"bins": [1]}}, 422, "parameters"),
        (f"{PATH}/{ONE}", {"run_id": RUN, "more": 1}, 422, "more"),
        (f"{PATH}/{ONE}", {"run_id": 7}, 422, "run_id"),
    ],
)
def test_what_is_wrong_is_named(api: Api, path: str, body: object, status: int, said: str) -> None:
    answer = api.post(path, json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


def test_a_diagnostic_of_another_task_is_not_one_of_its_own(asking: Api, trained: Trained) -> None:
    other = next(
        (name, one.id)
        for name, application in APPLICATIONS.items()
        for one in diagnostics(application)
        if one.id not in DECLARED
    )
    assert asking.post(f"{PATH}/{other[1]}", json={"run_id": RUN}).status_code == 404
    its_own = f"/api/v1/batch/{other[0]}/diagnostics/{other[1]}"
    assert asking.post(its_own, json={"run_id": trained.run(other[0])}).is_success


def test_without_redis_it_says_so(tmp_path: Path) -> None:
    with serving(make_settings(tmp_path)) as api:
        assert api.get(PATH).status_code == 200
        for answer in (
            api.post(f"{PATH}/{ONE}", json={"run_id": RUN}),
            api.get(f"{PATH}/{ONE}", params={"run_id": RUN}),
        ):
            assert answer.status_code == 503
            assert "Redis" in answer.json()["detail"]
