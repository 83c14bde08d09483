"""The whole path on real components: broker, Flink, Delta, learners, Redis, MLflow, API, browser.

The tests run in the order of this file, on one stack, as its life goes.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import pytest
from deltalake import DeltaTable
from redis import Redis

from core import names
from core.applications import APPLICATIONS
from core.forms import complete, randomize
from core.names import RejectHeader, Stream, Table
from core.snapshots import unseal
from producers import damage
from tests.contract.events import sound
from tests.e2e.browser import chromium
from tests.e2e.conftest import HISTORY
from tests.e2e.stack import Stack, wait_for
from tests.e2e.topics import read_all, send

pytestmark = pytest.mark.e2e

PRODUCERS = tuple(f"producer-{name}" for name in APPLICATIONS)


def settled(stack: Stack, name: str) -> dict[str, Any] | None:
    """The application's status once every event has gone the whole way, else None."""
    one = stack.application(name)
    through = one["produced"] == one["valid"] + one["rejected"]
    return one if through and one["delta_rows"] == one["valid"] == one["asked"] else None


def table_keys(stack: Stack, name: str) -> Counter[tuple[int, int]]:
    """How often each (source partition, source offset) stands in the table of events."""
    table = DeltaTable(f"{stack.read.lake_uri}/{names.table_path(name, Table.EVENTS)}")
    rows = table.to_pyarrow_table(columns=[names.SOURCE_PARTITION, names.SOURCE_OFFSET])
    return Counter(zip(*(rows[column].to_pylist() for column in rows.column_names), strict=True))


def predictions(stack: Stack, name: str) -> dict[tuple[int, int], set[float]]:
    """The distinct answers on the topic, by the event's identity."""
    found: dict[tuple[int, int], set[float]] = {}
    for row in read_all(stack.read.broker.url, names.topic(name, Stream.PREDICTIONS)):
        one = json.loads(row.value)
        key = one[names.SOURCE_PARTITION], one[names.SOURCE_OFFSET]
        answer = one["value"] if one["probability"] is None else one["probability"]
        found.setdefault(key, set()).add(answer)
    return found


def test_up_says_that_it_is_running(stack: Stack) -> None:
    again = stack.local("up", "--detach")
    assert again.returncode == 0
    assert "already running" in again.stdout
    assert stack.local("status").returncode == 0, "every part is ready"


def test_a_taken_port_starts_nothing(stack: Stack) -> None:
    other = Stack(stack.var.parent / "other", {"MILLRACE_UI__PORT": stack.ui.rpartition(":")[2]})
    refused = other.local("up", "--detach")
    assert refused.returncode == 1
    assert "MILLRACE_UI__PORT, for ui) is taken by process" in refused.stderr
    assert not other.processes()


@pytest.mark.parametrize("name", APPLICATIONS)
def test_flink_shows_the_jobs_by_name(stack: Stack, name: str) -> None:
    jobs = httpx.get(f"{stack.flink}/jobs/overview").json()["jobs"]
    running = [job["name"] for job in jobs if job["state"] == "RUNNING"]
    assert sorted(running) == sorted(stack.read.flink.kept_jobs)


def test_every_kind_of_bad_message_is_a_dead_letter(stack: Stack) -> None:
    broker = stack.read.broker.url
    expected: dict[str, Counter[tuple[str, str]]] = {}
    for name, application in APPLICATIONS.items():
        event = sound(application)
        key, value = event[application.key].encode(), json.dumps(event).encode()
        kinds = damage.reasons(application)
        now = datetime.now(UTC)
        bad = [damage.damage(kind, application, key, value, now) for kind in kinds]
        send(broker, names.topic(name, Stream.EVENTS), bad)
        expected[name] = Counter((str(kind), damage.field(kind, application)) for kind in kinds)
    stack.stop(*PRODUCERS)
    for name in APPLICATIONS:
        wait_for(f"all of {name} has gone through", partial(settled, stack, name))
        letters = read_all(broker, names.topic(name, Stream.DLQ))
        found = Counter(
            (row.headers[RejectHeader.REASON].decode(), row.headers[RejectHeader.FIELD].decode())
            for row in letters
        )
        assert not expected[name] - found, "each kind is there with its reason and field"
        assert all(row.headers[RejectHeader.SOURCE_OFFSET].isdigit() for row in letters)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_nothing_is_lost_and_nothing_is_twice(stack: Stack, name: str) -> None:
    one = wait_for("everything has gone through", lambda: settled(stack, name))
    assert one["produced"] >= HISTORY
    assert one["rejected"] >= HISTORY * 0.01
    rows = table_keys(stack, name)
    assert max(rows.values()) == 1
    assert rows.total() == one["valid"]
    rejected = {
        (int(row.headers[RejectHeader.SOURCE_PARTITION]), int(row.headers[RejectHeader.SOURCE_OFFSET]))
        for row in read_all(stack.read.broker.url, names.topic(name, Stream.DLQ))
    }
    assert len(rejected) == one["rejected"]
    assert not rejected & set(rows)
    assert len(rejected | set(rows)) == one["produced"]


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_model_answers_each_event_once_it_can(stack: Stack, name: str) -> None:
    answered = predictions(stack, name)
    assert 0.4 * HISTORY < len(answered) <= stack.application(name)["valid"]
    assert set(answered) <= set(table_keys(stack, name)), "only valid events are asked about"


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_live_model_lies_signed_in_redis(stack: Stack, name: str) -> None:
    redis = Redis.from_url(stack.read.redis.url)
    blob = redis.get(names.snapshot_key(name))
    redis.close()
    assert isinstance(blob, bytes)
    header, _ = unseal(blob, stack.read.signing_key())
    assert header.application == name
    assert header.asked > 0.9 * HISTORY


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_api_answers_and_names_the_model(stack: Stack, name: str) -> None:
    application = APPLICATIONS[name]
    event = complete(application, randomize(application, 3))
    url = f"{stack.api}/api/v1/incremental/predict"
    answer = httpx.post(url, json={"application": name, "event": event}).json()
    assert answer["model"] == application.online[0]
    assert answer["version"] >= 1
    assert answer["answer"]["value"] is not None
    assert any(value is not None for value in answer["scores"].values())
    refused = httpx.post(url, json={"application": name, "event": event | {"surprise": 1}})
    assert refused.status_code == 422
    assert "surprise" in refused.json()["errors"][0]["field"]


@pytest.mark.parametrize("name", APPLICATIONS)
def test_sql_sees_the_table_and_only_reads(stack: Stack, name: str) -> None:
    url = f"{stack.api}/api/v1/sql/query"
    for query in APPLICATIONS[name].queries:
        answer = httpx.post(url, json={"application": name, "sql": query.sql}, timeout=30)
        assert answer.status_code == 200, (query.title, answer.text)
        assert answer.json()["rows"], query.title
    count = httpx.post(url, json={"application": name, "sql": "SELECT count(*) FROM data"}).json()
    assert count["rows"] == [[stack.application(name)["valid"]]]
    assert httpx.post(url, json={"application": name, "sql": "DROP TABLE data"}).status_code == 400


def test_the_screens_open(stack: Stack) -> None:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        errors: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(stack.ui)
        for application in APPLICATIONS.values():
            page.get_by_text(application.title).first.wait_for(timeout=60_000)
        for application in APPLICATIONS.values():
            page.get_by_test_id("stSidebarNavLink").filter(has_text=application.title).click()
            page.get_by_role("heading", name=application.title).first.wait_for(timeout=30_000)
            page.get_by_text("Predict").first.wait_for(timeout=30_000)
            assert page.get_by_test_id("stException").count() == 0
        assert not errors
        outside = [
            url for url in asked if "://127.0.0.1" not in url and not url.startswith(("data:", "blob:"))
        ]
        assert not outside


@pytest.mark.parametrize("name", list(APPLICATIONS)[:1])
def test_a_killed_learner_goes_on_without_a_gap_or_a_double(stack: Stack, name: str) -> None:
    part = f"learner-{name}"
    before = stack.application(name)
    stack.start(*PRODUCERS)
    for _ in range(2):
        os.kill(stack.pid(part), signal.SIGKILL)
        wait_for("the learner asks again", partial(_asks_again, stack, name, before["asked"]))
        before = stack.application(name)
    stack.stop(*PRODUCERS)
    after = wait_for("everything has gone through", lambda: settled(stack, name))
    assert after["asked"] == after["valid"], "as many asked as there are valid events: no gap, no double"
    assert after["learner"]["run_id"] == before["learner"]["run_id"], "the same run goes on"
    answered = predictions(stack, name)
    twice = [key for key, answers in answered.items() if len(answers) > 1]
    # Asked again since the last snapshot, in time for their features or not, as it comes; the first counts.
    assert len(twice) < HISTORY * 0.1, "only what the last snapshots did not know was asked again"
    rows = set(table_keys(stack, name))
    unanswered = rows - set(answered)
    assert len(unanswered) < HISTORY * 0.5, "only those before the model was trained"


def _asks_again(stack: Stack, name: str, asked: int) -> bool:
    one = stack.application(name)
    return bool(one["learner"]["state"] == "live" and one["asked"] > asked + 20)
