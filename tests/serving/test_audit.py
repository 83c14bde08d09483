"""The audit log: who did what when, with which outcome."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis import Redis

from core import names
from core.api.access import AuditEntry, Role
from core.api.client.access import AccessClient
from core.applications import APPLICATIONS
from core.connect.redis import client as redis_client
from serving.access import audit
from serving.access.audit import Audit, summary
from tests.serving.conftest import Api, eventually, make_settings, serving
from tests.serving.test_access import SECRETS, asking, bearer, with_tokens

NAME, OTHER = list(APPLICATIONS)[:2]
PAUSE = f"/api/v1/incremental/{NAME}/training"


@pytest.fixture
def api(tmp_path: Path, redis: Redis, redis_url: str) -> Iterator[Api]:
    app = with_tokens(tmp_path, redis_url)
    with serving(make_settings(tmp_path), app=app, background=True) as client:
        eventually(lambda: not client.services.live.away)
        client.headers.update(bearer(Role.OPERATOR))
        yield client
    assert client.services.audit._thread is None, "the API's end writes what waits"


@pytest.fixture
def admin(api: Api) -> Iterator[AccessClient]:
    with asking(api, SECRETS[Role.ADMIN]) as client:
        yield client


def written(api: Api, count: int) -> list[dict[str, Any]]:
    """The lines of the file, once there are so many."""
    file = api.services.audit.file
    eventually(lambda: file.exists() and len(file.read_text().splitlines()) >= count)
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_an_entry_says_who_did_what(api: Api, admin: AccessClient) -> None:
    answer = api.put(PAUSE, json={"on": False}, headers={"x-request-id": "r-1"})
    assert answer.status_code == 200
    [entry] = written(api, 1)
    assert abs(datetime.fromisoformat(entry.pop("time")) - datetime.now(UTC)) < timedelta(seconds=30)
    assert entry == {
        "caller": "ope",
        "role": "operator",
        "method": "PUT",
        "route": "/api/v1/incremental/{application}/training",
        "path": {"application": NAME},
        "status": 200,
        "request_id": "r-1",
        "body": {"on": False},
    }
    assert api.services.audit.file.stat().st_mode & 0o777 == 0o600
    eventually(lambda: admin.audit(10))
    [told] = admin.audit(10)
    assert msgspec.structs.asdict(told) | {"time": 0} == entry | {"time": 0, "role": Role.OPERATOR}


def test_questions_are_not_told_and_refusals_are(api: Api) -> None:
    api.post("/api/v1/incremental/predict", json={})
    api.post("/api/v1/sql/query", json={"application": NAME, "sql": "SELECT 1"})
    api.get("/api/v1/status")
    assert api.get("/api/v1/access/audit").status_code == 403
    api.put(PAUSE, json={"on": 1, "event": {"a": 1}, "list": [1], "why": "x" * 500})
    api.put(f"/api/v1/batch/{OTHER}/champion", json={"run_id": "r"})
    api.put(PAUSE, json={"on": False}, headers={"authorization": "Bearer nobody"})
    api.delete("/api/v1/jobs/none-such")
    entries = written(api, 3)
    assert [(one["method"], one["path"], one["status"], one["body"]) for one in entries] == [
        ("PUT", {"application": NAME}, 422, {"on": 1, "why": "x" * 200}),
        ("PUT", {"application": OTHER}, 403, {}),
        ("DELETE", {"job": "none-such"}, 404, {}),
    ]


def test_the_log_is_chosen_from(api: Api, admin: AccessClient) -> None:
    for name in (NAME, OTHER, NAME):
        assert api.put(f"/api/v1/incremental/{name}/training", json={"on": True}).status_code == 200
    api.put(PAUSE, json={"on": False}, headers=bearer(Role.ADMIN))
    eventually(lambda: len(admin.audit(10)) == 4)
    assert [one.path["application"] for one in admin.audit(10)] == [NAME, NAME, OTHER, NAME]
    assert [one.caller for one in admin.audit(1)] == ["adm"]
    assert len(admin.audit(10, application=NAME)) == 3
    assert len(admin.audit(2, application=NAME, caller="ope")) == 2
    assert not admin.audit(10, caller="nobody")
    wrong = api.get("/api/v1/access/audit?application=none", headers=bearer(Role.ADMIN))
    assert wrong.status_code == 404
    assert NAME in wrong.json()["detail"]


def test_without_redis_the_file_has_it(tmp_path: Path) -> None:
    with serving(make_settings(tmp_path), app=with_tokens(tmp_path)) as api:
        answer = api.put(PAUSE, json={"on": False}, headers=bearer(Role.OPERATOR))
        assert answer.status_code == 503, "a learner is asked through Redis"
        assert written(api, 1)[0]["status"] == 503
        told = api.get("/api/v1/access/audit", headers=bearer(Role.ADMIN))
        assert told.status_code == 503
        assert "Redis is away" in told.json()["detail"]


def entry(number: int) -> AuditEntry:
    return AuditEntry(
        time=datetime.now(UTC),
        caller="ann",
        role=Role.ADMIN,
        method="PUT",
        route="/r",
        path={},
        status=200,
        request_id=str(number),
        body={},
    )


def test_file_and_stream_are_bounded(
    tmp_path: Path, redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "LARGEST_FILE", 20_000)
    monkeypatch.setattr(audit, "KEPT_FILES", 2)
    monkeypatch.setattr(audit, "KEPT_ENTRIES", 200)
    monkeypatch.setattr(audit, "_PAGE", 50)
    with redis_client(redis_url) as store:
        kept = Audit(tmp_path / "logs", store)
        for number in range(1000):
            kept.note(partial(entry, number))
        kept.stop()
        assert [one.request_id for one in kept.entries(120, None, "ann")] == [
            str(999 - n) for n in range(120)
        ]
    assert 200 <= redis.xlen(names.audit_key()) < 400
    files = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert files == ["audit.log", "audit.log.1", "audit.log.2"]
    lines = [line for name in reversed(files) for line in (tmp_path / "logs" / name).read_text().splitlines()]
    numbers = [int(json.loads(line)["request_id"]) for line in lines]
    assert numbers == list(range(1000 - len(numbers), 1000))
    assert all((tmp_path / "logs" / name).stat().st_size <= 20_000 for name in files)


def test_an_entry_that_can_not_be_made_does_not_end_the_log(tmp_path: Path, redis_url: str) -> None:
    def broken() -> AuditEntry:
        raise ValueError("no entry")

    with redis_client(redis_url) as store:
        kept = Audit(tmp_path / "logs", store)
        kept.note(broken)
        kept.note(lambda: entry(1))
        kept.stop()
        assert json.loads(kept.file.read_text())["request_id"] == "1"
        kept.note(lambda: entry(2))
        kept.stop()
        assert len(kept.file.read_text().splitlines()) == 2, "it can begin again"


def test_a_full_disk_leaves_the_stream(tmp_path: Path, redis: Redis, redis_url: str) -> None:
    (tmp_path / "logs").write_text("where the folder should be")
    with redis_client(redis_url) as store:
        kept = Audit(tmp_path / "logs", store)
        kept.note(lambda: entry(1))
        kept.stop()
        assert [one.request_id for one in kept.entries(10, None, None)] == ["1"]


def test_a_summary_has_no_secrets() -> None:
    body = {
        "model": "m",
        "n": 1.5,
        "none": None,
        "event": {"amount": 1},
        "event_id": "e",
        "my_token": "t",
        "Password": "p",
        "note": "use s3cret-s3cret-s3cret",
        "s3cret-s3cret-s3cret": 1,
        "rows": [1],
    }
    told = summary(json.dumps(body).encode(), "s3cret-s3cret-s3cret")
    assert told == {"model": "m", "n": 1.5, "none": None}
    for nothing in (b"", b"{", b"[1]", b"\xff", b"[" * 100_000, b"3"):
        assert summary(nothing, "") == {}
    assert len(summary(json.dumps({f"f{n}": n for n in range(100)}).encode(), "")) == 20
