from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from core import scenarios
from core.applications import APPLICATIONS
from tests.serving.conftest import Api, make_settings, serving

NAME = next(iter(APPLICATIONS))
PATH = f"/api/v1/scenarios/{NAME}"


@pytest.fixture
def api(redis: Redis, redis_url: str, tmp_path: Path) -> Iterator[Api]:
    with serving(make_settings(tmp_path, redis_url)) as client:
        client.services.live.poll(redis)
        yield client


def test_all_is_normal_at_first_and_what_can_be_is_told(api: Api) -> None:
    body = api.get(PATH).json()
    assert (body["application"], body["current"], body["log"]) == (NAME, None, [])
    assert [one["name"] for one in body["scenarios"]] == list(scenarios.Name)
    assert all(one["low"] <= one["default"] <= one["high"] for one in body["scenarios"])


def test_a_scenario_is_set_seen_and_ended(api: Api, redis: Redis) -> None:
    body = api.put(PATH, json={"name": "sudden", "minutes": 5, "strength": 0.5}).json()
    assert body["current"]["name"] == "sudden"
    held = scenarios.current(redis, NAME)
    assert held is not None
    assert (held.strength, held.end - held.start) == (0.5, timedelta(minutes=5))
    assert api.put(PATH, json={"name": "normal"}).json()["current"] is None
    log = api.get(PATH).json()["log"]
    assert [one["scenario"]["name"] for one in log] == ["normal", "sudden"]
    end = datetime.fromisoformat(log[1]["scenario"]["end"])
    assert end < datetime.now(UTC) + timedelta(minutes=1), "the end as it was"


def test_it_may_begin_later(api: Api) -> None:
    start = datetime.now(UTC) + timedelta(hours=1)
    said = {"name": "burst", "start": start.isoformat(), "end": (start + timedelta(minutes=9)).isoformat()}
    current = api.put(PATH, json=said).json()["current"]
    assert datetime.fromisoformat(current["start"]) == start


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"name": "nope"}, "name"),
        ({"name": 5}, "name"),
        ({}, ""),
        ({"name": "burst", "minutes": -1}, "minutes"),
        ({"name": "burst", "strength": 1e9}, "strength"),
        ({"name": "burst", "end": "2020-01-01T00:00:00Z"}, "end"),
        ({"name": "burst", "end": "yesterday"}, "end"),
        ({"name": "burst", "what": 1}, ""),
    ],
)
def test_what_can_not_be_is_refused_with_its_field(api: Api, redis: Redis, said: Any, field: str) -> None:
    response = api.put(PATH, json=said)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == field
    assert scenarios.current(redis, NAME) is None


def test_other_errors(api: Api, tmp_path: Path) -> None:
    assert api.put(PATH, content=b"{").status_code == 400
    assert api.put("/api/v1/scenarios/nope", json={"name": "burst"}).status_code == 404
    assert api.get("/api/v1/scenarios/nope").status_code == 404
    with serving(make_settings(tmp_path)) as away:
        assert away.get(PATH).status_code == 503
        assert away.put(PATH, json={"name": "burst"}).status_code == 503
