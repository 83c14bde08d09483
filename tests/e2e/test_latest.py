"""Where features go, and dead letters that are sent again: on the stack of `test_first_light`, after it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from deltalake import DeltaTable
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from core import names
from core.applications import APPLICATIONS
from core.features import features
from core.names import Stream, Table
from core.validation import Reason
from tests.contract.events import sound
from tests.e2e.stack import REPO, Stack, wait_for
from tests.e2e.test_first_light import PRODUCERS, settled
from tests.e2e.topics import read_all, send

pytestmark = pytest.mark.e2e

PART = "latest-features"

FUTURE_SECONDS = 300
"""How far ahead of the clock an event may be: `future_time` is the reason that time itself mends."""


def on_topic(stack: Stack, name: str) -> list[dict[str, Any]]:
    """The feature rows on the topic, each with its entity."""
    rows = read_all(stack.read.broker.url, names.topic(name, Stream.FEATURES))
    return [json.loads(row.value) for row in rows]


def said(stack: Stack, name: str) -> dict[str, Any]:
    """What the status says of the features."""
    return stack.application(name)["features"] or {"rows": 0}


def all_read(stack: Stack, name: str) -> list[dict[str, Any]] | None:
    """The rows of the topic once the writer has read as many, else None."""
    rows = on_topic(stack, name)
    return rows if len(rows) == said(stack, name)["rows"] else None


def in_table(stack: Stack, name: str) -> list[tuple[int, int]]:
    table = DeltaTable(f"{stack.read.lake_uri}/{names.table_path(name, Table.FEATURES)}")
    rows = table.to_pyarrow_table(columns=[names.SOURCE_PARTITION, names.SOURCE_OFFSET])
    return sorted(zip(*(rows[column].to_pylist() for column in rows.column_names), strict=True))


def test_features_flow_while_their_writer_is_killed(stack: Stack) -> None:
    """Live rows become readable within seconds, and nothing waits for the API or the other way round."""
    before = {name: said(stack, name)["rows"] for name in APPLICATIONS}
    stack.start(*PRODUCERS)
    try:
        for name in APPLICATIONS:
            wait_for(f"features of {name}", partial(_grown, stack, name, before[name] + 20), 120)
        killed = stack.pid(PART)
        os.kill(killed, signal.SIGKILL)
        wait_for(f"{PART} is started again", lambda: stack.pid(PART) not in (0, killed), 60)
        for name in APPLICATIONS:
            grown = said(stack, name)["rows"]
            wait_for(f"features of {name}", partial(_grown, stack, name, grown + 20), 120)
            wait_for(f"fresh features of {name}", partial(_fresh, stack, name), 120)
    finally:
        stack.stop(*PRODUCERS)


def _fresh(stack: Stack, name: str) -> bool:
    """Half of the last rows took seconds; others may have waited for a part that was down."""
    found = said(stack, name)["freshness_s"]
    return bool(found and 0 < found["p50"] <= found["p95"] and found["p50"] < 30)


def _grown(stack: Stack, name: str, rows: int) -> bool:
    return bool(said(stack, name)["rows"] >= rows)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_redis_holds_the_newest_row_of_each_entity(stack: Stack, name: str) -> None:
    rows = wait_for("all rows are read", lambda: all_read(stack, name), 60)
    assert len({(row["source_partition"], row["source_offset"]) for row in rows}) == len(rows)
    newest: dict[str, str] = {}
    for row in rows:
        if not row["late"]:
            newest[row["key"]] = max(newest.get(row["key"], ""), _sortable(row["event_time"]))
    redis = Redis.from_url(stack.read.redis.url)
    found: Any = redis.hgetall(names.features_key(name))
    redis.close()
    held = {key.decode(): _sortable(json.loads(text)["event_time"]) for key, text in found.items()}
    assert held
    assert {entity: newest[entity] for entity in held} == held
    horizon = min(held.values())
    unheld = {entity for entity, at in newest.items() if entity not in held and at > horizon}
    assert not unheld, "only those before the oldest that is held were forgotten"


def _sortable(time_: str) -> str:
    return datetime.fromisoformat(time_).isoformat(timespec="milliseconds")


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_table_holds_each_feature_row_once(stack: Stack, name: str) -> None:
    keys = sorted((row["source_partition"], row["source_offset"]) for row in on_topic(stack, name))
    wait_for("every feature row is in the table, once", lambda: in_table(stack, name) == keys, 60)
    query = next(one for one in APPLICATIONS[name].queries if "features" in one.sql)
    asked = {"application": name, "sql": query.sql}
    answer = httpx.post(f"{stack.api}/api/v1/sql/query", json=asked, timeout=30).json()
    columns = [one["name"] for one in answer["columns"]]
    assert set(columns) >= {one.name for one in features(APPLICATIONS[name])}
    assert answer["row_count"] == 100


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_api_and_prometheus_tell_of_them(stack: Stack, name: str) -> None:
    row = max((one for one in on_topic(stack, name) if not one["late"]), key=lambda one: one["event_time"])
    url = f"{stack.api}/api/v1/incremental/{name}/features"
    answer = httpx.get(f"{url}/{quote(row['key'], safe='')}").json()
    assert {one["name"]: one["value"] for one in answer["features"]} == {
        one.name: row[one.name] for one in features(APPLICATIONS[name])
    }
    assert answer["age_s"] >= 0
    assert httpx.get(f"{url}/nobody-of-this-name").status_code == 404
    samples = {
        (one.name, one.labels.get("late", one.labels.get("le", ""))): one.value
        for family in text_string_to_metric_families(httpx.get(f"{stack.api}/metrics").text)
        for one in family.samples
        if one.labels.get("application") == name and one.name.startswith("millrace_feature")
    }
    rows = samples["millrace_feature_rows_total", "true"] + samples["millrace_feature_rows_total", "false"]
    assert rows == said(stack, name)["rows"] == samples["millrace_feature_age_seconds_count", ""]
    assert samples["millrace_feature_delay_seconds_bucket", "60.0"] > 0
    assert samples["millrace_feature_report_age_seconds", ""] < 30


def replay(stack: Stack, *arguments: str) -> str:
    """What scripts/replay prints; fails when it does."""
    command = [sys.executable, "-m", "infra.replay", *arguments]
    done = subprocess.run(
        command, env=stack.env, cwd=REPO, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_dead_letter_is_sent_again_once_and_counted_once(stack: Stack) -> None:
    """An event from the near future is refused, and sound once time has caught up: replayed, it is valid."""
    name, application = list(APPLICATIONS.items())[-1]
    before = wait_for("everything has gone through", lambda: settled(stack, name))
    since = datetime.now(UTC).replace(microsecond=0)
    moment = datetime.now(UTC) + timedelta(seconds=FUTURE_SECONDS + 12)
    event = sound(application, seed=99) | {application.event_time.name: moment.isoformat()}
    event |= {application.identifier.name: f"replayed-{since:%Y%m%dT%H%M%S}"}
    body = json.dumps(event).encode()
    send(
        stack.read.broker.url,
        names.topic(name, Stream.EVENTS),
        [(event[application.key].encode(), body)],
    )
    url = f"{stack.api}/api/v1/monitoring/{name}/dead-letters"
    chosen = (name, "--reason", Reason.FUTURE_TIME, "--since", f"{since:%Y-%m-%dT%H:%M:%S}")
    wait_for(
        "the letter is in the table", lambda: "1 match, 0 of them" in replay(stack, *chosen, "--dry-run"), 30
    )
    refused = stack.application(name)
    assert (refused["produced"], refused["valid"]) == (before["produced"] + 1, before["valid"])
    known = httpx.get(url).json()
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds() - FUTURE_SECONDS + 1))

    assert "1 produced again, 0 not taken by the broker" in replay(stack, *chosen)
    after = wait_for("everything has gone through", lambda: _through(stack, name, before["produced"] + 2), 60)
    assert (after["valid"], after["rejected"]) == (before["valid"] + 1, before["rejected"] + 1)
    assert after["rejected_by_reason"] == refused["rejected_by_reason"], "the letter stays, and is one"
    table = DeltaTable(f"{stack.read.lake_uri}/{names.table_path(name, Table.EVENTS)}")
    ids = table.to_pyarrow_table(columns=[application.identifier.name])[0].to_pylist()
    assert ids.count(event[application.identifier.name]) == 1

    again = replay(stack, *chosen)
    assert "1 match, 1 of them were replayed before" in again
    assert "0 produced again" in again
    time.sleep(5)
    assert stack.application(name)["produced"] == after["produced"], "a second replay does nothing"
    letters = httpx.get(url).json()
    assert (letters["replayed"], letters["unconfirmed"]) == (known["replayed"] + 1, known["unconfirmed"])
    assert letters["total"] == known["total"] == after["rejected"]
    assert letters["letters"][0]["replay"] == "done"


def _through(stack: Stack, name: str, produced: int) -> dict[str, Any] | None:
    one = settled(stack, name)
    return one if one and one["produced"] == produced else None
