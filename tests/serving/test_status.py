from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis import Redis

from core.api.live import RecentAnswer, ScorePoint
from core.applications import APPLICATIONS
from core.declaration import Clustering
from core.names import history_key, judged_key, recent_key, truths_key, upkeep_key
from core.records import TableFigures, UpkeepReport
from serving import tally as tallies
from serving.features.store import FeatureStore, Letter
from serving.predict import _segment
from tests.serving.conftest import Api, eventually, make_settings, serving
from tests.serving.feature_rows import START, letter, message
from tests.serving.models import CLASSIFIER, learned, put_report, put_snapshot
from tests.serving.rows import append

NAME = CLASSIFIER.name


@pytest.fixture
def api(redis: Redis, redis_url: str, tmp_path: Path) -> Iterator[Api]:
    with serving(make_settings(tmp_path, redis_url)) as client:
        yield client


def test_with_everything_away_all_is_null_and_quick(tmp_path: Path) -> None:
    with serving(make_settings(tmp_path), background=True) as api:
        eventually(lambda: "refused" in api.get("/api/v1/status").json()["away"].get("redis", ""))
        started = time.monotonic()
        body = api.get("/api/v1/status").json()
        assert time.monotonic() - started < 4
        assert set(body["applications"]) == set(APPLICATIONS)
        for known in body["applications"].values():
            learner = known.pop("learner")
            assert set(known.values()) | set(learner.values()) == {None}
        assert {"redis", "broker"} <= set(body["away"])
        assert body["parts"] == {}


def test_what_is_known_is_told(api: Api, redis: Redis, tmp_path: Path) -> None:
    append(tmp_path / "lake", CLASSIFIER, range(5))
    put_snapshot(redis, NAME, learned(NAME), version=4)
    put_report(redis, NAME, pending=1, lag=2, rate=3.5)
    api.services.live.poll(redis)
    api.services.tally._counts[NAME] = tallies.Counts(10, 8, 2, {"empty": 2})
    known = api.get("/api/v1/status").json()["applications"][NAME]
    assert (known["produced"], known["valid"], known["rejected"]) == (10, 8, 2)
    assert known["rejected_by_reason"] == {"empty": 2}
    assert (known["delta_rows"], known["delta_version"]) == (5, 0)
    assert (known["asked"], known["taught"], known["pending"], known["lag"]) == (12, 11, 1, 2)
    assert known["learner"]["state"] == "live"
    assert known["learner"]["version"] == 4
    assert known["learner"]["run_url"].endswith("/#/runs/0123")
    append(tmp_path / "lake", CLASSIFIER, range(5, 8))
    eventually(lambda: api.get("/api/v1/status").json()["applications"][NAME]["delta_rows"] == 8)


def test_a_silent_learner_is_lost(api: Api, redis: Redis) -> None:
    put_report(redis, NAME, heartbeat=datetime.now(UTC) - timedelta(minutes=5))
    api.services.live.poll(redis)
    assert api.get("/api/v1/status").json()["applications"][NAME]["learner"]["state"] == "lost"
    assert api.get(f"/api/v1/incremental/{NAME}").json()["state"] == "lost"


def test_a_broken_table_costs_its_own_numbers_only(api: Api, tmp_path: Path) -> None:
    append(tmp_path / "lake", CLASSIFIER, range(2))
    log = next((tmp_path / "lake").rglob("_delta_log"))
    for file in log.iterdir():
        file.write_bytes(b"rubbish")
    response = api.get("/api/v1/status")
    assert response.status_code == 200
    assert response.json()["applications"][NAME]["delta_rows"] is None
    assert f"lake {NAME}" in response.json()["away"]


def test_live_scores(api: Api, redis: Redis) -> None:
    api.services.live.poll(redis)
    empty = api.get(f"/api/v1/incremental/{NAME}").json()
    assert empty["state"] is None
    assert "no learner" in empty["error"]
    put_report(redis, NAME, scores={"roc_auc": 0.9, "f2": None}, confusion={"tp": 1})
    api.services.live.poll(redis)
    body = api.get(f"/api/v1/incremental/{NAME}").json()
    assert body["scores"] == {"roc_auc": 0.9, "f2": None}
    assert body["confusion"] == {"tp": 1}
    assert body["champion"] == CLASSIFIER.online[0]
    assert body["heartbeat"]


def recent(event_id: str, **more: Any) -> bytes:
    told = RecentAnswer(
        event_id=event_id, entity="u", event_time=datetime.now(UTC), value=True, event={"amount": 1}, **more
    )
    return msgspec.json.encode(told)


def test_history_is_oldest_first_and_thinned(api: Api, redis: Redis) -> None:
    api.services.live.poll(redis)
    for number in range(100):
        redis.xadd(
            history_key(NAME),
            {"point": msgspec.json.encode(ScorePoint(time=datetime.now(UTC), asked=number))},
        )
    points = api.get(f"/api/v1/incremental/{NAME}/history", params={"points": 10}).json()["points"]
    assert [point["asked"] for point in points] == sorted({point["asked"] for point in points})
    assert len(points) == 10
    assert (points[0]["asked"], points[-1]["asked"]) == (0, 99)


def test_predictions_come_with_the_truth_where_it_is_known(api: Api, redis: Redis) -> None:
    api.services.live.poll(redis)
    for number in range(3):
        redis.lpush(recent_key(NAME), recent(f"e{number}"))
    redis.hset(truths_key(NAME), "e1", b"true")
    found = api.get(f"/api/v1/incremental/{NAME}/predictions", params={"limit": 2}).json()["predictions"]
    assert [(one["event_id"], one["truth"]) for one in found] == [("e2", None), ("e1", True)]
    assert found[0]["event"] == {"amount": 1}


def test_answers_whose_label_became_known(api: Api, redis: Redis) -> None:
    api.services.live.poll(redis)
    path = f"/api/v1/incremental/{NAME}/predictions"
    assert api.get(path, params={"judged": True}).json() == {"predictions": []}
    for number in range(3):
        redis.lpush(judged_key(NAME), recent(f"e{number}", truth=number == 1))
    found = api.get(path, params={"judged": True, "limit": 2}).json()["predictions"]
    assert [(one["event_id"], one["truth"]) for one in found] == [("e2", False), ("e1", True)]


def test_a_bad_signature_shows_in_readiness(api: Api, redis: Redis) -> None:
    put_snapshot(redis, NAME, learned(NAME), key=b"another key")
    api.services.live.poll(redis)
    parts = api.get("/health/ready").json()["parts"]
    assert not parts["snapshots"]["ok"]
    assert NAME in parts["snapshots"]["detail"]
    assert "signature" in parts["snapshots"]["detail"]


def test_the_segment_comes_with_its_profile(api: Api, redis: Redis) -> None:
    name = next(n for n, app in APPLICATIONS.items() if isinstance(app.task, Clustering))
    put_report(redis, name)
    api.services.live.poll(redis)
    report = api.services.live.view(name).report
    found = _segment(APPLICATIONS[name], report, 3)
    assert found
    assert found.profile == {"price": 3.0}
    assert _segment(APPLICATIONS[name], report, 99) is None
    assert _segment(CLASSIFIER, report, 3) is None


def test_the_upkeep_tells_how_large_the_tables_are(api: Api, redis: Redis) -> None:
    api.services.live.poll(redis)
    assert api.get("/api/v1/status").json()["upkeep"] is None
    figures = TableFigures(version=7, files=3, bytes=1000, rows=50)
    redis.set(
        upkeep_key(),
        msgspec.json.encode(
            UpkeepReport(time=datetime.now(UTC), seconds=1.5, tables={f"{NAME}/events": figures}, errors={})
        ),
    )
    upkeep = api.get("/api/v1/status").json()["upkeep"]
    assert upkeep["tables"][f"{NAME}/events"] == {"version": 7, "files": 3, "bytes": 1000, "rows": 50}
    assert upkeep["errors"] == {}


def sample(api: Api, name: str, **labels: str) -> float | None:
    """A sample of what Prometheus would read."""
    return api.services.meters.registry.get_sample_value(name, labels)


def test_features_show_in_status_and_metrics(api: Api, redis: Redis) -> None:
    store = FeatureStore(redis, CLASSIFIER)
    store.load()
    now = time.time()
    days_ago = message(CLASSIFIER, "old", 0, age_s=9 * 86_400.0)
    store.write([Letter(0, 0, b"old", days_ago), letter(CLASSIFIER, 1, "a", 60)])
    store.report.sampled(now, 2.25)
    store.write([letter(CLASSIFIER, 2, "a", 90, late=True)])
    put_report(redis, NAME, clock=START + timedelta(seconds=75))
    api.services.live.poll(redis)
    status = api.get("/api/v1/status").json()["applications"]
    known = status[NAME]["features"]
    assert (known["rows"], known["late"], known["entities"], known["behind_s"]) == (3, 1, 2, 15.0)
    assert known["newest_event_time"] == "2026-11-01T00:01:00Z"
    assert known["freshness_s"] == {"p50": 2.25, "p95": 2.25, "samples": 1}, "history does not count as stale"
    assert {one["features"] for name, one in status.items() if name != NAME} == {None}

    assert sample(api, "millrace_feature_rows_total", application=NAME, late="false") == 2
    assert sample(api, "millrace_feature_rows_total", application=NAME, late="true") == 1
    buckets = {
        bound: sample(api, "millrace_feature_age_seconds_bucket", application=NAME, le=bound)
        for bound in ("0.5", "1.0", "604800.0", "+Inf")
    }
    assert buckets == {"0.5": 0, "1.0": 2, "604800.0": 2, "+Inf": 3}
    assert sample(api, "millrace_feature_delay_seconds_sum", application=NAME) == 2.25
    assert sample(api, "millrace_feature_delay_seconds_bucket", application=NAME, le="2.0") == 0
    newest = sample(api, "millrace_feature_event_time_seconds", application=NAME)
    assert newest == (START + timedelta(seconds=60)).timestamp()
    assert (sample(api, "millrace_feature_report_age_seconds", application=NAME) or 99) < 60
    assert "millrace_feature_age_seconds_bucket" in api.get("/metrics").text


def test_upkeep_shows_in_metrics(api: Api, redis: Redis) -> None:
    api.services.live.poll(redis)
    assert "millrace_upkeep_seconds" in api.get("/metrics").text
    assert sample(api, "millrace_upkeep_seconds") is None, "no round yet is not a round of no time"
    figures = TableFigures(version=7, files=3, bytes=4096, rows=100)
    report = UpkeepReport(
        time=datetime.now(UTC) - timedelta(seconds=30),
        seconds=1.5,
        tables={f"{NAME}/events": figures},
        errors={f"{NAME}/rejects": "OSError: no"},
    )
    redis.set(upkeep_key(), msgspec.json.encode(report))
    for field, value in (("version", 7), ("files", 3), ("bytes", 4096), ("rows", 100)):
        assert sample(api, f"millrace_table_{field}", application=NAME, table="events") == value
    assert sample(api, "millrace_upkeep_seconds") == 1.5
    assert sample(api, "millrace_upkeep_errors") == 1
    assert 30 <= (sample(api, "millrace_upkeep_age_seconds") or 0) < 60
    redis.set(upkeep_key(), b"rubbish")
    assert sample(api, "millrace_upkeep_errors") is None
