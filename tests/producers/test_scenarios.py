"""Scenarios on their way to the stream: through Redis, with Redis away, and into the messages."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from redis import Redis
from typer.testing import CliRunner

from core import names, scenarios
from core import settings as all_settings
from core.applications import APPLICATIONS
from core.connect import kafka
from core.connect.redis import client as redis_client
from core.declaration import Application
from core.scenarios import NORMAL, Conditions, planned
from core.validation import Accepted, Check
from producers import __main__ as command
from producers.runner import Runner, Stop
from producers.source import Source
from producers.watch import Watch
from tests.producers.streams import MONDAY, near
from tests.producers.test_runner import Client, once

NAME, APPLICATION = next(iter(APPLICATIONS.items()))
NOWHERE = "redis://127.0.0.1:1/0"
MESSAGES = 3000

applications = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=list(APPLICATIONS))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port, home = free.getsockname()[1], tmp_path_factory.mktemp("redis")
    line = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(home)]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL)
    address = f"redis://127.0.0.1:{port}/0"
    try:
        with redis_client(address, retries=10) as probe:
            probe.ping()
        yield address
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def redis(url: str) -> Iterator[Redis]:
    with redis_client(url) as client:
        client.flushall()
        yield client


def test_the_log_tells_the_ends_as_they_were(redis: Redis) -> None:
    now = datetime.now(UTC)
    assert scenarios.current(redis, NAME) is None
    assert scenarios.history(redis, NAME) == []
    first, second = planned("sudden", start=now, minutes=60), planned("burst", start=now, minutes=5)
    scenarios.switch(redis, NAME, first)
    time.sleep(0.02)
    identifier = scenarios.switch(redis, NAME, second)
    assert scenarios.current(redis, NAME) == second
    log = scenarios.history(redis, NAME)
    assert log[0] == scenarios.Logged(id=identifier, scenario=second)
    assert log[1].scenario.name == "sudden"
    assert now < log[1].scenario.end < now + timedelta(minutes=1), "cut short by the burst"
    assert scenarios.history(redis, "another") == []


def test_one_that_was_replaced_before_its_start_never_held(redis: Redis) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    scenarios.switch(redis, NAME, planned("sudden", start=soon, minutes=60))
    scenarios.switch(redis, NAME, planned("normal", start=datetime.now(UTC), minutes=1))
    replaced = scenarios.history(redis, NAME)[1].scenario
    assert replaced.start == replaced.end


def test_the_watch_sees_changes_and_outlives_redis(redis: Redis) -> None:
    now = datetime.now(UTC)
    watch = Watch(redis, NAME)
    watch.start()
    assert watch.conditions(now) == NORMAL
    scenarios.switch(redis, NAME, planned("burst", start=now, minutes=5))
    deadline = time.monotonic() + 15
    while watch.conditions(now).rate != 5:
        assert time.monotonic() < deadline, "the watch does not see the burst"
        time.sleep(0.05)
    watch.stop()
    watch._redis = redis_client(NOWHERE, timeout_seconds=0.1, retries=0)
    watch.look()
    assert watch.conditions(now).rate == 5, "what it saw last still holds"
    assert watch.conditions(now + timedelta(minutes=6)) == NORMAL, "and ends by itself"


def test_what_stands_in_redis_and_is_no_scenario_changes_nothing(redis: Redis) -> None:
    redis.set(names.scenario_key(NAME), b"rubbish")
    watch, told = Watch(redis, NAME), []
    watch._log = SimpleNamespace(warning=lambda event, **_: told.append(event))  # type: ignore[assignment]
    watch.look()
    watch.look()
    assert watch.conditions(datetime.now(UTC)) == NORMAL
    assert told == ["scenario unknown"]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    made = Client()
    monkeypatch.setattr(kafka, "producer", lambda *args, **options: made)
    return made


def settings(url: str, rate: float) -> all_settings.Settings:
    return all_settings.Settings(
        producers=all_settings.Producers(rate=str(rate), malformed_share=0),
        redis=all_settings.Redis(url=url),
    )


def test_a_burst_speeds_the_live_stream_up(client: Client, redis: Redis, url: str) -> None:
    scenarios.switch(redis, NAME, planned("burst", start=datetime.now(UTC), minutes=5, strength=10))
    stop = Stop()
    runner = Runner(APPLICATION, settings(url, 20), stop)
    once(lambda: len(client.taken) >= 400, lambda: setattr(stop, "asked", True))
    outcome = runner.live()
    assert outcome.sent > 2 * 20 * outcome.seconds


def test_the_live_stream_goes_on_without_redis(client: Client) -> None:
    stop = Stop()
    runner = Runner(APPLICATION, settings(NOWHERE, 50), stop)
    once(lambda: len(client.taken) > 20, lambda: setattr(stop, "asked", True))
    outcome = runner.live()
    assert 20 < outcome.sent <= 50 * outcome.seconds + 1


def made(application: Application, held: Conditions) -> tuple[list[Any], list[dict[str, Any]]]:
    source, messages, truths = Source(application, 42, 0, 0.0), [], []
    for n in range(MESSAGES):
        messages.append(source.message(MONDAY + timedelta(seconds=n), MONDAY + timedelta(days=1), held))
        truths.append(source.truth)
    return messages, truths


@applications
def test_wrong_labels_come_in_their_share_and_the_truth_keeps_the_right_one(application: Application) -> None:
    plain, noisy = made(application, NORMAL), made(application, Conditions(label_noise=0.2))
    wrong = sum(truth["wrong_label"] for truth in noisy[1])
    label = application.label
    assert (near(wrong / MESSAGES, 0.2, MESSAGES)) if label else wrong == 0
    for (_, was), (_, is_now), truth in zip(plain[0], noisy[0], noisy[1], strict=True):
        assert (was == is_now) == (not truth["wrong_label"])
        if label:
            assert json.loads(was)[label] == truth["label"]


@applications
def test_missing_values_and_damage_come_in_their_shares(application: Application) -> None:
    plain = made(application, NORMAL)[0]
    messages, truths = made(application, Conditions(missing_values=0.2))
    missing = [bool(truth["missing"]) for truth in truths]
    assert near(sum(missing) / MESSAGES, 0.2, MESSAGES)
    assert [a != b for a, b in zip(plain, messages, strict=True)] == missing
    damaged = sum(truth["damaged"] for truth in made(application, Conditions(malformed=0.3))[1])
    assert near(damaged / MESSAGES, 0.3, MESSAGES)


@applications
def test_a_shift_changes_the_stream_and_keeps_it_sound(application: Application) -> None:
    check, now = Check(application), MONDAY + timedelta(days=1)
    plain, moved = made(application, NORMAL)[0], made(application, Conditions(shift=1.0))[0]
    assert all(isinstance(check(key, body, now), Accepted) for key, body in moved)
    assert sum(a != b for a, b in zip(plain, moved, strict=True)) > MESSAGES / 2


def test_a_backfill_tells_the_truth_beside_the_stream(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    line = ["backfill", NAME, "--events", "50", "--truth", str(path)]
    assert CliRunner().invoke(command.cli, line).exit_code == 0
    told = [json.loads(one) for one in path.read_text().splitlines()]
    sent = [json.loads(value or b"") for _, _, value in client.taken if value]
    assert [one["event_id"] for one in told][:5] == [e[APPLICATION.identifier.name] for e in sent][:5]
    assert all(one["truth"] for one in told)
    assert not any({"truth", "pattern"} & event.keys() for event in sent)
    again = CliRunner().invoke(command.cli, ["backfill", NAME, "--truth", str(tmp_path)])
    assert again.exit_code == 2


class TestCommand:
    @pytest.fixture(autouse=True)
    def _settings(self, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        monkeypatch.setattr(command, "settings", lambda: settings(url, 1))

    def test_it_switches_and_prints_what_holds(self, redis: Redis) -> None:
        result = CliRunner().invoke(command.cli, ["scenario", NAME, "sudden", "--minutes", "3"])
        assert result.exit_code == 0
        held = scenarios.decode(result.output.encode())
        assert scenarios.current(redis, NAME) == held
        assert held.end - held.start == timedelta(minutes=3)

    @pytest.mark.parametrize(
        ("line", "named"),
        [
            (["nope", "sudden"], "'nope'"),
            ([NAME, "nope"], "moderate_drift"),
            ([NAME, "burst", "--strength", "1000"], "strength"),
            ([NAME, "burst", "--minutes", "-1"], "minutes"),
        ],
    )
    def test_what_can_not_be_is_refused(self, line: list[str], named: str) -> None:
        result = CliRunner().invoke(command.cli, ["scenario", *line])
        assert result.exit_code == 2
        assert named in result.output

    def test_without_redis_it_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(command, "settings", lambda: settings(NOWHERE, 1))
        result = CliRunner().invoke(command.cli, ["scenario", NAME, "burst"])
        assert result.exit_code == 1
        assert "MILLRACE_REDIS__URL" in result.output
