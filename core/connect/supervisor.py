"""What runs here, as the local process supervisor sees it (read-only; starting and stopping is infra's)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec


class PartState(msgspec.Struct, frozen=True, kw_only=True):
    """One supervised process with its children."""

    state: str
    """RUNNING, STARTING, BACKOFF (it keeps ending), FATAL (given up), STOPPED or EXITED."""
    pid: int | None
    rss_mb: float | None
    """Resident memory of the process and its children, MiB."""
    since: datetime | None
    error: str


def socket_path(var: Path) -> Path:
    """The supervisor's control socket in a state folder."""
    return var.resolve() / "run" / "supervisor.sock"


@contextmanager
def control(var: Path) -> Iterator[Any]:
    """The supervisor's own interface; its calls raise OSError when nothing listens."""
    from xmlrpc.client import ServerProxy

    from supervisor.xmlrpc import SupervisorTransport

    transport = SupervisorTransport(None, None, f"unix://{socket_path(var)}")
    try:
        yield ServerProxy("http://127.0.0.1", transport=transport).supervisor
    finally:
        transport.close()


def parts(var: Path) -> dict[str, PartState]:
    """Every supervised part by name; empty where no supervisor runs."""
    if not socket_path(var).exists():
        return {}
    try:
        with control(var) as supervisor:
            infos = supervisor.getAllProcessInfo()
    except OSError:
        return {}
    return {info["name"]: _state(info) for info in infos}


def _state(info: dict[str, Any]) -> PartState:
    pid = info["pid"] or None
    started = info["start"] if pid else 0
    return PartState(
        state=info["statename"],
        pid=pid,
        rss_mb=_resident_mb(pid) if pid else None,
        since=datetime.fromtimestamp(started, UTC) if started else None,
        error=_error(info),
    )


def _error(info: dict[str, Any]) -> str:
    if info["statename"] in ("RUNNING", "STARTING", "STOPPED", "STOPPING"):
        return ""
    if info["spawnerr"]:
        return str(info["spawnerr"])
    return f"ended with exit status {info['exitstatus']}"


def _resident_mb(pid: int) -> float | None:
    import psutil

    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return None
    total = 0
    for member in family:
        try:
            total += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue  # it ended between the listing and the reading
    return round(total / 2**20, 1)
