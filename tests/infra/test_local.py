"""The local stack's configuration and its checks before anything starts."""

from __future__ import annotations

import configparser
import socket
from pathlib import Path

import pytest

from core.names import Stream
from core.settings import Settings
from infra.local import broker, preflight, readiness, stores, supervise
from infra.local.program import Program, stop_order
from infra.local.programs import programs
from infra.local.supervise import StackError


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(var=tmp_path)


def test_every_part_can_be_asked_whether_it_is_ready(settings: Settings) -> None:
    assert {program.name for program in programs(settings)} == set(readiness.CHECKS)


def test_parts_end_before_what_they_stand_on(settings: Settings) -> None:
    first, *_, last = stop_order(programs(settings))
    assert all(name.startswith("producer-") for name in first)
    assert set(last) == {"broker", "redis"}


def test_every_port_has_its_setting(settings: Settings) -> None:
    ports = {port: name for program in programs(settings) for name, port in program.ports.items()}
    assert {8000, 8081, 8501, 15000, 16379, 19092, 19094} <= set(ports)
    assert all(name.startswith("MILLRACE_") for name in ports.values())


def test_the_supervisor_starts_nothing_by_itself_and_revives_what_ends(settings: Settings) -> None:
    parser = configparser.RawConfigParser()
    parser.read_string(supervise.config(settings, programs(settings)))
    parts = [name for name in parser.sections() if name.startswith("program:")]
    assert len(parts) == len(programs(settings))
    for part in parts:
        assert parser[part]["autostart"] == "false"
        assert parser[part]["autorestart"] == "true"
        assert str(settings.var) in parser[part]["stdout_logfile"]


def test_words_of_a_command_survive_the_configuration(settings: Settings) -> None:
    text = supervise.config(settings, [Program("x", ["run", "a b", "100%", "libs/*"], env={"Q": '50% "x"'})])
    assert "command=run 'a b' 100%% 'libs/*'" in text
    assert 'Q="50%% \\"x\\""' in text


def test_everything_listens_on_loopback_only(settings: Settings) -> None:
    assert "bind 127.0.0.1\n" in stores.redis_config(settings)
    assert "listeners=PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19094\n" in broker.properties(
        settings
    )


def test_redis_keeps_live_models(settings: Settings) -> None:
    config = stores.redis_config(settings)
    assert "maxmemory-policy noeviction" in config
    assert "appendonly yes" in config


def test_a_taken_port_is_told_with_setting_and_owner() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        program = Program("thing", ["thing"], ports={"MILLRACE_THING__PORT": port})
        with pytest.raises(
            StackError, match=rf"port {port} \(MILLRACE_THING__PORT, for thing\) is taken by process"
        ):
            preflight._ports([program])
    preflight._ports([program])


def test_a_full_disk_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "LEAST_FREE_GIB", 1e9)
    with pytest.raises(StackError, match=r"GiB free; at least 1000000000\.0 GiB are needed"):
        preflight._disk(settings)


def test_the_secret_is_made_once_and_only_its_owner_reads_it(settings: Settings) -> None:
    preflight.make_secret(settings)
    made = settings.signing_key()
    preflight.make_secret(settings)
    assert settings.signing_key() == made
    assert len(made) == 64
    assert (settings.var / "secret").stat().st_mode & 0o077 == 0


def test_missing_topics() -> None:
    everything = broker.missing_topics([])
    assert f"tfd.{Stream.EVENTS}" in everything
    assert broker.missing_topics(everything) == []


def test_a_state_folder_too_deep_for_a_socket_is_told(tmp_path: Path) -> None:
    deep = Settings(var=tmp_path / ("x" * 120))
    with pytest.raises(StackError, match="set MILLRACE_VAR to a shorter one"):
        supervise.launch(deep, [])
