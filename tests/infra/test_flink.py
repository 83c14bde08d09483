"""The local Flink cluster's configuration and programs."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from core.settings import Flink, Settings
from infra.local import flink, taskmanager
from infra.local.program import FLINK_PYTHON

needs_flink = pytest.mark.skipif(
    not FLINK_PYTHON.exists(), reason="the Flink environment is not installed: scripts/install makes it"
)


@pytest.fixture
def orphan(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that looks like the Python worker of a cluster in `tmp_path`."""
    command = [sys.executable, "-c", "import time; time.sleep(60)", taskmanager.WORKER]
    process = subprocess.Popen(command, env={taskmanager.CONF_DIR: str(tmp_path)})
    yield process
    process.kill()
    process.wait()


def test_a_worker_left_behind_is_ended_and_that_of_another_stack_is_not(
    tmp_path: Path, orphan: subprocess.Popen[bytes]
) -> None:
    assert taskmanager.end_workers(str(tmp_path / "other")) == []
    assert taskmanager.end_workers(str(tmp_path)) == [orphan.pid]
    assert orphan.wait(5) == -signal.SIGKILL
    assert taskmanager.end_workers(str(tmp_path)) == []


def config(settings: Settings, **options: Any) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(flink.flink_config(settings, **options))
    return parsed


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(var=tmp_path / "it's: a folder")


def test_settings_reach_the_configuration(settings: Settings) -> None:
    changed = Settings(
        var=settings.var,
        flink=Flink(
            port=1081, rpc_port=1123, slots=7, parallelism=2, checkpoint_seconds=0.5, taskmanager_mib=2000
        ),
    )
    found = config(changed)
    assert (found["rest.port"], found["rest.bind-port"], found["jobmanager.rpc.port"]) == (1081, "1081", 1123)
    assert (found["taskmanager.numberOfTaskSlots"], found["parallelism.default"]) == (7, 2)
    assert found["execution.checkpointing.interval"] == "500 ms"
    assert found["taskmanager.memory.process.size"] == "2000m"


def test_nothing_listens_beyond_the_host_of_the_settings(settings: Settings) -> None:
    found = config(settings)
    for name in (
        "rest.address",
        "rest.bind-address",
        "jobmanager.bind-host",
        "taskmanager.bind-host",
        "taskmanager.host",
    ):
        assert found[name] == "127.0.0.1"
    assert not [name for name in found if name.startswith("metrics.reporter")]


def test_two_stacks_share_no_port_and_no_folder(tmp_path: Path) -> None:
    one, two = (
        config(Settings(var=tmp_path / name, flink=Flink(port=port, rpc_port=port + 1)))
        for name, port in (("a", 1081), ("b", 2081))
    )
    for name in set(one) | set(two):
        if name.endswith(("port", "dir", "dirs", "directory")):
            assert one[name] != two[name] or one[name] in (0, "0"), name


def test_checkpoints_outlive_the_jobs_and_lie_in_the_state_folder(settings: Settings) -> None:
    found = config(settings)
    assert found["execution.checkpointing.externalized-checkpoint-retention"] == "RETAIN_ON_CANCELLATION"
    assert found["execution.checkpointing.dir"] == (settings.var / "flink" / "checkpoints").as_uri()


def test_metrics_are_reported_when_asked_for(settings: Settings) -> None:
    assert config(settings, metrics_ports="9249-9260")["metrics.reporter.prom.port"] == "9249-9260"


@needs_flink
def test_the_wheels_own_java_options_are_kept() -> None:
    text = (flink.distribution() / "conf" / "config.yaml").read_text()
    assert set(flink.JAVA_OPTIONS.split()) == set(yaml.safe_load(text)["env"]["java"]["opts"]["all"].split())


@needs_flink
def test_preparing_again_leaves_the_same_folder_of_jars(settings: Settings) -> None:
    flink.prepare(settings)
    lib = flink.home(settings) / "lib"
    first = sorted(path.name for path in lib.iterdir())
    (lib / "stale.jar").symlink_to("nowhere.jar")
    flink.prepare(settings)
    assert sorted(path.name for path in lib.iterdir()) == first
    assert all(path.exists() for path in lib.iterdir())
    assert any(name.startswith("flink-dist") for name in first)
    assert any(name.startswith("flink-sql-connector-kafka") for name in first)


@needs_flink
def test_programs_run_in_the_foreground_with_folders_of_their_own(settings: Settings) -> None:
    jobmanager, starter = flink.programs(settings)
    assert jobmanager.command[-1] == "start-foreground"
    assert starter.command[-2] == flink.environment(settings)["FLINK_CONF_DIR"]
    for program in (jobmanager.command[0], starter.command[0], starter.command[-1]):
        assert Path(program).exists()
    folders = [value for name, value in flink.keeper(settings).env.items() if name.endswith("_DIR")]
    assert len(folders) == 4
    assert all(value.startswith(str(flink.home(settings))) for value in folders)
