"""Data quality through the API: of records, of captures, and of the newest rows with their dead letters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from redis import Redis

from core import names
from core.names import EVENT_DATE, SOURCE_OFFSET, SOURCE_PARTITION, Table
from core.schemas import events_schema, rejects_schema
from serving.newest import newest
from tests.contract.events import sound
from tests.serving.conftest import Api, make_settings, serving
from tests.serving.models import CLASSIFIER
from tests.serving.rows import FIRST_DAY, event, table_uri

NAME = CLASSIFIER.name
URL = f"/api/v1/monitoring/{NAME}/quality"
TIME = CLASSIFIER.event_time.name


@pytest.fixture
def api(redis: Redis, redis_url: str, tmp_path: Path) -> Iterator[Api]:
    with serving(make_settings(tmp_path, redis_url)) as client:
        client.services.live.poll(redis)
        yield client


def commit(lake: Path, numbers: range, partition: int = 0, late: int = 0) -> None:
    """Row n has offset n and happens n minutes after the first day's start, or `late` minutes earlier."""
    rows = []
    for n in numbers:
        time = FIRST_DAY + timedelta(minutes=n - late)
        row = sound(CLASSIFIER, n) | {TIME: time, CLASSIFIER.identifier.name: f"e{partition}-{n}"}
        rows.append(row | {SOURCE_PARTITION: partition, SOURCE_OFFSET: n, EVENT_DATE: time.date()})
    table = pa.Table.from_pylist(rows, schema=events_schema(CLASSIFIER))
    write_deltalake(table_uri(lake, CLASSIFIER), table, mode="append", partition_by=[EVENT_DATE])


def refuse(lake: Path, *letters: tuple[int, bytes | None], partition: int = 0) -> None:
    """Letters by offset and payload."""
    rows = [
        {
            "reason": "malformed_json",
            "field": "",
            "detail": "",
            SOURCE_PARTITION: partition,
            SOURCE_OFFSET: offset,
            "rejected_at": FIRST_DAY,
            "message_key": b"k",
            "payload": payload,
            EVENT_DATE: FIRST_DAY.date(),
        }
        for offset, payload in letters
    ]
    table = pa.Table.from_pylist(rows, schema=rejects_schema(CLASSIFIER))
    uri = f"{lake}/{names.table_path(NAME, Table.REJECTS)}"
    write_deltalake(uri, table, mode="append", partition_by=[EVENT_DATE])


def test_records_need_not_be_valid(api: Api) -> None:
    told: list[Any] = [event(CLASSIFIER, seed) for seed in range(20)] + [7, {"strange": 1}]
    found = api.post(URL, json={"records": told}).json()
    assert (found["rows"], found["source"], found["level"]) == (22, "records", "critical")
    assert found["bad"] == pytest.approx(2 / 22)
    assert found["unknown_fields"] == {"strange": 1}


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "records"),
        ({"records": [1], "source": "table"}, 422, "records"),
        ({"records": []}, 422, "records"),
        ({"source": "sky"}, 422, "source"),
        ({"source": "table", "rows": 0}, 422, "rows"),
        ({"records": [1], "more": 1}, 422, "more"),
        ({"source": "captures"}, 404, "source"),
    ],
)
def test_what_can_not_be_asked_is_named(api: Api, body: Any, status: int, field: str) -> None:
    answer = api.post(URL, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field)


def test_captures_are_looked_at(api: Api) -> None:
    told = [{"event": event(CLASSIFIER, n), "prediction": {"value": False}} for n in range(10)]
    api.post(f"/api/v1/monitoring/{NAME}/captures", json={"records": told})
    found = api.post(URL, json={"source": "captures", "rows": 5}).json()
    assert (found["rows"], found["bad"], found["source"]) == (5, 0, "captures")


def test_the_newest_rows_and_what_was_refused_among_them(api: Api, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    assert api.post(URL, json={"source": "table"}).status_code == 503
    commit(lake, range(300))
    found = api.post(URL, json={"source": "table", "rows": 100}).json()
    assert (found["rows"], found["refused"], found["bad"], found["level"]) == (100, 0, 0, "ok")
    refuse(lake, (10, b"{"), (199, b"{"), (250, b"{"), (301, b'{"strange": 1}'), (302, None))
    refuse(lake, (5, b"{"), partition=2)
    found = api.post(URL, json={"source": "table", "rows": 100}).json()
    assert (found["rows"], found["refused"], found["source"]) == (103, 3, "table")
    assert found["reasons"] == {"malformed_json": pytest.approx(3 / 103)}
    assert found["level"] == "warning"


def test_late_rows_do_not_reach_further_back(api: Api, tmp_path: Path) -> None:
    """Many files that overlap in time, two partitions, rows that came late: still the newest by time."""
    lake = tmp_path / "lake"
    for start in range(0, 200, 50):
        commit(lake, range(start, start + 50))
        commit(lake, range(start, start + 50), partition=1, late=30)
    commit(lake, range(200, 203), late=190)
    refuse(lake, (140, b"{"), (175, b"{"))
    tables = api.services.tables[NAME]
    rows, refused = newest(CLASSIFIER, tables["data"], tables["rejects"], 60)
    times = [row[TIME] for row in rows]
    wanted = [FIRST_DAY + timedelta(minutes=n) for n in range(155, 200)]
    wanted += [FIRST_DAY + timedelta(minutes=n) for n in range(155, 170)]
    assert sorted(times) == sorted(wanted)
    assert len(refused) == 1
    assert SOURCE_OFFSET not in rows[0]
