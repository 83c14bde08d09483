"""What the API tells of applications, models and itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis import Redis

from core.api.applications import ApplicationAnswer
from core.applications import APPLICATIONS
from core.declaration import Category, leaves
from core.features import features
from core.forms import inputs
from core.metrics import batch_metrics, metrics
from serving.inventory import inventory
from tests.serving.conftest import Api, make_settings, serving
from tests.serving.models import CLASSIFIER, learned, put_report, put_snapshot
from tests.serving.rows import append

EVERY = pytest.mark.parametrize("name", APPLICATIONS)
NAME = CLASSIFIER.name


@pytest.fixture
def client(redis: Redis, redis_url: str, tmp_path: Path) -> Iterator[Api]:
    with serving(make_settings(tmp_path, redis_url)) as api:
        yield api


def get(client: Api, path: str, **query: Any) -> Any:
    response = client.get(path, params=query)
    assert response.status_code == 200, response.text
    return response.json()


def test_every_application_is_listed(client: Api) -> None:
    told = get(client, "/api/v1/applications")["applications"]
    assert [one["name"] for one in told] == list(APPLICATIONS)
    paths = set(client.get("/openapi.json").json()["paths"])
    for one in told:
        assert one["label"] == APPLICATIONS[one["name"]].label
        for link in one["links"].values():
            assert link.replace(f"/{one['name']}", "/{application}") in paths | {link} & paths, link


@EVERY
def test_a_declaration_is_told_whole(client: Api, name: str) -> None:
    application = APPLICATIONS[name]
    body = client.get(f"/api/v1/applications/{name}").content
    told = msgspec.json.decode(body, type=ApplicationAnswer)
    assert [one.path for one in told.fields] == [path for path, _ in leaves(application)]
    vocabularies = {one.path: one.values for one in told.fields if one.values is not None}
    assert vocabularies == {
        path: list(leaf.values) for path, leaf in leaves(application) if isinstance(leaf, Category)
    }
    assert [one.name for one in told.features] == [one.name for one in features(application)]
    assert [one.id for one in told.metrics] == [one.id for one in metrics(application.task)]
    assert [one.id for one in told.batch_metrics] == [one.id for one in batch_metrics(application.task)]
    assert [one.name for one in told.online] == list(application.online)
    assert [one.name for one in told.batch] == list(application.batch)
    assert [one.sql for one in told.templates] == [one.sql for one in application.queries]
    roles = [one.role for one in told.fields]
    assert roles.count("key") == 1
    assert roles.count("label") == (application.label is not None)
    asked = {one.path for one in inputs(application)}
    assert {
        one.path for one in told.fields if one.role not in ("label", "identifier") and not one.derived
    } == asked


@EVERY
def test_a_sample_can_be_asked_about(client: Api, redis: Redis, tmp_path: Path, name: str) -> None:
    for first in (0, 20, 40):
        append(tmp_path / "lake", APPLICATIONS[name], range(first, first + 20))
    path = f"/api/v1/applications/{name}/sample"
    whole = get(client, path, limit=7, seed=5)
    assert (len(whole["events"]), whole["table_rows"]) == (7, 60)
    assert set(whole["events"][0]) == {one.name for one in APPLICATIONS[name].fields}
    assert whole == get(client, path, limit=7, seed=5), "the same seed, the same events"
    times = {one[APPLICATIONS[name].event_time.name] for one in whole["events"]}
    assert len(times) == 7, "no event twice"
    asked = get(client, path, limit=1, **{"as": "request"})["events"][0]
    response = client.post("/api/v1/incremental/predict", json={"application": name, "event": asked})
    assert response.status_code == 503, "it was understood; only the model is missing"
    label = APPLICATIONS[name].label
    assert label not in get(client, path, labelled=False)["events"][0]


def test_every_event_can_be_drawn(client: Api, tmp_path: Path) -> None:
    append(tmp_path / "lake", CLASSIFIER, range(10))
    append(tmp_path / "lake", CLASSIFIER, range(40, 42))
    time = CLASSIFIER.event_time.name
    path = f"/api/v1/applications/{NAME}/sample"
    drawn = {get(client, path, seed=seed)["events"][0][time] for seed in range(120)}
    assert len(drawn) == 12


def test_a_sample_without_a_table_is_404(client: Api) -> None:
    response = client.get(f"/api/v1/applications/{NAME}/sample")
    assert response.status_code == 404
    assert "no table" in response.json()["detail"]


def test_a_reload_tells_what_has_changed(client: Api, redis: Redis) -> None:
    before = get(client, "/api/v1/models")
    assert len(before["models"]) == 2 * len(APPLICATIONS)
    assert not any(one["loaded"] for one in before["models"])
    assert before["away"]
    put_snapshot(redis, NAME, learned(NAME), version=3)
    put_report(redis, NAME)
    told = client.post("/api/v1/models/reload").json()
    assert told["changed"] == [{"application": NAME, "source": "live", "before": None, "after": 3}]
    assert "redis" not in told["away"]
    assert "mlflow" in told["away"]
    mine = next(one for one in told["models"] if one["application"] == NAME and one["source"] == "live")
    assert mine["loaded"]
    assert mine["bytes"] > 0
    assert mine["scores"] == {"score": 0.5}
    assert not client.post("/api/v1/models/reload").json()["changed"]


def test_a_refused_snapshot_is_told(client: Api, redis: Redis) -> None:
    put_snapshot(redis, NAME, b"not a model")
    client.post("/api/v1/models/reload")
    mine = next(one for one in inventory(client.services).models if one.application == NAME)
    assert mine.refused
    assert not mine.loaded


def test_the_root_maps_every_endpoint(client: Api) -> None:
    body = get(client, "/")
    paths = client.get("/openapi.json").json()["paths"]
    assert len(body["endpoints"]) == sum(map(len, paths.values()))
    for path in body["documentation"].values():
        assert client.get(path).status_code == 200, path


def test_health_says_how_it_is(client: Api, redis: Redis) -> None:
    assert get(client, "/health")["status"] == "unavailable"
    put_snapshot(redis, NAME, learned(NAME), version=3)
    client.services.live.poll(redis)
    body = get(client, "/health")
    assert body["status"] == "degraded"
    assert body["problems"]["broker"]
    assert [(one["application"], one["version"]) for one in body["models"]] == [(NAME, 3)]
    assert body["uptime_s"] >= 0


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_documentation_needs_no_other_host(client: Api, page: str) -> None:
    text = client.get(page).text
    named = re.findall(r"""(?:src|href|url)\s*[=:]\s*["']([^"']+)["']""", text)
    assert named
    assert all(one.startswith("/") and not one.startswith("//") for one in named), named
    assert "://" not in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    for one in named:
        assert client.get(one).status_code == 200, one
