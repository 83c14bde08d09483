"""The worker's end of a job's own process.

worker -> id of a job -> process -> "done"
       <- its memory, looked at five times a second
       -> kill: at once, in the middle of a fit in C++

Why the memory is looked at, and not limited by the kernel (RLIMIT_AS, RLIMIT_DATA): stacks of threads,
arenas of malloc and mapped libraries reserve what is never used. A CatBoost of 100,000 rows and two threads
has 0.3 GiB resident, of 1.4 GiB of writable data and 2.2 GiB of addresses: a limit on these either stops
nothing or stops a small fit. And a library in C++ that is refused memory ends the process without a word.
Resident memory is what the machine runs out of, and who looks at it can say why it ended the job.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
from contextlib import suppress

import psutil

from batch.work import DONE

MIB = 2**20


class Process:
    """One process that does one job after the other."""

    def __init__(self, command: list[str]) -> None:
        """`command` gets the number of the descriptor at which its jobs come."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # a group of its own: what it starts itself ends with it
            )
        self._socket = ours
        self._seen = psutil.Process(self._process.pid)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def begin(self, job: str) -> None:
        """Hands it a job; a process that is gone shows at the next `wait`."""
        with suppress(OSError):
            self._socket.sendall(f"{job}\n".encode())

    def wait(self, seconds: float) -> bool:
        """Whether it is done with its job, after `seconds` at most; raises EOFError when it has died."""
        ready, _, _ = select.select([self._socket], [], [], seconds)
        if not ready:
            return False
        try:
            answer = self._socket.recv(len(DONE))
        except ConnectionError:
            answer = b""
        if not answer:
            raise EOFError
        return True

    def memory_mib(self) -> float:
        """Resident memory of it and of what it started."""
        total = 0
        with suppress(psutil.NoSuchProcess):
            for one in (self._seen, *self._seen.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    total += one.memory_info().rss
        return total / MIB

    def kill(self) -> int:
        """Ends it and what it started, whatever they do; its exit status, negative for a signal."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._socket.close()
        return self._process.wait()
