"""A real stack of a test's own: free ports, its own folder, ended with the test."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import httpx
import psutil

from core.connect.supervisor import control
from core.names import Job
from core.settings import Settings, load
from flink_jobs.cluster import Cluster, waits
from infra.local import supervise

REPO = Path(__file__).resolve().parents[2]

T = TypeVar("T")


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at the moment, all different."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@dataclass
class Stack:
    """A stack that `scripts/up` would start, elsewhere."""

    var: Path
    settings: dict[str, str]
    env: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        broker, controller, flink, rpc, redis, mlflow, api, ui = free_ports(8)
        self.api = f"http://127.0.0.1:{api}"
        self.ui = f"http://127.0.0.1:{ui}"
        self.flink = f"http://127.0.0.1:{flink}"
        ours = {
            "MILLRACE_VAR": str(self.var),
            "MILLRACE_BROKER__URL": f"127.0.0.1:{broker}",
            "MILLRACE_BROKER__CONTROLLER_PORT": str(controller),
            "MILLRACE_FLINK__PORT": str(flink),
            "MILLRACE_FLINK__RPC_PORT": str(rpc),
            "MILLRACE_REDIS__URL": f"redis://127.0.0.1:{redis}/0",
            "MILLRACE_MLFLOW__URL": f"http://127.0.0.1:{mlflow}",
            "MILLRACE_SERVING__PORT": str(api),
            "MILLRACE_UI__PORT": str(ui),
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MILLRACE_")}
        self.env = kept | ours | self.settings | {"PYTHONPATH": str(REPO)}

    @property
    def read(self) -> Settings:
        """The settings as the stack's own parts read them."""
        with patch.dict(os.environ, self.env, clear=True):
            return load()

    def processes(self) -> list[int]:
        """The processes of this stack."""
        return [process.pid for process in supervise.orphans(self.read)]

    def stop(self, *parts: str) -> None:
        """Stops parts for good, through the supervisor."""
        with control(self.var) as supervisor:
            for part in parts:
                supervisor.stopProcess(part, True)

    def start(self, *parts: str) -> None:
        """Starts parts that were stopped."""
        supervise.start(self.read, *parts)

    def local(self, *arguments: str, seconds: float = 900) -> subprocess.CompletedProcess[str]:
        """Runs what stands behind scripts/up, down and status."""
        command = [sys.executable, "-m", "infra.local", *arguments]
        return subprocess.run(
            command, env=self.env, cwd=REPO, capture_output=True, text=True, timeout=seconds, check=False
        )

    def status(self) -> dict[str, Any]:
        """What the API says of the whole system."""
        answer = httpx.get(f"{self.api}/api/v1/status", timeout=10)
        answer.raise_for_status()
        return dict(answer.json())

    def application(self, name: str) -> dict[str, Any]:
        """What the API says of one application."""
        return dict(self.status()["applications"][name])

    def waits(self, *jobs: Job) -> list[str]:
        """What is missing until all tasks of these jobs run, of all kept jobs if none is named."""
        flink = self.read.flink
        cluster = Cluster.at(flink.host, flink.port)
        with cluster.client:
            return waits(cluster.jobs(), jobs or flink.kept_jobs)

    def pid(self, part: str) -> int:
        """The process of a part, as scripts/status prints it."""
        shown = json.loads(self.local("status", "--json").stdout)
        return int(shown[part]["pid"])

    def cpu_seconds(self, part: str) -> float:
        """User and system time of a part and of the processes that it runs, since they started."""
        root = psutil.Process(self.pid(part))
        times = [process.cpu_times() for process in (root, *root.children(recursive=True))]
        return float(sum(one.user + one.system for one in times))


def wait_for(what: str, question: Callable[[], T | None], seconds: float = 120) -> T:
    """The first true answer; fails with the last one when the time is over."""
    until = time.monotonic() + seconds
    while True:
        try:
            answer: Any = question()
        except httpx.HTTPError as error:
            answer = None
            seen: Any = error
        else:
            seen = answer
        if answer:
            return answer  # type: ignore[no-any-return]
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds} s: {what}; last seen {seen!r}")
        time.sleep(0.5)
