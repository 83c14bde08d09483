"""What a Flink cluster says of itself over its REST interface."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import msgspec

from core.names import Job

ENDED = frozenset({"FAILED", "CANCELED", "FINISHED", "SUSPENDED"})
"""States in which Flink does nothing more for a job."""


class Tasks(msgspec.Struct, frozen=True):
    """How many tasks of a job are in which state."""

    total: int = 0
    created: int = 0
    scheduled: int = 0
    running: int = 0

    @property
    def waiting(self) -> int:
        """Tasks that have no slot yet."""
        return self.created + self.scheduled


class JobView(msgspec.Struct, frozen=True):
    """One run of a job. A name may have several; at most one has not ended."""

    jid: str
    name: str
    state: str
    tasks: Tasks = Tasks()

    @property
    def alive(self) -> bool:
        """Whether Flink still does something for it: runs, waits, restarts."""
        return self.state not in ENDED


class Slots(msgspec.Struct, frozen=True, rename="kebab"):
    """What the TaskManagers offer."""

    taskmanagers: int = 0
    slots_total: int = 0
    slots_available: int = 0


class _Trigger(msgspec.Struct, frozen=True, rename="kebab"):
    request_id: str


class _Cause(msgspec.Struct, frozen=True, rename="kebab"):
    stack_trace: str = ""


class _Operation(msgspec.Struct, frozen=True, rename="kebab"):
    location: str | None = None
    failure_cause: _Cause | None = None


class _Status(msgspec.Struct, frozen=True):
    id: str


class _Savepoint(msgspec.Struct, frozen=True):
    status: _Status
    operation: _Operation | None = None


class SavepointFailed(RuntimeError):
    """The cluster could not take a savepoint; the text is its own."""


class _Overview(msgspec.Struct, frozen=True):
    jobs: list[JobView]


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the cluster keeps checkpoints and savepoints."""

    checkpoints: Path
    savepoints: Path
    retained: int = 1
    """How many checkpoints of a job the cluster keeps."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster at host:port. Every call raises httpx.HTTPError when it does not answer."""

    client: httpx.Client

    @classmethod
    def at(cls, host: str, port: int) -> Cluster:
        """The cluster whose REST interface listens there."""
        return cls(httpx.Client(base_url=f"http://{host}:{port}", timeout=5, trust_env=False))

    def jobs(self) -> list[JobView]:
        """All runs that the cluster remembers, ended ones too."""
        return msgspec.json.decode(self._get("/jobs/overview"), type=_Overview).jobs

    def slots(self) -> Slots:
        """How many slots there are and how many are free."""
        return msgspec.json.decode(self._get("/overview"), type=Slots)

    def folders(self) -> Folders:
        """Raises ValueError when the cluster was given no folder on this machine."""
        pairs: list[dict[str, Any]] = msgspec.json.decode(self._get("/jobmanager/config"))
        return folders({pair["key"]: pair["value"] for pair in pairs})

    def stop(self, jid: str) -> str:
        """Tells a job to take a savepoint and end; returns under which id the cluster answers for it."""
        answer = self.client.post(f"/jobs/{jid}/stop", json={"drain": False}).raise_for_status()
        return msgspec.json.decode(answer.content, type=_Trigger).request_id

    def savepoint(self, jid: str, request: str) -> Path | None:
        """The savepoint once it is complete, None while it is written; raises SavepointFailed."""
        found = msgspec.json.decode(self._get(f"/jobs/{jid}/savepoints/{request}"), type=_Savepoint)
        if found.status.id != "COMPLETED" or found.operation is None:
            return None
        if found.operation.location is None:
            cause = found.operation.failure_cause
            raise SavepointFailed(cause.stack_trace.strip() if cause else "no savepoint, and no reason")
        return Path(unquote(urlsplit(found.operation.location).path))

    def _get(self, path: str) -> bytes:
        return self.client.get(path).raise_for_status().content


def folders(configuration: dict[str, str]) -> Folders:
    """The folders that a cluster's configuration names; raises ValueError when they are not local."""
    found = []
    for name in ("execution.checkpointing.dir", "execution.checkpointing.savepoint-dir"):
        url = urlsplit(configuration.get(name, ""))
        if url.scheme not in ("", "file") or not url.path:
            raise ValueError(f"{name} is {configuration.get(name)!r}: the keeper needs a file:/// folder")
        found.append(Path(unquote(url.path)))
    retained = int(configuration.get("execution.checkpointing.num-retained", 1))
    return Folders(found[0], found[1], retained)


def waits(views: Iterable[JobView], jobs: Iterable[Job]) -> list[str]:
    """What is missing until each of `jobs` has all its tasks running, a sentence each; empty when ready."""
    alive = {view.name: view for view in views if view.alive}
    missing = []
    for job in jobs:
        view = alive.get(job)
        if view is None:
            missing.append(f"job {job} is not submitted")
        elif view.state != "RUNNING" or view.tasks.running < view.tasks.total or not view.tasks.total:
            missing.append(f"job {job} is {view.state}, {view.tasks.running} of {view.tasks.total} tasks run")
    return missing
