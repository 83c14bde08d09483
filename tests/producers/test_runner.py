"""The runner against a client that stands in for the broker's: counting, waiting, stopping.

The same against a real broker is part of the end-to-end tests.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from core.applications import APPLICATIONS
from core.connect import kafka
from core.settings import Producers, Redis, Settings
from core.validation import Accepted, Check
from producers import runner as module
from producers.__main__ import cli
from producers.runner import Runner, Stop

NAME, APPLICATION = next(iter(APPLICATIONS.items()))


class Client:
    """Takes messages and reports them at the next poll; its buffer has `room`."""

    def __init__(self, room: int = 1000, refuse: Callable[[int], bool] = lambda n: False) -> None:
        self.taken: list[tuple[str, bytes | None, bytes | None]] = []
        self.away = False
        self._room = room
        self._refuse = refuse
        self._open: list[tuple[int, Callable[[Any, Any], None]]] = []

    def produce(
        self, topic: str, *, value: bytes | None, key: bytes | None, on_delivery: Callable[[Any, Any], None]
    ) -> None:
        if len(self._open) >= self._room:
            raise BufferError("full")
        self._open.append((len(self.taken), on_delivery))
        self.taken.append((topic, key, value))

    def poll(self, seconds: float) -> int:
        if self.away:
            time.sleep(min(seconds, 0.01))
            return 0
        done, self._open = self._open, []
        for number, report in done:
            report("refused" if self._refuse(number) else None, self)
        if not done:
            time.sleep(min(seconds, 0.05))
        return len(done)

    def flush(self, seconds: float) -> int:
        self.poll(seconds)
        return len(self._open)

    def key(self) -> bytes:
        return b"key"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    made = Client()
    monkeypatch.setattr(kafka, "producer", lambda *args, **options: made)
    return made


@pytest.fixture
def stop() -> Iterator[Stop]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield Stop()
    for number, handler in kept.items():
        signal.signal(number, handler)


def settings(rate: float = 10, malformed: float = 0.0) -> Settings:
    nowhere = Redis(url="redis://127.0.0.1:1/0")
    return Settings(producers=Producers(rate=str(rate), malformed_share=malformed), redis=nowhere)


def later(seconds: float, act: Callable[[], Any]) -> None:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


def once(true: Callable[[], bool], call: Callable[[], object]) -> None:
    """Calls as soon as something is true, however slow the machine is."""

    def wait() -> None:
        while not true():
            time.sleep(0.01)
        call()

    threading.Thread(target=wait, daemon=True).start()


def test_a_backfill_delivers_all_in_time_order(client: Client, stop: Stop) -> None:
    outcome = Runner(APPLICATION, settings(), stop).backfill(2500, 14)
    assert (outcome.sent, outcome.delivered, outcome.failed, outcome.waiting) == (2500, 2500, 0, 0)
    assert outcome.complete
    check, now = Check(APPLICATION), datetime.now(UTC)
    made = [check(key, value, now) for _, key, value in client.taken]
    times = [one.time for one in made if isinstance(one, Accepted)]
    assert len(times) == 2500
    assert times == sorted(times)
    assert now - timedelta(days=14, minutes=1) < times[0] < now - timedelta(days=13.9)
    assert now - timedelta(hours=1) < times[-1] <= now
    assert {topic for topic, _, _ in client.taken} == {f"{NAME}.events"}


def test_a_backfill_takes_its_size_from_the_settings(client: Client, stop: Stop) -> None:
    config = Settings(producers=Producers(backfill_events=30, backfill_days=1))
    assert Runner(APPLICATION, config, stop).backfill().sent == 30
    assert Runner(APPLICATION, config, stop).backfill(0).sent == 0


def test_two_backfills_share_no_identifier(client: Client, stop: Stop) -> None:
    for _ in range(2):
        Runner(APPLICATION, settings(), stop).backfill(300, 1)
    identifiers = {json.loads(value or b"")[APPLICATION.identifier.name] for _, _, value in client.taken}
    assert len(identifiers) == 600


def test_a_full_buffer_makes_it_wait_and_drops_nothing(client: Client, stop: Stop) -> None:
    client._room = 7
    assert Runner(APPLICATION, settings(), stop).backfill(1200, 1).delivered == 1200


def test_damaged_messages_are_counted(client: Client, stop: Stop) -> None:
    outcome = Runner(APPLICATION, settings(malformed=0.5), stop).backfill(400, 1)
    check, now = Check(APPLICATION), datetime.now(UTC)
    sound = sum(isinstance(check(key, value, now), Accepted) for _, key, value in client.taken)
    assert outcome.damaged == 400 - sound > 100


def test_failed_deliveries_are_counted_and_told_once(
    client: Client, stop: Stop, capsys: pytest.CaptureFixture[str]
) -> None:
    client._refuse = lambda number: number % 10 == 0
    outcome = Runner(APPLICATION, settings(), stop).backfill(200, 1)
    assert (outcome.delivered, outcome.failed) == (180, 20)
    assert not outcome.complete
    assert capsys.readouterr().out.count("delivery failed") == 1


def test_live_events_come_at_their_rate_in_the_present(client: Client, stop: Stop) -> None:
    once(lambda: len(client.taken) >= 100, lambda: setattr(stop, "asked", True))
    before = datetime.now(UTC)
    outcome = Runner(APPLICATION, settings(rate=100), stop).live()
    assert 100 <= outcome.sent <= 100 * outcome.seconds + 1
    assert outcome.complete
    times = [json.loads(value or b"")[APPLICATION.event_time.name] for _, _, value in client.taken]
    assert times == sorted(times)
    assert before <= datetime.fromisoformat(times[0]) <= datetime.now(UTC)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_flushes_and_ends(client: Client, stop: Stop, number: signal.Signals) -> None:
    stop.listen()
    once(lambda: len(client.taken) > 5, lambda: os.kill(os.getpid(), number))
    outcome = Runner(APPLICATION, settings(rate=50), stop).live()
    assert outcome.sent > 5
    assert outcome.complete


def test_a_stop_is_heard_while_the_broker_is_away(
    client: Client, stop: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FLUSH_S", 0.1)
    client.away, client._room = True, 10
    once(lambda: len(client.taken) >= 10, lambda: setattr(stop, "asked", True))
    outcome = Runner(APPLICATION, settings(rate=500), stop).live()
    assert (outcome.sent, outcome.waiting) == (10, 10)
    assert not outcome.complete


def test_it_goes_on_when_the_broker_is_back(client: Client, stop: Stop) -> None:
    client.away, client._room = True, 10
    later(0.3, lambda: setattr(client, "away", False))
    outcome = Runner(APPLICATION, settings(), stop).backfill(500, 1)
    assert outcome.delivered == 500


def test_counts_are_logged_on_the_way(
    client: Client, stop: Stop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "REPORT_S", 0.1)
    once(lambda: len(client.taken) > 25, lambda: setattr(stop, "asked", True))
    Runner(APPLICATION, settings(rate=50), stop).live()
    assert "counts" in capsys.readouterr().out


class TestCommandLine:
    @pytest.fixture(autouse=True)
    def _signals_restored(self, stop: Stop) -> None:
        """`stop` puts the handlers back after the test."""

    def test_backfill_prints_the_counts_last(self, client: Client) -> None:
        result = CliRunner().invoke(cli, ["backfill", NAME, "--events", "20", "--days", "2"])
        assert result.exit_code == 0
        told = json.loads(result.output.splitlines()[-1])
        assert (told["application"], told["sent"], told["delivered"], told["failed"]) == (NAME, 20, 20, 0)

    def test_backfill_fails_if_the_broker_refused_something(self, client: Client) -> None:
        client._refuse = lambda number: number == 3
        result = CliRunner().invoke(cli, ["backfill", NAME, "--events", "20"])
        assert result.exit_code == 1
        assert json.loads(result.output.splitlines()[-1])["failed"] == 1

    def test_run_ends_with_0_on_sigterm(self, client: Client) -> None:
        later(0.4, lambda: os.kill(os.getpid(), signal.SIGTERM))
        assert CliRunner().invoke(cli, ["run", NAME]).exit_code == 0

    def test_an_unknown_application_is_named_with_those_there_are(self) -> None:
        result = CliRunner().invoke(cli, ["run", "nope"])
        assert result.exit_code == 2
        assert "'nope'" in result.output
        assert NAME in result.output
