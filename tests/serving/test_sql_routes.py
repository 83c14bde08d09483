"""What surrounds a query: pages, plans, files, history, saved queries, stopping."""

# ruff: noqa: S608 - texts of queries are what this is about

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyarrow import csv, parquet
from pydantic import SecretStr

from core import settings as all_settings
from core.applications import APPLICATIONS
from core.schemas import events_schema
from serving.sql import remembered
from serving.sql.results import MOST_PER_CALLER, NoResult, Result, Results
from tests.serving.conftest import Api, eventually, make_settings, serving
from tests.serving.models import CLASSIFIER
from tests.serving.rows import append, append_features, table_uri
from tests.serving.test_sql import problem

NAME = CLASSIFIER.name
OTHER = next(one for name, one in APPLICATIONS.items() if name != NAME)
ROWS = 60
ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b"


SECRETS = {"ann": "known-to-ann-alone", "bob": "known-to-bob-alone"}


def shown(who: str) -> dict[str, str]:
    """The header with somebody's token."""
    return {"authorization": f"Bearer {SECRETS[who]}"}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state") / "lake"
    append(folder, CLASSIFIER, range(40))
    append_features(folder, CLASSIFIER, range(ROWS))
    append(folder, CLASSIFIER, range(40, ROWS))
    return folder


@pytest.fixture(scope="module")
def api(lake: Path, redis_url: str) -> Iterator[Api]:
    limits = all_settings.Serving(
        sql_rows=50,
        sql_kept_rows=100,
        sql_export_seconds=2,
        sql_export_rows=100_000_000,
        tokens=SecretStr(",".join(f"{name}:operator:{secret}" for name, secret in SECRETS.items())),
    )
    with serving(make_settings(lake.parent, redis_url, serving=limits), background=True) as client:
        client.headers.update(shown("ann"))
        eventually(lambda: not client.services.live.away, 30)
        eventually(lambda: ask(client, "SELECT 1").status_code == 200, 30)
        yield client


def ask(
    api: httpx.Client, sql: str | None = None, route: str = "query", who: str = "ann", **more: Any
) -> httpx.Response:
    body = {"application": NAME} | ({"sql": sql} if sql else {}) | more
    return api.post(f"/api/v1/sql/{route}", json=body, headers=shown(who))


def rows(api: httpx.Client, sql: str, **more: Any) -> Any:
    response = ask(api, sql, **more)
    assert response.status_code == 200, response.text
    return response.json()["rows"]


# Pages


def test_pages_are_of_one_version(api: Api, lake: Path) -> None:
    before = DeltaTable(table_uri(lake, CLASSIFIER)).version()
    sql = "SELECT source_offset FROM data ORDER BY 1"
    answer = ask(api, sql, limit=25).json()
    seen = answer["rows"]
    append(lake, CLASSIFIER, range(1))
    while answer["cursor"]:
        answer = ask(api, cursor=answer["cursor"]).json()
        assert answer["columns"][0]["name"] == "source_offset"
        seen += answer["rows"]
    assert seen == [[n] for n in range(ROWS)]
    assert answer["truncated"] is False
    assert (answer["row_count"], answer["versions"]) == (10, {"data": before})
    DeltaTable(table_uri(lake, CLASSIFIER)).restore(before)


def test_pages_end_at_what_is_kept(api: Api) -> None:
    answer = ask(api, "SELECT * FROM range(1000)").json()
    assert (answer["row_count"], answer["truncated"]) == (50, True)
    answer = ask(api, cursor=answer["cursor"]).json()
    assert answer["rows"][0] == [50]
    assert (answer["row_count"], answer["truncated"], answer["cursor"]) == (50, True, None)


def test_a_page_can_be_asked_for_again_and_in_another_size(api: Api) -> None:
    cursor = ask(api, "SELECT * FROM range(60)", limit=20).json()["cursor"]
    assert ask(api, cursor=cursor).json() | {"elapsed_ms": 0} == ask(api, cursor=cursor).json() | {
        "elapsed_ms": 0
    }
    assert ask(api, cursor=cursor, limit=3).json()["rows"] == [[20], [21], [22]]


def test_cursors_are_worth_nothing_to_others(api: Api) -> None:
    cursor = ask(api, "SELECT * FROM range(60)", limit=20).json()["cursor"]
    key = cursor.partition(".")[0]
    assert ask(api, cursor=cursor).status_code == 200
    for response in (
        ask(api, cursor=cursor, who="bob"),
        ask(api, cursor=cursor, application=OTHER.name),
        ask(api, cursor="x" * 22 + ".20"),
        ask(api, cursor=f"{key}.99999"),
        ask(api, cursor="'; DROP TABLE data"),
    ):
        assert [one["field"] for one in problem(response, 400)["errors"]] == ["cursor"]


def test_either_a_text_or_a_cursor(api: Api) -> None:
    for response in (ask(api), ask(api, "SELECT 1", cursor="x")):
        assert [one["field"] for one in problem(response, 422)["errors"]] == ["sql"]


def result(caller: str, size: int) -> Result:
    return Result(
        caller=caller,
        application=NAME,
        names=[],
        types=[],
        kept=b"x" * size,
        rows=10,
        page=5,
        whole=True,
        version=0,
        table_rows=0,
        versions={},
    )


def test_results_expire_and_are_bounded() -> None:
    now = 0.0
    kept = Results(60, 100, clock=lambda: now)
    first = kept.keep(result("ann", 40))
    assert first
    assert kept.find(first, "ann", NAME)[2] == 5
    now = 61
    with pytest.raises(NoResult, match="expired"):
        kept.find(first, "ann", NAME)
    assert kept.keep(result("ann", 101)) is None
    second, third = kept.keep(result("ann", 60)), kept.keep(result("bob", 60))
    assert second
    assert third
    assert kept.bytes == 60
    with pytest.raises(NoResult):
        kept.find(second, "ann", NAME)
    mine = [kept.keep(result("ann", 1)) for _ in range(MOST_PER_CALLER + 1)]
    assert kept.find(third, "bob", NAME)
    with pytest.raises(NoResult):
        kept.find(str(mine[0]), "ann", NAME)
    assert kept.find(str(mine[1]), "ann", NAME)


# Plans


@pytest.mark.parametrize("analyze", [False, True])
def test_a_plan_names_no_file(api: Api, lake: Path, analyze: bool) -> None:
    sql = "SELECT event_date, count(*) FROM data WHERE source_offset > 3 GROUP BY 1"
    answer = ask(api, sql, "plan", analyze=analyze).json()
    assert answer["analyzed"] is analyze
    assert "PARQUET" in answer["plan"]
    assert "source_offset" in answer["plan"]
    assert ("ms]" in answer["plan"]) is analyze
    assert str(lake.parent) not in answer["plan"]
    assert ".parquet" not in answer["plan"]


# Files


def test_an_export_is_a_file(api: Api, lake: Path) -> None:
    before = sorted(lake.parent.rglob("*"))
    sql = "SELECT * FROM data ORDER BY source_offset"
    for form in ("csv", "parquet"):
        response = ask(api, sql, "export", format=form)
        assert response.status_code == 200, response.text
        assert response.headers["content-disposition"] == f'attachment; filename="{NAME}.{form}"'
        assert response.headers["x-most-rows"] == "100000000"
        source = io.BytesIO(response.content)
        table = csv.read_csv(source) if form == "csv" else parquet.read_table(source)
        assert table["source_offset"].to_pylist() == list(range(ROWS))
        assert table.column_names == events_schema(CLASSIFIER).names
    assert sorted(lake.parent.rglob("*")) == before


def test_a_cell_is_no_formula(api: Api) -> None:
    texts = ("=1+1", "+1", "-1", "@x", "\ttab", "plain", "a=b")
    values = ", ".join(f"('{text}', -1, ['=1'])" for text in texts)
    sql = f"SELECT a, b, c, '' AS \"=name\" FROM (VALUES {values}) t(a, b, c)"
    table = csv.read_csv(
        io.BytesIO(ask(api, sql, "export", format="csv").content),
        parse_options=csv.ParseOptions(newlines_in_values=True),
    )
    assert table["a"].to_pylist() == ["'" + text for text in texts[:5]] + list(texts[5:])
    assert set(table["b"].to_pylist()) == {-1}
    assert set(table["c"].to_pylist()) == {"[=1]"} or set(table["c"].to_pylist()) == {"['=1']"}
    assert table.column_names[-1] == "'=name"
    found = parquet.read_table(io.BytesIO(ask(api, sql, "export", format="parquet").content))
    assert found["a"].to_pylist() == list(texts)


def test_an_export_is_limited_in_rows_and_types_survive(lake: Path) -> None:
    limits = all_settings.Serving(sql_export_rows=25_000)
    with serving(make_settings(lake.parent, serving=limits), background=True) as api:
        eventually(lambda: ask(api, "SELECT 1").status_code == 200, 30)
        response = ask(
            api, "SELECT i, i AS i, i::HUGEINT AS h FROM range(50000) t(i)", "export", format="parquet"
        )
        table = parquet.read_table(io.BytesIO(response.content))
        assert response.headers["x-most-rows"] == "25000"
        assert (table.num_rows, table.column_names) == (25_000, ["i", "i_2", "h"])
        assert table.schema.types == [pa.int64(), pa.int64(), pa.string()]


def test_an_export_beyond_its_time_breaks_off_and_leaves_room(api: Api) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        ask(api, f"SELECT {SLOW} FROM range(100000000) t(i)", "export", format="csv")
    eventually(lambda: ask(api, "SELECT 1", "export", format="csv").status_code == 200)


SLOW = "md5(md5(md5(md5(md5(md5(md5(md5(md5(md5(i::VARCHAR))))))))))"


def test_one_export_at_a_time_and_a_hang_up_ends_it(api: Api) -> None:
    body = {"application": NAME, "format": "csv", "sql": f"SELECT {SLOW} FROM range(10000000) t(i)"}
    with api.stream("POST", "/api/v1/sql/export", json=body) as response:
        assert response.status_code == 200
        busy = ask(api, "SELECT 1", "export", format="csv")
        assert "one runs at a time" in problem(busy, 503)["detail"]
        assert rows(api, "SELECT 1") == [[1]]
    eventually(lambda: ask(api, "SELECT 1", "export", format="csv").status_code == 200)


def test_a_refused_export_is_a_problem(api: Api) -> None:
    problem(ask(api, "SELECT bad FROM data", "export", format="csv"), 400)
    found = problem(ask(api, "SELECT 1", "export", format="xls"), 422)
    assert [one["field"] for one in found["errors"]] == ["format"]


# What there is to ask


def test_templates_are_the_declarations(api: Api) -> None:
    for name, application in APPLICATIONS.items():
        found = api.get(f"/api/v1/sql/{name}/templates").json()["templates"]
        assert [(one["title"], one["sql"]) for one in found] == [
            (query.title, query.sql) for query in application.queries
        ]


def test_rows_come_from_the_log(api: Api) -> None:
    found = {one["name"]: one for one in api.get(f"/api/v1/sql/{NAME}/rows").json()["tables"]}
    assert (found["data"]["rows"], found["data"]["version"] > 0) == (ROWS, True)
    assert found["features"]["rows"] == ROWS
    assert found["rejects"] == {"name": "rejects", "rows": None, "version": None}


# History and saved queries


def test_the_history_is_the_callers_own(api: Api, redis: Any) -> None:
    rows(api, "SELECT 1 AS mine")
    ask(api, "SELECT bad FROM data")
    ask(api, "SELECT 2", "plan")
    ask(api, "SELECT 3", who="bob")
    history, ann = f"/api/v1/sql/{NAME}/history", shown("ann")
    plan, bad, good = api.get(history, headers=ann).json()["queries"]
    assert (good["sql"], good["rows"], good["kind"], good["error"]) == ("SELECT 1 AS mine", 1, "rows", None)
    assert good["ms"] > 0
    assert (bad["rows"], "not found" in bad["error"]) == (None, True)
    assert plan["kind"] == "plan"
    assert api.delete(history, headers=ann).json() == {"queries": []}
    assert api.get(history, headers=ann).json() == {"queries": []}
    left = api.get(history, headers=shown("bob")).json()["queries"]
    assert [one["sql"] for one in left] == ["SELECT 3"]


def test_the_history_is_bounded(api: Api, redis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST_REMEMBERED", 2)
    for number in range(3):
        rows(api, f"SELECT {number}")
    found = api.get(f"/api/v1/sql/{NAME}/history", headers=shown("ann")).json()["queries"]
    assert [one["sql"] for one in found] == ["SELECT 2", "SELECT 1"]


def test_queries_go_on_without_redis(lake: Path) -> None:
    with serving(make_settings(lake.parent), background=True) as api:
        eventually(lambda: ask(api, "SELECT 1").status_code == 200, 30)
        assert "Redis is away" in problem(api.get(f"/api/v1/sql/{NAME}/history"), 503)["detail"]


def test_queries_are_saved(api: Api, redis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"/api/v1/sql/{NAME}/saved"
    body = {"sql": "SELECT count(*) FROM data AS OF VERSION 0", "title": "How it began"}
    saved = api.put(f"{url}/first one", json=body, headers=shown("ann")).json()
    assert (saved["name"], saved["title"], saved["sql"], saved["by"]) == (
        "first one", "How it began", body["sql"], "ann",
    )  # fmt: skip
    assert api.get(url).json()["queries"] == [saved]
    for name, sql, status in (("a", "DROP TABLE data", 400), ("a", "SELEKT", 400), ("_a", "SELECT 1", 422)):
        problem(api.put(f"{url}/{name}", json={"sql": sql}), status)
    monkeypatch.setattr(remembered, "MOST_SAVED", 1)
    assert "delete one first" in problem(api.put(f"{url}/b", json={"sql": "SELECT 1"}), 409)["detail"]
    assert api.put(f"{url}/first one", json={"sql": "SELECT 2"}).status_code == 200
    assert "there are first one" in problem(api.delete(f"{url}/other"), 404)["detail"]
    assert api.delete(f"{url}/first one").json() == {"queries": []}


# Stopping


def test_a_query_is_stopped_by_its_caller_only(api: Api) -> None:
    told: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: told.append(ask(api, ENDLESS, query_id="mine")))
    thread.start()
    eventually(lambda: api.services.sql.running.names("ann") == ["mine"])
    time.sleep(0.2)
    url, mine = "/api/v1/sql/queries/mine", shown("ann")
    assert "there are none" in problem(api.delete(url, headers=shown("bob")), 404)["detail"]
    again = problem(ask(api, "SELECT 1", query_id="mine"), 409)
    assert [one["field"] for one in again["errors"]] == ["query_id"]
    started = time.monotonic()
    assert api.delete(url, headers=mine).json() == {"query_id": "mine"}
    thread.join()
    assert time.monotonic() - started < 2
    assert "as its caller asked" in problem(told[0], 409)["detail"]
    assert problem(api.delete(url, headers=mine), 404)
    found = problem(ask(api, "SELECT 1", query_id="no blanks"), 422)
    assert [one["field"] for one in found["errors"]] == ["query_id"]
