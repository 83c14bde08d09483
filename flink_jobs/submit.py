"""Submits one job with `flink run`, as a child process that the keeper looks after."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from core.names import Job
from core.settings import Settings
from flink_jobs.checkpoints import Restore

REPO = Path(__file__).resolve().parents[1]

SECONDS = 180
"""A submission that takes longer is given up."""


def flink_home() -> Path:
    """The Flink inside the PyFlink wheel of this environment; raises RuntimeError where there is none."""
    spec = find_spec("pyflink")
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{sys.executable} has no pyflink: run this with the Flink environment's python")
    return Path(spec.origin).parent


def command(settings: Settings, job: Job, jid: str, restore: Restore | None, home: Path) -> list[str]:
    """`flink run` for one job: detached, under a fixed id, from `restore` or from the topics' beginning.

    `-pypath` is how the Python workers find this repository: by its path, the same on every node.
    """
    start = [f"-D$internal.pipeline.job-id={jid}"]
    if restore:
        start += ["-s", restore.path.as_uri(), "-cm", restore.claim_mode]
    return [
        # Each client has a log of its own, and needs the repository on its path.
        *("env", f"FLINK_IDENT_STRING=millrace-{job}", f"PYTHONPATH={REPO}", f"FLINK_HOME={home}"),
        *(str(home / "bin" / "flink"), "run", "-d", "-m", f"{settings.flink.host}:{settings.flink.port}"),
        *("-pyclientexec", sys.executable, "-pyexec", sys.executable, "-pypath", str(REPO)),
        *start,
        *("-py", str(REPO / "flink_jobs" / "job.py"), str(job)),
        *(() if restore else ("--rewind",)),
    ]


@dataclass(slots=True)
class Submission:
    """A `flink run` on its way."""

    jid: str
    process: subprocess.Popen[bytes]
    output: IO[bytes]
    deadline: float

    @classmethod
    def start(cls, jid: str, argv: list[str], now: float) -> Submission:
        """Runs `argv`; `now` is a monotonic clock."""
        output = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the submission was collected
        # A session of its own: ending it must reach the JVM and the Python that `flink` starts.
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        return cls(jid, process, output, now + SECONDS)

    def finished(self, now: float) -> int | None:
        """The exit status, or None while it runs; a submission past its deadline is ended."""
        if self.process.poll() is None and now > self.deadline:
            self.stop()
        return self.process.poll()

    def text(self) -> str:
        """All that it printed so far."""
        self.output.seek(0)
        return self.output.read().decode(errors="replace").strip()

    def stop(self, grace_seconds: float = 5) -> None:
        """Ends it with its children. What the cluster has taken stays there."""
        for kind in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, kind)
                self.process.wait(grace_seconds)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
            break
