"""Segments of a clustering: sizes, and a field's values by segment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis import Redis

from core.applications import APPLICATIONS
from core.declaration import Category, Clustering, leaves
from core.names import recent_key, snapshot_key
from models import build, row
from models.registered.inputs import paths
from serving.segments import NEWEST, newest
from tests.serving.conftest import Api, make_settings, serving
from tests.serving.models import CLASSIFIER, put_report, snapshot
from tests.serving.rows import FIRST_DAY, append, append_features, event
from tests.tracking import Trained

APP = next(app for app in APPLICATIONS.values() if isinstance(app.task, Clustering))
FIELD, INNER = (
    next(path for path, leaf in leaves(APP) if isinstance(leaf, Category) and ("." in path) == inner)
    for inner in (False, True)
)
OTHER = next(path for path, leaf in leaves(APP) if not isinstance(leaf, Category) and "." not in path)


@pytest.fixture
def client(trained: Trained, redis: Redis, redis_url: str, tmp_path: Path) -> Iterator[Api]:
    with serving(make_settings(tmp_path, redis_url, mlflow_url=trained.settings.mlflow.url)) as api:
        api.services.batch_models.poll()
        yield api
        api.services.batch_models.stop()


@cache
def taught() -> tuple[str, bytes]:
    """The model of the roster that costs least, after sessions enough, and its bytes."""
    name = APP.online[-1]
    model = build(APP, name)
    for n in range(2000):
        if model.trained:
            return name, model.to_bytes()
        time = (FIRST_DAY + timedelta(hours=n)).isoformat()
        model.learn_one(row(APP, event(APP, n) | {APP.event_time.name: time}), None)
    raise AssertionError(f"{name} of {APP.name} is not trained after {n} lessons")


@pytest.fixture
def live(client: Api, redis: Redis) -> Api:
    model, data = taught()
    redis.set(snapshot_key(APP.name), snapshot(APP.name, data, 3, model=model))
    put_report(redis, APP.name)
    for seed in range(12):
        said = {
            "event_id": str(seed),
            "entity": "someone",
            "event_time": FIRST_DAY,
            "value": seed % 3,
            "event": event(APP, seed),
        }
        redis.lpush(recent_key(APP.name), msgspec.json.encode(said))
    client.services.live.poll(redis)
    return client


def segments(client: Api, kind: str, **query: Any) -> Any:
    response = client.get(f"/api/v1/{kind}/{APP.name}/segments", params=query)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize("field", [FIELD, INNER])
def test_live_segments_are_counted(live: Api, field: str) -> None:
    body = segments(live, "incremental", field=field)
    assert (body["counted"], body["version"], body["field"]) == (12, 3, field)
    counted = {one["number"]: one for one in body["segments"]}
    assert [counted[n]["rows"] for n in (0, 1, 2, 3)] == [4, 4, 4, 0]
    assert counted[0]["size"] == 1, "as the learner reports"
    assert all(sum(one["values"].values()) == one["rows"] for one in body["segments"])
    outer, _, inner = field.partition(".")
    asked = [event(APP, seed)[outer] for seed in (0, 3, 6, 9)]
    expected = [one[inner] if inner else one for one in asked]
    assert counted[0]["values"] == {str(one): expected.count(one) for one in expected}


def test_sizes_alone_may_be_asked(live: Api) -> None:
    body = segments(live, "incremental")
    assert body["field"] is None
    assert all(one["values"] is None for one in body["segments"])


def test_registered_segments_are_counted(client: Api, trained: Trained, tmp_path: Path) -> None:
    append(tmp_path / "lake", APP, range(60))
    append_features(tmp_path / "lake", APP, range(60))
    body = segments(client, "batch", field=INNER)
    assert (body["counted"], body["run_id"]) == (60, trained.run(APP.name))
    assert sum(one["rows"] for one in body["segments"]) == 60
    assert sum(sum(one["values"].values()) for one in body["segments"]) == 60
    assert sum(one["share"] for one in body["segments"]) == pytest.approx(1, abs=1e-4)
    chosen = segments(client, "batch", run_id=trained.run(APP.name))
    assert chosen["run_id"] == trained.run(APP.name)


def test_only_the_newest_days_are_read(client: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.segments.NEWEST", 30)
    assert NEWEST > 30
    append(tmp_path / "lake", APP, range(96))
    append_features(tmp_path / "lake", APP, range(96))
    tables = client.services.tables[APP.name]
    found = newest(APP, tables["data"].current(), tables["features"].current())
    assert found.num_rows == 30
    windowed = paths(APP)[1]
    seeds = found[windowed[1]].to_pylist()
    assert all(one is not None for one in seeds), "each row has its own features"
    bare = newest(APP, tables["data"].current(), None)
    assert bare[windowed[1]].null_count == 30


def test_what_has_no_segments_says_so(client: Api) -> None:
    for kind in ("incremental", "batch"):
        response = client.get(f"/api/v1/{kind}/{CLASSIFIER.name}/segments")
        assert response.status_code == 409
        assert "no segments" in response.json()["detail"]
        response = client.get(f"/api/v1/{kind}/{APP.name}/segments", params={"field": OTHER})
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == "field"
        assert FIELD in response.json()["detail"]


def test_without_rows_or_models_the_reason_is_given(client: Api) -> None:
    assert client.get(f"/api/v1/incremental/{APP.name}/segments").status_code == 503
    response = client.get(f"/api/v1/batch/{APP.name}/segments")
    assert response.status_code == 404
    assert "no table" in response.json()["detail"]
