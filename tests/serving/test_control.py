"""What is asked of a learner lies in Redis, and the answers tell it beside what the learner does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from core import control
from core.applications import APPLICATIONS
from core.control import Place, Version
from core.names import control_key, snapshot_key
from core.records import LearnerState
from tests.serving.conftest import Api, make_settings, serving
from tests.serving.models import CLASSIFIER, learned, put_report, put_snapshot

NAME = CLASSIFIER.name
PATH = f"/api/v1/incremental/{NAME}"


@pytest.fixture
def api(redis: Redis, redis_url: str, tmp_path: Path) -> Iterator[Api]:
    with serving(make_settings(tmp_path, redis_url)) as client:
        put_report(redis, NAME)
        client.services.live.poll(redis)
        yield client


def version(number: int, place: Place, **values: Any) -> Version:
    known: dict[str, Any] = {
        "version": number,
        "created": datetime(2026, 11, 21, tzinfo=UTC),
        "model": CLASSIFIER.online[0],
        "asked": 10 * number,
        "taught": 9 * number,
        "clock": None,
        "scores": {"roc_auc": 0.8, "f2": None},
        "bytes": 1000,
        "place": place,
        "run_id": "0123",
    }
    return Version(**known | values)


def keep(redis: Redis, place: Place, *numbers: int) -> None:
    control.replace_listed(redis, NAME, place, [version(number, place) for number in numbers])


def test_training_is_switched_off_and_on(api: Api, redis: Redis) -> None:
    body = api.put(f"{PATH}/training", json={"on": False}).json()
    assert (body["training"], body["state"], body["champion"], body["resetting"]) == (
        False,
        "live",
        None,
        None,
    )
    assert not control.read(redis, NAME).training
    live = api.get(PATH).json()
    assert (live["training"], live["state"]) == (False, "live"), "at once, before the next round"
    put_report(redis, NAME, state=LearnerState.PAUSED)
    api.services.live.poll(redis)
    live = api.get(PATH).json()
    assert (live["training"], live["state"]) == (False, "paused")
    assert api.put(f"{PATH}/training", json={"on": True}).json()["training"] is True
    others = [name for name in APPLICATIONS if name != NAME]
    assert all(control.read(redis, name).training for name in others)


def test_a_paused_learner_that_falls_silent_is_lost(api: Api, redis: Redis) -> None:
    put_report(redis, NAME, state=LearnerState.PAUSED, heartbeat=datetime.now(UTC) - timedelta(minutes=5))
    api.services.live.poll(redis)
    assert api.get(PATH).json()["state"] == "lost"


def test_a_champion_is_chosen_and_given_back_to_the_rule(api: Api, redis: Redis) -> None:
    chosen = CLASSIFIER.online[-1]
    assert api.put(f"{PATH}/champion", json={"model": chosen}).json()["champion"] == chosen
    assert control.read(redis, NAME).champion == chosen
    assert api.put(f"{PATH}/champion", json={"model": None}).json()["champion"] is None
    assert control.read(redis, NAME).champion is None


def test_versions_stand_once_with_all_their_places(api: Api, redis: Redis) -> None:
    assert api.get(f"{PATH}/versions").json() == {"application": NAME, "versions": []}
    keep(redis, Place.REDIS, 9, 12)
    keep(redis, Place.MLFLOW, 3, 9)
    found = api.get(f"{PATH}/versions").json()["versions"]
    assert [(one["version"], one["places"]) for one in found] == [
        (12, ["redis"]),
        (9, ["mlflow", "redis"]),
        (3, ["mlflow"]),
    ]
    assert found[0]["scores"] == {"roc_auc": 0.8, "f2": None}
    assert (found[0]["asked"], found[0]["taught"], found[0]["bytes"]) == (120, 108, 1000)
    assert found[0]["run_url"].endswith("/#/runs/0123")
    keep(redis, Place.MLFLOW, 15)
    numbers = [one["version"] for one in api.get(f"{PATH}/versions").json()["versions"]]
    assert numbers == [15, 12, 9], "what a place no longer has is gone from it"


def test_a_reset_waits_until_the_learner_has_answered(api: Api, redis: Redis) -> None:
    keep(redis, Place.MLFLOW, 3, 9)
    assert api.post(f"{PATH}/reset", json={"version": 3}).json()["resetting"] == 3
    asked = control.read(redis, NAME).reset
    assert asked is not None
    assert asked.version == 3
    assert api.get(PATH).json()["resetting"] == 3
    put_report(redis, NAME, reset=asked.id)
    api.services.live.poll(redis)
    assert api.get(PATH).json()["resetting"] is None
    api.post(f"{PATH}/reset", json={"version": 3})
    again = control.read(redis, NAME).reset
    assert again is not None
    assert again.id != asked.id, "the same version twice is two resets"


@pytest.mark.parametrize(
    ("method", "path", "said", "field", "word"),
    [
        ("PUT", "training", {}, "on", "required"),
        ("PUT", "training", {"on": "yes"}, "on", "boolean"),
        ("PUT", "training", {"on": True, "off": False}, "off", "not permitted"),
        ("PUT", "champion", {"model": "oracle"}, "model", CLASSIFIER.online[0]),
        ("PUT", "champion", {}, "model", "required"),
        ("PUT", "champion", {"model": 5}, "model", "string"),
        ("PUT", "champion", {"model": None, "by": "me"}, "by", "not permitted"),
        ("POST", "reset", {"version": 7}, "version", "there are 9, 3"),
        ("POST", "reset", {"version": "3"}, "version", "integer"),
        ("POST", "reset", {"version": 3, "now": True}, "now", "not permitted"),
    ],
)
def test_what_can_not_be_is_refused_with_its_field(
    api: Api, redis: Redis, method: str, path: str, said: Any, field: str, word: str
) -> None:
    keep(redis, Place.REDIS, 3, 9)
    response = api.request(method, f"{PATH}/{path}", json=said)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    (error,) = response.json()["errors"]
    assert error["field"] == field
    assert word in error["message"]
    assert control.read(redis, NAME) == control.Control()


def test_without_versions_there_is_none_to_go_back_to(api: Api) -> None:
    response = api.post(f"{PATH}/reset", json={"version": 1})
    assert response.status_code == 422
    assert "there are none yet" in response.json()["detail"]


JSON = {"content-type": "application/json"}
CALLS = [
    ("PUT", "training", {"on": True}),
    ("PUT", "champion", {"model": None}),
    ("GET", "versions", None),
    ("POST", "reset", {"version": 1}),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_other_errors(api: Api, tmp_path: Path, method: str, path: str, body: Any) -> None:
    assert api.request(method, f"/api/v1/incremental/nope/{path}", json=body).status_code == 404
    if method != "GET":
        assert api.request(method, f"{PATH}/{path}", content=b"{", headers=JSON).status_code == 400
    with serving(make_settings(tmp_path)) as away:
        assert away.request(method, f"{PATH}/{path}", json=body).status_code == 503


def test_control_of_another_shape_is_as_none(api: Api, redis: Redis) -> None:
    redis.hset(control_key(NAME), "training", b'"maybe"')
    api.services.live.poll(redis)
    assert api.get(PATH).json()["training"] is True
    response = api.put(f"{PATH}/champion", json={"model": None})
    assert response.status_code == 503
    assert "can't be read" in response.json()["detail"]


def test_the_size_of_the_snapshot_is_a_metric(api: Api, redis: Redis) -> None:
    put_snapshot(redis, NAME, learned(NAME), version=4)
    api.services.live.poll(redis)
    found = api.services.meters.registry.get_sample_value("millrace_snapshot_bytes", {"application": NAME})
    assert found == redis.strlen(snapshot_key(NAME))
