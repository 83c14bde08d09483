from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from core.applications import APPLICATIONS
from core.declaration import Clustering, Number
from tests.serving.conftest import Api, make_settings, serving
from tests.serving.models import CLASSIFIER, fresh, learned, put_report, put_snapshot
from tests.serving.rows import event

PATH = "/api/v1/incremental/predict"
NAME = CLASSIFIER.name


@pytest.fixture
def client(redis: Redis, redis_url: str, tmp_path: Path) -> Iterator[Api]:
    with serving(make_settings(tmp_path, redis_url)) as api:
        yield api


def ask(client: Api, changed: dict[str, Any] | None = None, name: str = NAME) -> Any:
    body = {"application": name, "event": event(APPLICATIONS[name], 1) | (changed or {})}
    return client.post(PATH, json=body)


def live(client: Api, redis: Redis, name: str = NAME) -> None:
    put_snapshot(redis, name, learned(name), version=3)
    put_report(redis, name)
    client.services.live.poll(redis)


def problem(response: Any, status: int) -> Any:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body


@pytest.mark.parametrize("name", [n for n, a in APPLICATIONS.items() if not isinstance(a.task, Clustering)])
def test_a_live_model_answers(client: Api, redis: Redis, name: str) -> None:
    live(client, redis, name)
    response = ask(client, name=name)
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["application"] == name
    assert (
        body["event_id"] == event(APPLICATIONS[name], 1)[APPLICATIONS[name].identifier.name]
        or body["event_id"]
    )
    assert body["answer"]["value"] is not None
    assert body["version"] == 3
    assert body["threshold"] == 0.25
    assert body["source"] == "live"
    assert body["scores"] == {"score": 0.5}
    assert body["naive"] == {"score": 0.1}
    assert body["model"] == APPLICATIONS[name].online[0]
    assert 0 <= body["snapshot_age_s"] < 60
    assert body["latency_ms"] > 0
    assert body["segment"] is None


def test_identifier_and_time_may_be_left_out(client: Api, redis: Redis) -> None:
    live(client, redis)
    asked = event(CLASSIFIER, 1)
    del asked[CLASSIFIER.identifier.name], asked[CLASSIFIER.event_time.name]
    response = client.post(PATH, json={"application": NAME, "event": asked})
    assert response.status_code == 200, response.text
    assert len(response.json()["event_id"]) == 36


def test_the_answer_of_the_model_itself_comes_back(client: Api, redis: Redis) -> None:
    from models import answer, restore, row

    live(client, redis)
    asked = event(CLASSIFIER, 5)
    model = restore(CLASSIFIER, CLASSIFIER.online[0], learned(NAME))
    expected = answer(CLASSIFIER, model, row(CLASSIFIER, asked), 0.25)
    said = client.post(PATH, json={"application": NAME, "event": asked}).json()["answer"]
    assert said["probability"] == pytest.approx(expected.probability)
    assert said["value"] == expected.value


def test_a_number_out_of_range_is_named(client: Api, redis: Redis) -> None:
    live(client, redis)
    number = next(field for field in CLASSIFIER.fields if isinstance(field, Number))
    body = problem(ask(client, {number.name: -1}), 422)
    assert [error["field"] for error in body["errors"]] == [number.name]


def test_an_inner_field_is_named_by_its_path(client: Api) -> None:
    body = problem(ask(client, {"location": {"lat": 100, "lon": 0}}), 422)
    assert [error["field"] for error in body["errors"]] == ["location.lat"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"surprise": 1}, "surprise"),
        ({CLASSIFIER.key: None}, CLASSIFIER.key),
        ({CLASSIFIER.key: ""}, CLASSIFIER.key),
        ({CLASSIFIER.label or "": True}, CLASSIFIER.label),
        ({CLASSIFIER.event_time.name: "yesterday"}, CLASSIFIER.event_time.name),
        ({CLASSIFIER.event_time.name: "2026-11-01T00:00:00"}, CLASSIFIER.event_time.name),
        ({CLASSIFIER.event_time.name: "9999-12-31T00:00:00Z"}, CLASSIFIER.event_time.name),
        ({CLASSIFIER.event_time.name: "0001-01-01T00:00:00+10:00"}, CLASSIFIER.event_time.name),
        ({"location": None}, "location"),
        ({"device_info": {"os": "BeOS", "browser": "Chrome"}}, "device_info.os"),
    ],
)
def test_each_bad_field_is_named(client: Api, change: dict[str, Any], field: str) -> None:
    body = problem(ask(client, change), 422)
    assert [error["field"] for error in body["errors"]] == [field]


def test_a_missing_field_is_named(client: Api) -> None:
    body = problem(client.post(PATH, json={"application": NAME, "event": {}}), 422)
    assert body["errors"][0]["field"] == CLASSIFIER.key


def test_the_bodys_own_fields_are_checked(client: Api) -> None:
    assert problem(client.post(PATH, json={"event": {}}), 422)["errors"][0]["field"] == "application"
    surprise = {"application": NAME, "event": {}, "model": "x"}
    assert problem(client.post(PATH, json=surprise), 422)["errors"][0]["field"] == "model"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"application": "x", "event": NaN}', b"null", b"[]"]
)
def test_what_is_not_json_is_a_clean_error(client: Api, body: bytes) -> None:
    response = client.post(PATH, content=body)
    assert response.status_code in (400, 422), response.text
    assert response.headers["content-type"] == "application/problem+json"


def test_a_huge_body_is_refused(client: Api) -> None:
    body = json.dumps({"application": NAME, "event": {"x": "y" * 2**20}}).encode()
    problem(client.post(PATH, content=body, headers={"content-type": "application/json"}), 413)


def test_an_unknown_application_lists_those_there_are(client: Api) -> None:
    body = problem(client.post(PATH, json={"application": "nope", "event": {}}), 404)
    assert all(name in body["detail"] for name in APPLICATIONS)


def test_without_redis_the_reason_is_given(client: Api) -> None:
    assert "Redis is away" in problem(ask(client), 503)["detail"]


def test_without_snapshot_the_reason_is_given(client: Api, redis: Redis) -> None:
    client.services.live.poll(redis)
    response = ask(client)
    assert "no snapshot yet, and no learner has reported" in problem(response, 503)["detail"]
    assert response.headers["retry-after"]
    put_report(redis, NAME, taught=7)
    client.services.live.poll(redis)
    assert "has had 7 lessons so far" in problem(ask(client), 503)["detail"]


def test_an_untrained_model_never_answers(client: Api, redis: Redis) -> None:
    put_snapshot(redis, NAME, fresh(NAME))
    put_report(redis, NAME, taught=4)
    client.services.live.poll(redis)
    assert "4 lessons so far, too few to answer" in problem(ask(client), 503)["detail"]


def test_the_model_stays_when_redis_goes(client: Api, redis: Redis) -> None:
    live(client, redis)
    redis.flushall()
    client.services.live.poll(redis)
    assert ask(client).status_code == 200
