"""What must be true before anything is started: checked first, so that no half-started stack is left."""

from __future__ import annotations

import re
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterable

import psutil

from core.settings import Settings
from infra.local.program import FLINK_PYTHON, JARS, Program
from infra.local.supervise import StackError

LEAST_FREE_GIB = 2.0

OLDEST_JAVA = 17


def check(settings: Settings, programs: Iterable[Program]) -> None:
    """Raises StackError that says what is missing, taken or full."""
    _installed()
    _disk(settings)
    _ports(programs)


def _installed() -> None:
    missing = [name for name in ("java", "redis-server") if shutil.which(name) is None]
    missing += [
        str(path.name) for path in (JARS / "kafka", JARS / "flink", FLINK_PYTHON) if not path.exists()
    ]
    if missing:
        raise StackError(f"not installed: {', '.join(missing)}; run scripts/install")
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S607
    found = re.search(r'version "(\d+)', said)
    if not found or int(found[1]) < OLDEST_JAVA:
        raise StackError(f"Java {OLDEST_JAVA} or newer is needed; `java -version` says: {said.strip()[:200]}")


def _disk(settings: Settings) -> None:
    settings.var.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.var).free / 2**30
    if free < LEAST_FREE_GIB:
        raise StackError(
            f"{settings.var.resolve()} has {free:.1f} GiB free; at least {LEAST_FREE_GIB} GiB are needed. "
            "Free some, or set MILLRACE_VAR to a folder with room"
        )


def _ports(programs: Iterable[Program]) -> None:
    taken = [
        f"port {port} ({setting}, for {program.name}) is taken by {_owner(port)}"
        for program in programs
        for setting, port in program.ports.items()
        if not _free(port)
    ]
    if taken:
        raise StackError("; ".join(taken) + ". End that process or change the setting")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        # Without it a port in TIME_WAIT, free for any server, would look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _owner(port: int) -> str:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return "a process of another user"
    for connection in connections:
        if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
            try:
                return f"process {connection.pid} ({' '.join(psutil.Process(connection.pid).cmdline())[:80]})"
            except psutil.Error:
                break
    return "a process of another user"


def make_secret(settings: Settings) -> None:
    """The key that signs model bytes, made once; readable by its owner only."""
    path = settings.var / "secret"
    if settings.secret is None and not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
