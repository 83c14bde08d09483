"""Many records in one request, by live models and by registered ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from core.api.records import MOST_RECORDS
from core.applications import APPLICATIONS
from core.declaration import Clustering, Number
from core.features import features
from core.names import features_key
from serving.features.reader import CHUNK, of_all
from serving.records import LISTED
from tests.serving.conftest import Api, make_settings, serving
from tests.serving.feature_rows import START, message
from tests.serving.models import CLASSIFIER, learned, put_report, put_snapshot
from tests.serving.rows import event
from tests.tracking import Trained

PATH = "/api/v1/incremental/predict/batch"
NAME = CLASSIFIER.name
NUMBER = next(field.name for field in CLASSIFIER.fields if isinstance(field, Number))
WINDOWED = next(name for name, app in APPLICATIONS.items() if app.windows and app.label)


@pytest.fixture
def client(redis: Redis, redis_url: str, tmp_path: Path) -> Iterator[Api]:
    with serving(make_settings(tmp_path, redis_url)) as api:
        yield api


def live(client: Api, redis: Redis, name: str = NAME) -> None:
    put_snapshot(redis, name, learned(name), version=3)
    put_report(redis, name)
    client.services.live.poll(redis)


def events(count: int, name: str = NAME) -> list[dict[str, Any]]:
    return [event(APPLICATIONS[name], seed) for seed in range(count)]


def ask(client: Api, asked: list[Any], name: str = NAME, **query: Any) -> httpx.Response:
    return client.post(PATH, json={"application": name, "events": asked}, params=query)


def errors(response: httpx.Response) -> list[str]:
    assert response.status_code == 422, response.text
    return [one["field"] for one in response.json()["errors"]]


@pytest.mark.parametrize("name", [n for n, a in APPLICATIONS.items() if not isinstance(a.task, Clustering)])
def test_each_record_gets_the_answer_it_gets_alone(client: Api, redis: Redis, name: str) -> None:
    live(client, redis, name)
    asked = events(5, name)
    body = ask(client, asked, name).json()
    alone = [
        client.post("/api/v1/incremental/predict", json={"application": name, "event": one}).json()
        for one in asked
    ]
    assert [one["answer"] for one in body["answers"]] == [one["answer"] for one in alone]
    assert [one["event_id"] for one in body["answers"]] == [one["event_id"] for one in alone]
    assert (body["count"], body["refused"]) == (5, 0)
    for word in ("application", "model", "version", "source", "threshold", "scores", "naive"):
        assert body[word] == alone[0][word]


def test_features_of_all_entities_come_along(client: Api, redis: Redis) -> None:
    application = APPLICATIONS[WINDOWED]
    live(client, redis, WINDOWED)
    asked = events(3, WINDOWED)
    for n, one in enumerate(asked):
        one[application.key] = f"entity_{n}"
        one[application.event_time.name] = (START + timedelta(seconds=60)).isoformat()
    redis.hset(features_key(WINDOWED), "entity_1", message(application, "entity_1", 30))
    told = ask(client, asked, WINDOWED).json()["answers"]
    assert [one["features"] is None for one in told] == [True, False, True]
    assert set(told[1]["features"]) == {one.name for one in features(application)}
    assert told[1]["features_age_s"] == pytest.approx(
        (datetime.now(UTC) - START).total_seconds() - 30, abs=60
    )


def test_entities_come_in_chunks(redis: Redis) -> None:
    application = APPLICATIONS[WINDOWED]
    names = [f"entity_{n}" for n in range(2 * CHUNK + 7)]
    redis.hset(features_key(WINDOWED), mapping={one: message(application, one, 1) for one in names[::2]})
    found = of_all(redis, application, [*names, names[0]])
    assert list(found) == names[::2]
    assert all(found[one].entity == one for one in names[::2])


def test_every_bad_field_is_named(client: Api, redis: Redis) -> None:
    live(client, redis)
    asked: list[Any] = events(4)
    asked[1][NUMBER] = -1
    asked[3] = {"surprise": 1}
    asked.append("not an event")
    found = errors(ask(client, asked))
    assert found[0] == f"events.1.{NUMBER}"
    assert found[1].startswith("events.3.")
    assert found[2] == "events.4"


def test_a_body_full_of_bad_records_names_some(client: Api, redis: Redis) -> None:
    live(client, redis)
    response = ask(client, [one | {NUMBER: -1} for one in events(LISTED + 5)])
    assert len(errors(response)) == LISTED
    assert "5 more" in response.json()["detail"]


def test_bad_records_can_be_passed_over(client: Api, redis: Redis) -> None:
    live(client, redis)
    asked = events(3)
    asked[1][NUMBER] = -1
    body = ask(client, asked, skip_bad=True).json()
    assert (body["count"], body["refused"]) == (2, 1)
    assert [one["error"] and one["error"]["field"] for one in body["answers"]] == [
        None,
        f"events.1.{NUMBER}",
        None,
    ]
    assert body["answers"][1]["answer"] is None
    assert body["answers"][2]["event_id"]


@pytest.mark.parametrize("count", [0, MOST_RECORDS + 1])
def test_a_request_has_a_number_of_records(client: Api, redis: Redis, count: int) -> None:
    live(client, redis)
    response = client.post(PATH, json={"application": NAME, "events": [{}] * count})
    assert errors(response) == ["events"]


def test_ten_thousand_records_are_answered(client: Api, redis: Redis) -> None:
    """More than a single prediction's body may hold; the limit on time is far beyond what it takes."""
    live(client, redis)
    asked = events(50) * (MOST_RECORDS // 50)
    began = time.monotonic()
    response = ask(client, asked)
    assert response.status_code == 200, response.text[:500]
    assert len(response.request.content) > 2**20
    assert response.json()["count"] == MOST_RECORDS
    assert time.monotonic() - began < 60


def test_a_batch_is_not_answered_without_a_model(client: Api) -> None:
    assert ask(client, events(1)).status_code == 503
    assert ask(client, events(1), "nope").status_code == 404
    assert client.post(PATH, content=b"{").status_code == 400
    assert errors(client.post(PATH, json={"application": NAME, "events": [], "x": 1})) == ["x"]


@pytest.mark.parametrize("name", APPLICATIONS)
def test_registered_models_answer_many(
    trained: Trained, redis: Redis, redis_url: str, tmp_path: Path, name: str
) -> None:
    settings = make_settings(tmp_path, redis_url, mlflow_url=trained.settings.mlflow.url)
    asked, path = events(4, name), f"/api/v1/batch/{name}/predict"
    with serving(settings) as client:
        client.services.batch_models.poll()
        body = client.post(f"{path}/batch", json={"events": asked}).json()
        alone = [client.post(path, json={"event": one}).json() for one in asked]
        refused = client.post(f"{path}/batch", json={"events": [*asked, {}]})
        lost = client.post(f"{path}/batch", json={"events": asked, "run_id": "nope"})
        client.services.batch_models.stop()
    for one, other in zip(body["answers"], alone, strict=True):
        assert one["event_id"] == other["event_id"]
        assert one["answer"]["value"] == pytest.approx(other["answer"]["value"])
        assert one["answer"]["probability"] == pytest.approx(other["answer"]["probability"])
        assert one["answer"]["interval"] == pytest.approx(other["answer"]["interval"])
    assert (body["source"], body["run_id"]) == ("registered", trained.run(name))
    assert errors(refused)[0].startswith("events.4.")
    assert lost.status_code == 404
