"""The latest features per entity: newest by event time, stored with their offsets, and in bounds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from core.applications import APPLICATIONS
from core.features import features, horizon
from core.names import features_key, features_report_key, features_times_key
from serving.features import store as storing
from serving.features.reader import latest, many
from serving.features.report import RECENT_SECONDS, Report
from serving.features.store import FeatureStore, Letter, OtherWriter
from tests.serving.conftest import Api, make_settings, serving
from tests.serving.feature_rows import START, letter

APPLICATION = next(app for app in APPLICATIONS.values() if app.windows)
HORIZON = horizon(APPLICATION).total_seconds()


def opened(redis: Redis) -> FeatureStore:
    store = FeatureStore(redis, APPLICATION)
    store.load()
    return store


def held(redis: Redis) -> dict[str, float]:
    """Entity -> seconds after START of what is held."""
    keys: Any = redis.hkeys(features_key(APPLICATION.name))
    found = {key.decode(): latest(redis, APPLICATION, key.decode()) for key in keys}
    return {name: (one.event_time - START).total_seconds() for name, one in found.items() if one}


def one(offset: int, entity: str, seconds: float, *, late: bool = False, partition: int = 0) -> Letter:
    return letter(APPLICATION, offset, entity, seconds, late=late, partition=partition)


def test_the_newest_row_of_an_entity_is_held_and_read_back(redis: Redis) -> None:
    opened(redis).write([one(0, "a", 1), one(1, "b", 2), one(2, "a", 3.25)])
    found = latest(redis, APPLICATION, "a")
    assert found is not None
    assert (found.entity, found.source_offset) == ("a", 2)
    assert found.event_time == START + timedelta(seconds=3.25)
    assert found.age_s(START + timedelta(seconds=13.25)) == 10
    assert found.age_s(START) == 0
    assert dict(found.values) == {
        column.name: 3 if column.integer else 3.25 for column in features(APPLICATION)
    }
    assert latest(redis, APPLICATION, "nobody") is None
    assert [row and row.entity for row in many(redis, APPLICATION, ["b", "nobody", "a"])] == ["b", None, "a"]


def test_event_time_never_goes_back_and_late_rows_change_nothing(redis: Redis) -> None:
    store = opened(redis)
    store.write([one(0, "a", 50), one(1, "a", 40)])
    store.write([one(2, "a", 45), one(3, "a", 90, late=True), one(4, "b", 7, late=True)])
    assert held(redis) == {"a": 50}
    store.write([one(5, "a", 50), one(6, "a", 51)])
    assert held(redis) == {"a": 51}
    assert (store.report.book.rows, store.report.late, store.report.clock_ms) == (
        7,
        2,
        int((START + timedelta(seconds=51)).timestamp() * 1000),
    )


def test_of_rows_with_one_time_the_last_one_counts(redis: Redis) -> None:
    store = opened(redis)
    store.write([one(0, "a", 5), one(1, "a", 5)])
    store.write([one(2, "a", 5)])
    found = latest(redis, APPLICATION, "a")
    assert found is not None
    assert found.source_offset == 2


def test_any_cut_of_the_stream_and_any_kill_end_alike(redis: Redis) -> None:
    """Batches of any size, read again from anywhere before: the same rows, each counted once."""
    chance = random.Random(5)
    stream = [one(n, f"e{chance.randrange(9)}", chance.randrange(200), late=n % 11 == 0) for n in range(400)]
    wanted: dict[str, float] = {}
    for n, row in enumerate(stream):
        if n % 11:
            seconds = storing._rows.decode(row.value).event_time - START
            wanted[row.entity.decode()] = max(wanted.get(row.entity.decode(), 0.0), seconds.total_seconds())
    at, store = 0, opened(redis)
    while at < len(stream):
        if chance.random() < 0.3:
            store = opened(redis)  # killed: only what Redis holds is left
        back = chance.randrange(40)
        end = at + chance.randrange(1, 30)
        store.write(stream[max(0, at - back) : end])
        at = end
    assert held(redis) == wanted
    assert store.report.book.rows == len(stream)
    assert store.report.late == len(stream[::11])
    assert sum(store.report.ages.counts) == len(stream)
    assert store.report.entities == len(wanted)


def test_rows_and_offsets_are_stored_together_or_not_at_all(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(redis)
    store.write([one(0, "a", 1)])
    before = redis.get(features_report_key(APPLICATION.name))

    def fail(*_: object, **__: object) -> None:
        raise ConnectionResetError("killed before EXEC")

    monkeypatch.setattr("redis.client.Pipeline.execute", fail)
    with pytest.raises(ConnectionResetError):
        store.write([one(1, "a", 2)])
    monkeypatch.undo()
    assert held(redis) == {"a": 1}
    assert redis.get(features_report_key(APPLICATION.name)) == before
    again = opened(redis)
    assert again.report.book.offsets == {0: 1}


def test_a_second_writer_is_noticed_before_anything_is_changed(redis: Redis) -> None:
    first, second = opened(redis), opened(redis)
    first.write([one(0, "a", 10)])
    with pytest.raises(OtherWriter):
        second.write([one(0, "a", 10), one(1, "b", 11)])
    assert held(redis) == {"a": 10}
    second.load()
    second.write([one(0, "a", 10), one(1, "b", 11)])
    assert second.report.book.rows == 2


def test_an_entity_is_forgotten_after_the_longest_window(redis: Redis) -> None:
    store = opened(redis)
    store.write([one(0, "old", 0), one(1, "young", 10)])
    assert store.report.entities == 2
    store._swept = float("-inf")
    store.write([one(2, "now", HORIZON + 5)])
    assert set(held(redis)) == {"young", "now"}
    assert redis.zcard(features_times_key(APPLICATION.name)) == store.report.entities == 2
    store.write([one(3, "past", 1)])
    assert set(held(redis)) == {"young", "now"}, "what would be taken out at once is not put in"


def test_an_entity_that_comes_back_as_it_expires_stays(redis: Redis) -> None:
    store = opened(redis)
    store.write([one(0, "a", 0)])
    store._swept = float("-inf")
    store.write([one(1, "b", HORIZON + 60), one(2, "a", HORIZON + 61)])
    assert set(held(redis)) == {"a", "b"}


def test_what_is_no_feature_row_is_counted_and_passed_over(redis: Redis) -> None:
    store = opened(redis)
    store.write([Letter(0, 0, b"a", b"rubbish"), one(1, "a", 3)])
    assert (store.report.unreadable, store.report.book.rows) == (1, 2)
    assert held(redis) == {"a": 3}


def test_freshness_is_that_of_the_last_minutes() -> None:
    report = Report()
    assert report.freshness(1000) is None
    for n in range(100):
        report.sampled(1000 + n, float(n))
    found = report.freshness(1100)
    assert found is not None
    assert (found.p50, found.p95, found.samples) == (50, 94, 100)
    assert report.freshness(1100 + RECENT_SECONDS) is None
    report.sampled(2000, 1.0)
    assert report.recent == [(2000, 1.0)]
    assert sum(report.delays.counts) == 101


@pytest.fixture
def api(redis: Redis, redis_url: str, tmp_path: Path) -> Iterator[Api]:
    with serving(make_settings(tmp_path, redis_url)) as client:
        client.services.live.poll(redis)
        yield client


def test_the_api_answers_with_units_and_age(api: Api, redis: Redis) -> None:
    opened(redis).write([one(0, "someone/else ü", 4)])
    path = f"/api/v1/incremental/{APPLICATION.name}/features"
    body = api.get(f"{path}/someone/else ü").json()
    assert body["entity"] == "someone/else ü"
    assert body["event_time"] == "2026-11-01T00:00:04Z"
    assert abs(body["age_s"] - (datetime.now(UTC) - START).total_seconds()) < 10
    assert [known["name"] for known in body["features"]] == [column.name for column in features(APPLICATION)]
    for known, column in zip(body["features"], features(APPLICATION), strict=True):
        assert (known["value"], known["unit"], known["help"]) == (4, column.unit, column.help)


def test_an_unknown_entity_is_a_problem_that_names_it(api: Api) -> None:
    response = api.get(f"/api/v1/incremental/{APPLICATION.name}/features/nobody")
    assert response.status_code == 404
    assert "nobody" in response.json()["detail"]
    assert APPLICATION.key in response.json()["detail"]
    assert response.json()["errors"][0]["field"] == "entity"
    assert api.get("/api/v1/incremental/unheard/features/nobody").status_code == 404
