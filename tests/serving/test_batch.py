"""Registered models answer, against a real MLflow and a real Redis."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from redis import Redis

from batch.runs import load_run
from core.applications import APPLICATIONS
from core.connect.mlflow import Mlflow
from core.declaration import Classification, Clustering, Number, Regression
from core.features import as_of, features
from core.metrics import batch_metrics
from core.names import batch_experiment, features_key
from core.recipes import RECIPES
from core.runs import MODEL, Tag
from core.settings import Settings
from models import row
from models.registered.inputs import frame
from serving import batch_models
from tests.serving.conftest import Api, make_settings, serving
from tests.serving.rows import event
from tests.tracking import Trained

NAME, OTHER = list(APPLICATIONS)[:2]
APP = APPLICATIONS[NAME]
EVERY = pytest.mark.parametrize("name", APPLICATIONS)


def path(rest: str = "", name: str = NAME) -> str:
    return f"/api/v1/batch/{name}{rest}"


def settings_of(trained: Trained, var: Path, redis_url: str) -> Settings:
    return make_settings(var, redis_url, mlflow_url=trained.settings.mlflow.url)


@pytest.fixture
def client(trained: Trained, redis: Redis, redis_url: str, tmp_path: Path) -> Iterator[Api]:
    """An API that has looked at MLflow once; its clock does not run."""
    with serving(settings_of(trained, tmp_path, redis_url)) as api:
        api.services.live.poll(redis)
        api.services.batch_models.poll()
        yield api
        api.services.batch_models.stop()


def ask(client: Api, name: str = NAME, **body: Any) -> httpx.Response:
    return client.post(path("/predict", name), json={"event": event(APPLICATIONS[name], 1)} | body)


def problem(response: httpx.Response, status: int) -> Any:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return response.json()


@EVERY
def test_the_champion_answers(client: Api, trained: Trained, name: str) -> None:
    application, result = APPLICATIONS[name], trained.results[name][0]
    response = ask(client, name)
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["source"] == "registered"
    assert body["run_id"] == trained.run(name)
    assert (body["version"], body["model"]) == (1, application.batch[0])
    known = {metric: value for metric, value in result["scores"].items() if value is not None}
    assert body["scores"] == pytest.approx(known)
    assert body["naive"] is not None
    assert body["latency_ms"] > 0
    assert body["snapshot_age_s"] > 0
    assert body["explanation"] is None
    assert body["features"] is None, "nothing is remembered of the entity"
    loaded = load_run(trained.settings, application, trained.run(name))
    rows = frame(application, [row(application, event(application, 1))])
    expected = float(loaded.model.answers(rows)[0])
    match application.task:
        case Classification():
            assert body["answer"]["probability"] == pytest.approx(expected)
            assert body["threshold"] == pytest.approx(loaded.model.threshold)
            assert body["answer"]["value"] is (expected >= body["threshold"])
        case Regression():
            assert body["answer"]["value"] == pytest.approx(expected)
            low, high = body["answer"]["interval"]
            assert low <= expected <= high
        case Clustering():
            assert body["answer"]["value"] == expected
            assert body["segment"]["number"] == expected


def test_another_run_may_be_asked(client: Api, trained: Trained) -> None:
    body = ask(client, run_id=trained.run(NAME, 1)).json()
    assert (body["run_id"], body["version"]) == (trained.run(NAME, 1), 2)
    assert body["answer"] != ask(client).json()["answer"]


def test_an_explanation_comes_when_it_is_asked(client: Api) -> None:
    told = ask(client, explain=True).json()["explanation"]
    effects = [abs(one["effect"]) for one in told]
    assert effects == sorted(effects, reverse=True)
    assert told[0]["name"]


def test_what_is_remembered_of_the_entity_is_told_to_the_model(
    client: Api, trained: Trained, redis: Redis
) -> None:
    asked = event(APP, 1)
    values = {one.name: 3 if one.integer else 3.5 for one in features(APP)}
    held = values | {"event_time": asked[APP.event_time.name], "source_partition": 0, "source_offset": 1}
    redis.hset(features_key(APP.name), asked[APP.key], msgspec.json.encode(held))
    body = client.post(path("/predict"), json={"event": asked}).json()
    moment = datetime.fromisoformat(asked[APP.event_time.name])
    windowed = as_of(APP, values, moment, moment)
    assert body["features"] == windowed
    model = load_run(trained.settings, APP, trained.run(NAME)).model
    told, untold = (float(model.answers(frame(APP, [row(APP, asked, one)]))[0]) for one in (windowed, None))
    assert body["answer"]["probability"] == pytest.approx(told)
    assert told != untold
    assert 3 in body["features"].values()
    assert body["features_age_s"] >= 0


def test_events_are_checked_as_for_the_live_models(client: Api) -> None:
    number = next(field for field in APP.fields if isinstance(field, Number))
    body = problem(client.post(path("/predict"), json={"event": event(APP, 1) | {number.name: -1}}), 422)
    assert [error["field"] for error in body["errors"]] == [number.name]
    label = APP.label or ""
    body = problem(client.post(path("/predict"), json={"event": event(APP, 1) | {label: True}}), 422)
    assert body["errors"][0]["field"] == label
    assert problem(client.post(path("/predict"), json={}), 422)["errors"][0]["field"] == "event"
    strange = {"event": event(APP, 1), "model": "x"}
    assert problem(client.post(path("/predict"), json=strange), 422)["errors"][0]["field"] == "model"
    problem(client.post(path("/predict"), content=b"{"), 400)
    detail = problem(client.post(path("/predict", "nope"), json={}), 404)["detail"]
    assert all(name in detail for name in APPLICATIONS)


def test_a_run_that_can_not_be_used_is_named(client: Api, trained: Trained) -> None:
    body = problem(ask(client, run_id="0" * 32), 404)
    assert body["errors"][0]["field"] == "run_id"
    body = problem(ask(client, run_id=trained.run(OTHER)), 422)
    assert f"is of {OTHER}, not of {NAME}" in body["detail"]
    with Mlflow(trained.settings.mlflow.url) as mlflow:
        run = mlflow.start(mlflow.experiment(batch_experiment(NAME)), 1, {Tag.APPLICATION: NAME}, {})
        mlflow.end(run, 2, "FAILED")
    assert "is FAILED" in problem(ask(client, run_id=run), 409)["detail"]


def test_a_corrupt_artifact_is_named(client: Api, trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    run, real = trained.run(NAME, 1), Mlflow.fetch

    def changed(self: Mlflow, run_id: str, name: str) -> bytes:
        return real(self, run_id, name)[:-1] + b"?"

    monkeypatch.setattr(Mlflow, "fetch", changed)
    detail = problem(ask(client, run_id=run), 502)["detail"]
    assert f"the model of run {run} is refused: the signature" in detail
    monkeypatch.setattr(Mlflow, "fetch", lambda self, *_: real(self, trained.run(OTHER), MODEL))
    assert f"is of {OTHER}, not of {NAME}" in problem(ask(client, run_id=run), 502)["detail"]


def test_few_runs_stay_decoded(client: Api, trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_models, "HELD_RUNS", 1)
    held = client.services.batch_models
    for name in (NAME, OTHER):
        held.of_run(name, trained.run(name, 1))
    assert list(held._runs) == [(OTHER, trained.run(OTHER, 1))]
    monkeypatch.setattr(Mlflow, "fetch", lambda *_: pytest.fail("fetched again"))
    held.of_run(OTHER, trained.run(OTHER, 1))


@EVERY
def test_the_state_of_an_application(client: Api, trained: Trained, name: str) -> None:
    body = client.get(path("", name)).json()
    assert body["champion"]["run_id"] == trained.run(name)
    assert body["challenger"]["run_id"] == trained.run(name, 1)
    assert body["answering"] == {
        "run_id": trained.run(name),
        "version": 1,
        "refused": "",
        "away": "",
    }
    assert [one["name"] for one in body["recipes"]] == list(APPLICATIONS[name].batch)
    assert all(one["parameters"] for one in body["recipes"])
    assert body["most_rows"] == 2_000_000
    assert body["rows"] is None, "there is no table here"


@EVERY
def test_runs_are_listed(client: Api, trained: Trained, name: str) -> None:
    listed = client.get(path("/runs", name)).json()["runs"]
    assert [one["run_id"] for one in listed] == [trained.run(name, 1), trained.run(name)]
    first = listed[-1]
    leading = batch_metrics(APPLICATIONS[name].task)[0].id
    assert first["scores"][leading] == pytest.approx(trained.results[name][0]["scores"][leading])
    assert first["rows"] == trained.results[name][0]["rows"]
    assert first["aliases"] == ["champion"]
    assert first["window"]["start"] < first["window"]["end"]
    assert first["run_url"].endswith(first["run_id"])
    assert len(client.get(path("/runs?limit=1", name)).json()["runs"]) <= 1
    problem(client.get(path("/runs?limit=0", name)), 422)


def test_promotion_asks_for_a_comparison(client: Api, trained: Trained) -> None:
    with Mlflow(trained.settings.mlflow.url) as mlflow:
        mlflow.untag(trained.run(NAME, 1), Tag.EVALUATED)
    body = problem(client.put(path("/champion"), json={"run_id": trained.run(NAME, 1)}), 409)
    assert "was never evaluated on a latest window" in body["detail"]
    problem(client.put(path("/champion"), json={"run_id": "f" * 32}), 404)
    problem(client.put(path("/champion"), json={"run_id": trained.run(OTHER)}), 422)
    problem(client.put(path("/champion"), json={}), 422)


@EVERY
def test_runs_are_called_as_their_recipe_is(client: Api, trained: Trained, name: str) -> None:
    recipe = APPLICATIONS[name].batch[0]
    listed = client.get(path("/runs", name)).json()["runs"]
    mine = [one for one in listed if one["run_id"] == trained.run(name)]
    assert [(one["recipe"], one["title"]) for one in mine] == [(recipe, RECIPES[recipe].title)]
    assert client.get(path("", name)).json()["champion"]["title"] == RECIPES[recipe].title


def test_a_promotion_is_followed_at_once(client: Api, trained: Trained) -> None:
    from batch.evaluate import evaluate
    from batch.progress import Silent
    from core.batch import Evaluate

    evaluate(trained.settings, Evaluate(application=NAME), Silent())
    before, after = trained.run(NAME), trained.run(NAME, 1)
    try:
        body = client.put(path("/champion"), json={"run_id": after}).json()
        assert body["champion"]["run_id"] == body["answering"]["run_id"] == after
        assert body["challenger"]["run_id"] == before
        assert ask(client).json()["run_id"] == after
    finally:
        assert client.put(path("/champion"), json={"run_id": before}).status_code == 200
    assert ask(client).json()["run_id"] == before


def test_an_alias_that_moves_is_followed_by_the_clock(
    trained: Trained, redis: Redis, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.registry import appoint
    from tests.serving.conftest import eventually

    monkeypatch.setattr(batch_models, "POLL_SECONDS", 0.1)
    with serving(settings_of(trained, tmp_path, redis_url), background=True) as api:
        held = api.services.batch_models

        def answers(run: str) -> bool:
            champion = held.standing(NAME).champion
            return champion is not None and champion.info.run_id == run

        eventually(lambda: answers(trained.run(NAME)), 60)
        with Mlflow(trained.settings.mlflow.url) as mlflow:
            try:
                appoint(mlflow, NAME, 2)
                eventually(lambda: answers(trained.run(NAME, 1)), 60)
            finally:
                appoint(mlflow, NAME, 1)
        eventually(lambda: answers(trained.run(NAME)), 60)


def test_while_mlflow_is_away_the_held_model_answers(client: Api, trained: Trained) -> None:
    held = client.services.batch_models
    real, held._mlflow = held._mlflow, Mlflow("http://127.0.0.1:1", 0.5)
    try:
        held.poll()
        assert ask(client).json()["run_id"] == trained.run(NAME)
        body = client.get(path()).json()
        assert "ConnectError" in body["answering"]["away"]
        assert body["champion"]["run_id"] == trained.run(NAME)
        assert "MLflow at" in problem(client.get(path("/runs")), 503)["detail"]
        assert "is away" in problem(ask(client, run_id=trained.run(NAME, 1)), 503)["detail"]
    finally:
        held._mlflow.close()
        held._mlflow = real
    held.poll()
    assert client.get(path()).json()["answering"]["away"] == ""


def test_a_champion_that_can_not_be_used_is_refused_once(
    client: Api, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.registry import appoint

    fetched: list[str] = []

    def broken(self: Mlflow, run: str, name: str) -> bytes:
        fetched.append(run)
        return b"broken"

    monkeypatch.setattr(Mlflow, "fetch", broken)
    with Mlflow(trained.settings.mlflow.url) as mlflow:
        try:
            appoint(mlflow, NAME, 2)
            for _ in range(3):
                client.services.batch_models.poll()
        finally:
            appoint(mlflow, NAME, 1)
    assert fetched == [trained.run(NAME, 1)]
    body = client.get(path()).json()
    assert body["champion"]["run_id"] == trained.run(NAME, 1)
    assert body["answering"]["run_id"] == trained.run(NAME), "the model before goes on"
    assert "is refused: these 6 bytes are not a sealed batch model" in body["answering"]["refused"]
    assert f'millrace_refused_batch_models_total{{application="{NAME}"}} 1.0' in _metrics(client)


def _metrics(client: Api) -> str:
    return client.get("/metrics").text


def test_metrics_tell_which_model_answers(client: Api, trained: Trained) -> None:
    ask(client)
    text = _metrics(client)
    leading = batch_metrics(APP.task)[0].id
    assert f'millrace_batch_model_version{{application="{NAME}"}} 1.0' in text
    assert f'millrace_batch_model_score{{application="{NAME}",metric="{leading}"}} 0.' in text
    assert f'millrace_batch_predict_seconds_count{{application="{NAME}"}} 1.0' in text
    wanted = f'millrace_batch_model_age_seconds{{application="{NAME}"'
    [age] = [line for line in text.splitlines() if line.startswith(wanted)]
    assert 0 < float(age.split()[-1]) < time.time()


def test_without_a_model_nothing_is_answered(redis: Redis, redis_url: str, tmp_path: Path) -> None:
    with serving(make_settings(tmp_path, redis_url)) as api:
        assert "MLflow is away (not asked yet)" in problem(ask(api), 503)["detail"]
        api.services.batch_models.poll()
        assert "MLflow is away (ConnectError" in problem(ask(api), 503)["detail"]
        api.services.batch_models.stop()


def test_before_the_first_training_the_state_is_empty(
    trained: Trained, redis: Redis, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.registry.registered_model", lambda name: f"untrained-{name}")
    with serving(settings_of(trained, tmp_path, redis_url)) as api:
        api.services.batch_models.poll()
        body = api.get(path()).json()
        assert body["champion"] is None
        assert body["challenger"] is None
        assert f"{NAME} has no registered model: train one first" in problem(ask(api), 503)["detail"]
        assert api.get(path("/runs")).json() == {"runs": [], "best": None}
        api.services.batch_models.stop()
