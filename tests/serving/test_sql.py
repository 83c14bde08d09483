from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from core import settings as all_settings
from core.applications import APPLICATIONS
from core.features import features
from core.names import EVENT_DATE
from tests.serving import hostile
from tests.serving.conftest import Api, eventually, make_settings, serving
from tests.serving.models import CLASSIFIER
from tests.serving.rows import append, append_features, day, table_uri

NAME = CLASSIFIER.name
ROWS = 60
SECONDS = 1.0
OTHER, EMPTY = [name for name in APPLICATIONS if name != NAME][:2]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state") / "lake"
    append(folder, CLASSIFIER, range(40))
    append(folder, CLASSIFIER, range(40, ROWS))
    append_features(folder, CLASSIFIER, range(ROWS))
    return folder


@pytest.fixture(scope="module")
def api(lake: Path) -> Iterator[Api]:
    limits = all_settings.Serving.model_validate(
        {"sql_seconds": SECONDS, "sql_rows": 50, "sql_memory_mib": 256}
    )
    with serving(make_settings(lake.parent, serving=limits), background=True) as client:
        eventually(lambda: ask(client, "SELECT 1").status_code == 200, 30)
        yield client


def ask(api: httpx.Client, sql: str, **more: Any) -> httpx.Response:
    return api.post("/api/v1/sql/query", json={"application": NAME, "sql": sql} | more)


def answer(api: httpx.Client, sql: str, **more: Any) -> Any:
    response = ask(api, sql, **more)
    assert response.status_code == 200, response.text
    return response.json()


def patient_answer(api: httpx.Client, sql: str) -> Any:
    """The answer, asked for again while all workers are busy: the limit of time here is short."""
    deadline = time.monotonic() + 30
    while (response := ask(api, sql)).status_code == 503 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert response.status_code == 200, response.text
    return response.json()


def problem(response: httpx.Response, status: int) -> Any:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return response.json()


def test_a_query_is_answered(api: Api) -> None:
    body = answer(api, "SELECT count(*) AS n, min(source_offset) AS first FROM data")
    assert body["columns"] == [{"name": "n", "type": "BIGINT"}, {"name": "first", "type": "BIGINT"}]
    assert body["rows"] == [[ROWS, 0]]
    assert (body["row_count"], body["truncated"]) == (1, False)
    assert (body["table_version"], body["table_rows"]) == (1, ROWS)
    assert body["elapsed_ms"] > 0


def test_the_partition_column_is_there_and_typed(api: Api) -> None:
    body = answer(api, "SELECT event_date, count(*) FROM data GROUP BY 1 ORDER BY 1")
    assert body["columns"][0]["type"] == "DATE"
    assert body["rows"] == [[str(day(0)), 24], [str(day(1)), 24], [str(day(2)), 12]]
    where = answer(api, "SELECT count(*) FROM data WHERE event_date = DATE '2026-11-02'")
    assert where["rows"] == [[24]]


def test_all_columns_come_as_declared(api: Api, lake: Path) -> None:
    body = answer(api, "SELECT * FROM data ORDER BY source_offset", limit=1)
    table, _ = api.get(f"/api/v1/sql/{NAME}/schema").json()["tables"]
    assert [(c["name"], c["type"].replace('"', "")) for c in table["columns"]] == [
        (c["name"], c["type"].replace('"', "")) for c in body["columns"]
    ]
    row = dict(zip([c["name"] for c in body["columns"]], body["rows"][0], strict=True))
    assert row[CLASSIFIER.event_time.name] == "2026-11-01T00:00:00.000000Z"
    assert set(row["location"]) == {"lat", "lon"}


def test_the_schema_says_what_columns_mean(api: Api) -> None:
    table, measured = api.get(f"/api/v1/sql/{NAME}/schema").json()["tables"]
    assert (table["name"], table["rows"], table["version"]) == ("data", ROWS, 1)
    help_of = {column["name"]: column.get("help", "") for column in table["columns"]}
    for field in CLASSIFIER.fields:
        assert field.help in help_of[field.name]
    assert (measured["name"], measured["rows"]) == ("features", ROWS)
    help_of = {column["name"]: column.get("help", "") for column in measured["columns"]}
    for one in features(CLASSIFIER):
        assert help_of[one.name] == (f"{one.help}; {one.unit}" if one.unit else one.help)


def test_every_template_runs(api: Api, lake: Path) -> None:
    for query in CLASSIFIER.queries:
        assert answer(api, query.sql)["row_count"] > 0


def test_rows_are_limited_and_it_says_so(api: Api) -> None:
    assert answer(api, "SELECT * FROM data LIMIT 1000000")["row_count"] == 50
    body = answer(api, "SELECT source_offset FROM data ORDER BY 1", limit=7)
    assert (body["row_count"], body["truncated"]) == (7, True)
    assert body["rows"] == [[n] for n in range(7)]
    assert answer(api, "SELECT * FROM data LIMIT 50", limit=1000)["truncated"] is False
    assert answer(api, "SELECT * FROM range(100000000000)")["truncated"] is True


def test_a_new_commit_is_seen_at_once(api: Api, lake: Path) -> None:
    append(lake, APPLICATIONS[OTHER], range(3))
    count = {"application": OTHER, "sql": "SELECT count(*) FROM data"}
    assert api.post("/api/v1/sql/query", json=count).json()["rows"] == [[3]]
    append(lake, APPLICATIONS[OTHER], range(3, 5))
    assert api.post("/api/v1/sql/query", json=count).json()["rows"] == [[5]]


def test_a_table_without_rows_answers_and_no_table_does_not(api: Api, lake: Path) -> None:
    from deltalake import DeltaTable

    from core.schemas import events_schema

    asked = {"application": EMPTY, "sql": "SELECT * FROM data"}
    body = problem(api.post("/api/v1/sql/query", json=asked), 503)
    assert "no table" in body["detail"]
    uri = table_uri(lake, APPLICATIONS[EMPTY])
    DeltaTable.create(uri, schema=events_schema(APPLICATIONS[EMPTY]), partition_by=[EVENT_DATE])
    found = api.post("/api/v1/sql/query", json=asked).json()
    assert found["rows"] == []
    assert found["columns"][-1] == {"name": EVENT_DATE, "type": "DATE"}


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT bad FROM data", 'Referenced column "bad" not found'),
        ("SELEKT 1", 'syntax error at or near "SELEKT"'),
        ("SELECT error('mine')", "mine"),
        ("SELECT 'x'::INTEGER", "Could not convert"),
        ("SELECT nonsense(1)", "nonsense does not exist"),
    ],
)
def test_errors_are_the_engines_own_and_name_no_path(api: Api, lake: Path, sql: str, said: str) -> None:
    body = problem(ask(api, sql), 400)
    assert said in body["detail"]
    assert body["errors"][0]["field"] == "sql"
    assert str(lake.parent) not in body["detail"]


def test_the_request_is_checked(api: Api) -> None:
    for body, field in (
        ({"application": NAME}, "sql"),
        ({"application": NAME, "sql": ""}, "sql"),
        ({"application": NAME, "sql": "SELECT 1", "limit": 0}, "limit"),
        ({"application": NAME, "sql": "SELECT 1", "surprise": 1}, "surprise"),
        ({"application": NAME, "sql": 1}, "sql"),
    ):
        found = problem(api.post("/api/v1/sql/query", json=body), 422)
        assert [error["field"] for error in found["errors"]] == [field]
    unknown = api.post("/api/v1/sql/query", json={"application": "nope", "sql": "SELECT 1"})
    assert NAME in problem(unknown, 404)["detail"]
    headers = {"content-type": "application/json"}
    problem(api.post("/api/v1/sql/query", content=b"{", headers=headers), 400)


def test_time_is_limited_and_the_work_stops(api: Api) -> None:
    started = time.monotonic()
    body = problem(ask(api, "SELECT count(*) FROM range(1000000) a, range(1000000) b"), 504)
    assert time.monotonic() - started < SECONDS + 2
    assert "stopped after 1 s" in body["detail"]
    eventually(lambda: not _busy(api))


def test_a_caller_that_hangs_up_stops_its_query(lake: Path) -> None:
    patient = all_settings.Serving.model_validate({"sql_seconds": 60})
    with serving(make_settings(lake.parent, serving=patient), background=True) as api:
        eventually(lambda: ask(api, "SELECT 1").status_code == 200, 30)
        hasty = httpx.Client(base_url=api.base_url, timeout=0.4, trust_env=False)
        with hasty, pytest.raises(httpx.ReadTimeout):
            ask(hasty, "SELECT count(*) FROM range(1000000) a, range(1000000) b")
        eventually(lambda: not _busy(api), 10)


def test_concurrent_users_never_see_one_anothers_rows(api: Api) -> None:
    wrong: list[str] = []

    def user(number: int) -> None:
        with httpx.Client(base_url=api.base_url, timeout=60, trust_env=False) as client:
            for turn in range(5):
                mark = number * 100 + turn
                body = patient_answer(client, f"FROM data SELECT {mark} AS c{mark} LIMIT 5")
                seen = {row[0] for row in body["rows"]}, body["columns"][0]["name"], body["row_count"]
                if seen != ({mark}, f"c{mark}", 5):
                    wrong.append(f"{mark}: {seen}")

    with ThreadPoolExecutor(8) as users:
        list(users.map(user, range(8)))
    assert not wrong


def test_the_health_answers_while_queries_run(api: Api) -> None:
    slow = [
        threading.Thread(target=ask, args=(api, "SELECT count(*) FROM range(1000000) a, range(1000000) b"))
        for _ in range(2)
    ]
    for thread in slow:
        thread.start()
    time.sleep(0.3)
    started = time.monotonic()
    assert api.get("/health/live").status_code == 200
    assert time.monotonic() - started < 0.5
    for thread in slow:
        thread.join()


@pytest.mark.parametrize("sql", hostile.HARMLESS)
def test_ordinary_queries_pass(api: Api, sql: str) -> None:
    answer(api, sql)


@pytest.mark.parametrize("number", range(len(hostile.REFUSED)))
def test_hostile_statements_are_refused(api: Api, lake: Path, number: int) -> None:
    files = Canaries(lake)
    sql = files.filled(hostile.REFUSED[number])
    response = ask(api, sql)
    assert response.status_code in (400, 422), f"{sql[:200]} -> {response.text[:500]}"
    assert files.song not in response.text
    assert str(lake.parent) in sql or str(lake.parent) not in response.text
    files.check()


@pytest.mark.parametrize("sql", hostile.BOMBS)
def test_bombs_are_bounded(api: Api, sql: str) -> None:
    started = time.monotonic()
    response = ask(api, sql)
    assert response.status_code in (200, 400, 504), response.text[:500]
    assert response.status_code != 200 or len(response.content) < 2**20
    assert time.monotonic() - started < SECONDS + 4
    for pid in api.services.workers.pids():
        assert psutil.Process(pid).memory_info().rss < 1200 * 2**20
    assert answer(api, "SELECT 1")["rows"] == [[1]]


class Canaries:
    """A secret that must not be read, a file that must not appear, a table that must not change."""

    song = "the canary sings"

    def __init__(self, lake: Path) -> None:
        self._lake = lake
        self._outside = lake.parent / "outside.txt"
        self._outside.write_text(self.song)
        self._target = lake.parent / "target.csv"
        self._before = self._files()

    def _files(self) -> dict[str, bytes]:
        # Whoever saves a query is in the audit log.
        known = (p for p in self._lake.parent.rglob("*") if p.is_file() and p.name != "audit.log")
        return {str(p): p.read_bytes() for p in known}

    def filled(self, sql: str) -> str:
        table = Path(table_uri(self._lake, CLASSIFIER))
        known = {
            "{outside}": self._outside,
            "{target}": self._target,
            "{table}": table,
            "{parquet}": next(table.rglob("*.parquet")),
        }
        for name, path in known.items():
            sql = sql.replace(name, str(path))
        return sql

    def check(self) -> None:
        assert self._files() == self._before


def _busy(api: Api) -> bool:
    """Whether a worker uses the processor."""
    try:
        return any(psutil.Process(pid).cpu_percent(0.1) > 20 for pid in api.services.workers.pids())
    except psutil.NoSuchProcess:
        return True  # one is being replaced
