"""Dead letters through the API: counted, shown, and produced again at most once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from redis import Redis

from core import names
from core.connect import kafka
from core.names import EVENT_DATE, Table
from core.schemas import rejects_schema
from tests.serving.conftest import Api, make_settings, serving
from tests.serving.models import CLASSIFIER
from tests.serving.rows import append
from tests.serving.test_sql import problem

NAME = CLASSIFIER.name
URL = f"/api/v1/monitoring/{NAME}/dead-letters"
FIRST = datetime(2026, 11, 1, tzinfo=UTC)
VALUE = b'{"amount": -1, "name": "\xc3\xa4\xff"}'


def reject(lake: Path, *letters: tuple[str, str], first: int = 0) -> None:
    """One letter per (reason, field), an hour apart."""
    rows = [
        {
            "reason": reason,
            "field": field,
            "detail": "what is wrong",
            "source_partition": 1,
            "source_offset": first + n,
            "rejected_at": FIRST + timedelta(hours=first + n),
            "message_key": b"someone",
            "payload": None if reason == "empty" else VALUE,
            "event_date": (FIRST + timedelta(hours=first + n)).date(),
        }
        for n, (reason, field) in enumerate(letters)
    ]
    table = pa.Table.from_pylist(rows, schema=rejects_schema(CLASSIFIER))
    uri = f"{lake}/{names.table_path(NAME, Table.REJECTS)}"
    write_deltalake(uri, table, mode="append", partition_by=[EVENT_DATE])


class FakeProducer:
    """Takes messages; delivers them, or nothing, when it is flushed."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.waiting: list[Any] = []
        self.works = True
        self.dies = False

    def produce(self, topic: str, *, on_delivery: Any, **message: Any) -> None:
        self.waiting.append((on_delivery, {"topic": topic} | message))

    def flush(self, seconds: float) -> int:
        for report, message in self.waiting:
            if self.works:
                self.sent.append(message)
            if not self.dies:
                report(None if self.works else "away", None)
        self.waiting.clear()
        return 0


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> FakeProducer:
    made = FakeProducer()
    monkeypatch.setattr(kafka, "producer", lambda url, client, **options: made)
    return made


@pytest.fixture
def api(redis: Redis, redis_url: str, tmp_path: Path) -> Iterator[Api]:
    with serving(make_settings(tmp_path, redis_url)) as client:
        client.services.live.poll(redis)
        yield client


KINDS = (
    ("out_of_range", "amount"),
    ("out_of_range", "amount"),
    ("empty", ""),
    ("out_of_range", "location.lat"),
)


def test_they_are_counted_by_reason_and_field_and_the_newest_shown(api: Api, tmp_path: Path) -> None:
    reject(tmp_path / "lake", *KINDS)
    body = api.get(URL, params={"limit": 2}).json()
    assert body["total"] == 4
    assert body["counts"][0] == {"reason": "out_of_range", "field": "amount", "count": 2}
    assert {(one["reason"], one["field"]): one["count"] for one in body["counts"][1:]} == {
        ("empty", ""): 1,
        ("out_of_range", "location.lat"): 1,
    }
    newest, second = body["letters"]
    assert (newest["source_partition"], newest["source_offset"]) == (1, 3)
    assert newest["value"] == '{"amount": -1, "name": "ä\N{REPLACEMENT CHARACTER}"}'
    assert newest["bytes"] == len(VALUE)
    assert (newest["key"], newest["replay"]) == ("someone", None)
    assert newest["rejected_at"] == "2026-11-01T03:00:00Z"
    assert (second["reason"], second["value"], second["bytes"]) == ("empty", None, 0)


def test_they_are_filtered(api: Api, tmp_path: Path) -> None:
    reject(tmp_path / "lake", *KINDS)
    body = api.get(URL, params={"reason": "out_of_range", "field": "amount"}).json()
    assert (body["total"], len(body["letters"])) == (2, 2)
    assert "reason" in problem(api.get(URL, params={"reason": "nonsense"}), 422)["errors"][0]["field"]
    assert NAME in problem(api.get("/api/v1/monitoring/nope/dead-letters"), 404)["detail"]


def test_without_a_table_it_says_so(api: Api) -> None:
    assert "no table" in problem(api.get(URL), 503)["detail"]


def replay(api: Api, **body: Any) -> Any:
    response = api.post(f"{URL}/replay", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def test_a_replay_sends_the_very_bytes_once(api: Api, tmp_path: Path, producer: FakeProducer) -> None:
    reject(tmp_path / "lake", *KINDS)
    dry = replay(api, dry_run=True)
    assert (dry["selected"], dry["replayed"], producer.sent) == (4, 0, [])
    found = replay(api, reason="out_of_range", field="amount")
    assert (found["matching"], found["selected"], found["replayed"]) == (2, 2, 2)
    first = producer.sent[0]
    assert first["topic"] == f"{NAME}.events"
    assert (first["key"], first["value"]) == (b"someone", VALUE)
    assert first["headers"] == [("replay_of_partition", b"1"), ("replay_of_offset", b"0")]
    again = replay(api)
    assert (again["matching"], again["already_replayed"], again["replayed"]) == (4, 2, 2)
    assert [dict(one["headers"])["replay_of_offset"] for one in producer.sent] == [b"0", b"1", b"2", b"3"]
    assert replay(api)["selected"] == 0
    body = api.get(URL).json()
    assert (body["replayed"], body["unconfirmed"]) == (4, 0)
    assert {one["replay"] for one in body["letters"]} == {"done"}


def test_the_oldest_come_first_up_to_the_limit_and_since_a_time(
    api: Api, tmp_path: Path, producer: FakeProducer
) -> None:
    reject(tmp_path / "lake", *KINDS)
    since = (FIRST + timedelta(hours=1)).isoformat()
    assert replay(api, since=since, limit=2)["replayed"] == 2
    assert [dict(one["headers"])["replay_of_offset"] for one in producer.sent] == [b"1", b"2"]


def test_what_the_broker_refused_can_be_replayed_again(
    api: Api, tmp_path: Path, producer: FakeProducer
) -> None:
    reject(tmp_path / "lake", *KINDS)
    producer.works = False
    problem(api.post(f"{URL}/replay", json={}), 503)
    producer.works = True
    assert replay(api)["replayed"] == 4


def test_what_was_never_confirmed_is_not_sent_twice(api: Api, tmp_path: Path, producer: FakeProducer) -> None:
    reject(tmp_path / "lake", *KINDS)
    producer.dies = True
    assert replay(api)["replayed"] == 0
    producer.dies = False
    assert replay(api)["selected"] == 0
    assert api.get(URL).json()["unconfirmed"] == 4
    assert len(producer.sent) == 4


def test_a_bad_request_names_the_field(api: Api) -> None:
    for body, field in (({"limit": 0}, "limit"), ({"surprise": 1}, "surprise"), ({"since": "x"}, "since")):
        assert problem(api.post(f"{URL}/replay", json=body), 422)["errors"][0]["field"] == field


def test_sql_joins_what_was_refused_with_what_was_not(redis_url: str, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    append(lake, CLASSIFIER, range(5))
    reject(lake, *KINDS)

    def ask(api: Api, sql: str) -> Any:
        return api.post("/api/v1/sql/query", json={"application": NAME, "sql": sql})

    with serving(make_settings(tmp_path, redis_url), background=True) as api:
        both = "SELECT count(*) FROM data FULL JOIN rejects USING (source_partition, source_offset)"
        assert ask(api, both).json()["rows"] == [[9]]
        raw = ask(api, "SELECT payload FROM REJECTS ORDER BY source_offset LIMIT 1").json()
        assert raw["rows"] == [[VALUE.hex()]]
        assert raw["columns"] == [{"name": "payload", "type": "BLOB"}]
        assert "no table of" in problem(ask(api, "FROM predictions"), 503)["detail"]
        refused = problem(ask(api, "FROM letters"), 400)["detail"]
        assert "there are data, rejects, predictions" in refused
        tables = api.get(f"/api/v1/sql/{NAME}/schema").json()["tables"]
        assert [(one["name"], one["rows"]) for one in tables] == [("data", 5), ("rejects", 4)]
        assert all(column["help"] for column in tables[1]["columns"])
