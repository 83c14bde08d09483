"""Captures of outside programs: checked as requests are, taken once, bounded."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from core import captures, names
from core.applications import APPLICATIONS
from core.declaration import Application, Classification, Clustering, Number, leaves
from core.settings import Serving
from tests.serving.conftest import Api, make_settings, serving
from tests.serving.models import CLASSIFIER
from tests.serving.rows import event

NAME = CLASSIFIER.name
MOST = 100


def url(application: Application = CLASSIFIER) -> str:
    return f"/api/v1/monitoring/{application.name}/captures"


def answer(application: Application) -> dict[str, Any]:
    match application.task:
        case Classification():
            return {"value": True, "probability": 0.75}
        case Clustering():
            return {"value": 2}
        case _:
            return {"value": 12.5}


def record(application: Application = CLASSIFIER, seed: int = 1, **more: Any) -> dict[str, Any]:
    return {"event": event(application, seed), "prediction": answer(application)} | more


def wrong(application: Application = CLASSIFIER) -> tuple[dict[str, Any], str]:
    """A record with a number out of its range, and which."""
    made = record(application)
    path, leaf = next(
        (path, leaf) for path, leaf in leaves(application) if isinstance(leaf, Number) and "." not in path
    )
    made["event"][path] = leaf.high * 2 + 1
    return made, path


@pytest.fixture
def api(redis: Redis, redis_url: str, tmp_path: Path) -> Iterator[Api]:
    with serving(make_settings(tmp_path, redis_url, serving=Serving(captures=MOST))) as client:
        client.services.live.poll(redis)
        yield client


@pytest.mark.parametrize("application", APPLICATIONS.values(), ids=lambda one: one.name)
def test_every_application_takes_one_or_many(api: Api, application: Application) -> None:
    one = api.post(url(application), json=record(application, model="ours", version=7)).json()
    assert (one["received"], one["new"], one["refused"]) == (1, 1, 0)
    many = {"records": [record(application, seed) for seed in range(2, 22)]}
    assert api.post(url(application), json=many).json()["new"] == 20
    held = api.get(url(application), params={"limit": 3}).json()
    assert (held["count"], held["taken"], held["most"]) == (21, 21, MOST)
    assert held["models"] == [{"model": "", "count": 20}, {"model": "ours", "count": 1}]
    assert held["start"] <= held["end"]
    assert [one["value"] for one in held["captures"]] == [answer(application)["value"]] * 3
    first = api.get(url(application), params={"limit": 30}).json()["captures"][-1]
    assert (first["model"], first["version"]) == ("ours", "7")
    identifier, time = application.identifier.name, application.event_time.name
    assert {k: v for k, v in first["event"].items() if k not in (identifier, time)} == {
        k: v for k, v in record(application)["event"].items() if k not in (identifier, time)
    }


def test_what_comes_again_changes_nothing(api: Api) -> None:
    named = CLASSIFIER.identifier.name
    told = {"records": [record(seed=n, id=f"c{n}") for n in range(5)]}
    assert api.post(url(), json=told).json()["new"] == 5
    again = api.post(url(), json=told).json()
    assert (again["new"], again["repeated"]) == (0, 5)
    one = record(seed=9)
    one["event"][named] = "e-9"
    assert [api.post(url(), json=one | more).json()["new"] for more in ({}, {}, {"model": "other"})] == [
        1,
        0,
        1,
    ]
    nameless = record(seed=10)
    nameless["event"][named] = None
    assert [api.post(url(), json=nameless).json()["new"] for _ in range(2)] == [1, 1]
    assert api.get(url()).json()["count"] == 9


def test_the_newest_are_kept(api: Api, redis: Redis) -> None:
    told = [record(seed=1, id=f"c{n}", model=f"m{n // 50}") for n in range(230)]
    assert api.post(url(), json={"records": told}).json()["new"] == 230
    held = api.get(url(), params={"limit": 1_000}).json()
    assert (held["count"], held["taken"]) == (MOST, 230)
    assert [one["id"] for one in held["captures"]] == [f"c{n}" for n in range(229, 129, -1)]
    assert {one["model"]: one["count"] for one in held["models"]} == {"m2": 20, "m3": 50, "m4": 30}
    assert redis.scard(f"{names.captures_key(NAME)}:ids") == MOST
    assert api.post(url(), json={"records": told[:1]}).json()["new"] == 1, "its place was taken"
    assert f'millrace_captures_total{{application="{NAME}"}} 231.0' in api.get("/metrics").text


def test_a_wrong_record_is_named_and_nothing_taken(api: Api) -> None:
    bad, field = wrong()
    told = [record(seed=n) for n in range(17)] + [bad]
    refused = api.post(url(), json={"records": told})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert refused.json()["errors"][0]["field"] == f"records.17.{field}"
    assert api.get(url()).json()["count"] == 0
    assert api.post(url(), json=bad).json()["errors"][0]["field"] == field


def test_what_is_wrong_can_be_passed_over(api: Api) -> None:
    bad, field = wrong()
    told = [record(), bad, bad | {"event": 5}, {"event": record()["event"]}, record(seed=2)]
    done = api.post(url(), json={"records": told}, params={"skip_bad": True}).json()
    assert (done["received"], done["new"], done["refused"]) == (5, 2, 3)
    assert done["reasons"] == {"out_of_range": 1, "wrong_type": 1, "missing_field": 1}
    fields = [(one["record"], one["field"]) for one in done["examples"]]
    assert fields == [(1, f"records.1.{field}"), (2, "records.2"), (3, "records.3.prediction")]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"prediction": {"value": 0.5}}, "prediction.value"),
        ({"prediction": {"value": True, "probability": 2}}, "prediction.probability"),
        ({"time": "2999-01-01T00:00:00Z"}, "time"),
        ({"time": "2026-01-01T00:00:00"}, "time"),
        ({"id": ""}, "id"),
        ({"more": 1}, "more"),
    ],
)
def test_what_stands_beside_the_event_is_checked(api: Api, change: dict[str, Any], field: str) -> None:
    refused = api.post(url(), json=record() | change)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 422),
        (b'{"records": []}', 422),
        (b'{"records": 5}', 422),
        (b'{"records": [1], "other": 2}', 422),
        (b'{"records": [' + b"1," * 10_000 + b"1]}", 422),
        (b'{"records": [NaN]}', 400),
    ],
)
def test_what_is_no_list_of_records_is_refused(api: Api, body: bytes, status: int) -> None:
    assert api.post(url(), content=body).status_code == status


def test_ten_thousand_records_are_taken_at_once(api: Api) -> None:
    told = {"records": [record(seed=1, id=f"c{n}") for n in range(10_000)]}
    done = api.post(url(), json=told)
    assert (done.status_code, done.json()["new"]) == (HTTPStatus.OK, 10_000)
    assert api.get(url()).json()["count"] == MOST


def test_unknown_applications_and_redis_away_are_named(api: Api, tmp_path: Path) -> None:
    assert api.get("/api/v1/monitoring/nope/captures").status_code == HTTPStatus.NOT_FOUND
    with serving(make_settings(tmp_path)) as alone:
        for answered in (alone.get(url()), alone.post(url(), json=record())):
            assert (answered.status_code, "Redis is away" in answered.json()["detail"]) == (503, True)


def test_captures_are_read_back_as_they_were(api: Api, redis: Redis) -> None:
    api.post(url(), json=record(time="2026-11-21T12:00:00+02:00", id="x"))
    found = captures.newest(redis, NAME, None)[0]
    assert (found.id, found.time.isoformat(), found.value) == ("x", "2026-11-21T10:00:00+00:00", True)
