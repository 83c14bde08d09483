"""Tables as they were: by version, by time, joined; what is said of versions that are not there."""

# ruff: noqa: S608 - texts of queries are what this is about
from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from deltalake import DeltaTable, write_deltalake

from core.applications import APPLICATIONS
from core.names import EVENT_DATE
from core.schemas import events_schema
from tests.serving.conftest import Api, eventually, make_settings, serving
from tests.serving.models import CLASSIFIER
from tests.serving.rows import append, append_features, table_uri
from tests.serving.test_sql import problem
from tests.serving.test_sql_routes import ask, rows

NAME = CLASSIFIER.name
OTHER = next(one for name, one in APPLICATIONS.items() if name != NAME)
FIRST, ROWS = 40, 60


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state") / "lake"
    append(folder, CLASSIFIER, range(FIRST))
    append_features(folder, CLASSIFIER, range(ROWS))
    time.sleep(0.05)  # commits are dated in milliseconds
    append(folder, CLASSIFIER, range(FIRST, ROWS))
    return folder


@pytest.fixture(scope="module")
def api(lake: Path) -> Iterator[Api]:
    with serving(make_settings(lake.parent), background=True) as client:
        eventually(lambda: ask(client, "SELECT 1").status_code == 200, 30)
        yield client


@pytest.mark.parametrize(
    "table",
    [
        "data AS OF VERSION 0",
        "data as\n of /* x */ version 0",
        "DATA AT (VERSION => 0)",
        '"data" AS OF VERSION 0 AS d',
    ],
)
def test_a_table_as_of_a_version(api: Api, table: str) -> None:
    answer = ask(api, f"SELECT count(*) FROM {table}").json()
    assert answer["rows"] == [[FIRST]]
    assert answer["versions"] == {"data AS OF VERSION 0": 0}
    assert answer["table_version"] == 1


def test_a_table_as_of_a_time(api: Api, lake: Path) -> None:
    newest, oldest = DeltaTable(table_uri(lake, CLASSIFIER)).history()
    for commit, count in ((oldest, FIRST), (newest, ROWS)):
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(commit["timestamp"] // 1000))
        at = f"{at}.{commit['timestamp'] % 1000:03d}Z"
        assert rows(api, f"SELECT count(*) FROM data AS OF TIMESTAMP '{at}'") == [[count]]
        assert rows(api, f"SELECT count(*) FROM data AT (TIMESTAMP => '{at}')") == [[count]]


def test_versions_join(api: Api) -> None:
    sql = """SELECT count(*), count(old.source_offset), count(f.late)
        FROM data LEFT JOIN data AS OF VERSION 0 old USING (source_offset)
        LEFT JOIN features AS OF VERSION 0 AS f USING (source_offset)"""
    assert rows(api, sql) == [[ROWS, FIRST, ROWS]]


def test_the_table_keeps_its_name(api: Api) -> None:
    sql = "SELECT max(data.source_offset) FROM data AS OF VERSION 0"
    assert rows(api, sql) == [[FIRST - 1]]


def test_texts_and_remarks_stay_what_they_are(api: Api) -> None:
    sql = "SELECT 'data AS OF VERSION 0' -- data AS OF VERSION 9"
    assert rows(api, sql) == [["data AS OF VERSION 0"]]


@pytest.mark.parametrize(
    "table", ['data AS "of" VERSION 0', "data 'AS' OF VERSION 0", 'data "at" (VERSION => 0)']
)
def test_a_quoted_word_is_no_keyword(api: Api, table: str) -> None:
    problem(ask(api, f"SELECT count(*) FROM {table}"), 400)


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("VERSION 7", "data has no version 7 yet; there are versions 0 ("),
        (
            "TIMESTAMP '2020-01-01'",
            "data was not there yet at 2020-01-01T00:00:00.000Z; there are",
        ),
        ("TIMESTAMP '2090-01-01'", "lies in the future; there are versions 0 ("),
        ("VERSION x", "VERSION wants a whole number, not 'x'"),
        ("TIMESTAMP 'noon'", "TIMESTAMP wants a time in quotes"),
    ],
)
def test_a_version_that_is_not_there(api: Api, when: str, said: str) -> None:
    detail = problem(ask(api, f"SELECT count(*) FROM data AS OF {when}"), 400)["detail"]
    assert said in detail


def test_versions_whose_files_or_log_are_gone(api: Api, lake: Path) -> None:
    uri = table_uri(lake, OTHER)
    append(lake, OTHER, range(3))
    empty = events_schema(OTHER).empty_table()
    write_deltalake(uri, empty, mode="overwrite", partition_by=[EVENT_DATE])
    append(lake, OTHER, range(5))
    ask_old = {"application": OTHER.name, "sql": "SELECT count(*) FROM data AS OF VERSION 0"}
    assert api.post("/api/v1/sql/query", json=ask_old).json()["rows"] == [[3]]
    table = DeltaTable(uri)
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    detail = problem(api.post("/api/v1/sql/query", json=ask_old), 400)["detail"]
    assert "the files of version 0 of data are no longer kept; there are versions 1 (" in detail
    table.update_incremental()
    table.create_checkpoint()
    for version in (0, 1):
        (Path(uri) / "_delta_log" / f"{version:020d}.json").unlink()
    detail = problem(api.post("/api/v1/sql/query", json=ask_old), 400)["detail"]
    assert "data has no version 0 any more" in detail
