"""A small pool of warm worker processes; each runs one query at a time and is replaced when it misbehaves.

run(job) -> a free worker -> its answer
         -> overtime, death or cancel: the process is killed, a fresh one takes its place
"""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import msgspec
import structlog

from serving.sql.job import Failure, Outcome, Piece, Reply, Why, Work
from serving.sql.worker import GRACE_S, OVERTIME_STATUS

log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")

START_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.05
LONGEST_ANSWER: Final = 64 * 2**20

_HERE = Path(__file__).resolve().parents[2]


class Busy(Exception):
    """Every worker was running someone's query for all of the time that a query may take."""


class Cancelled(Exception):
    """Nobody waits for the answer any more."""


class Worker:
    """One process and the connection to it."""

    def __init__(self, memory_mib: int) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "serving.sql.worker", str(theirs.fileno()), str(memory_mib)],
                pass_fds=(theirs.fileno(),),
                cwd=_HERE,
                env={"PYTHONPATH": os.pathsep.join([str(_HERE), *filter(None, sys.path)])},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        self._connection = Connection(ours.detach())
        self._ready = False

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def replies(self, job: Work, cancel: threading.Event) -> Iterator[Reply]:
        """What the process sends: pieces of a file, then what became of it all.

        Raises Cancelled; then, or when not `alive`, the worker is used up.
        """
        try:
            if not self._ready:
                self._receive(START_SECONDS, cancel)
                self._ready = True
            self._connection.send_bytes(msgspec.msgpack.encode(job))
            deadline = time.monotonic() + job.seconds + 2 * GRACE_S
            while (answer := self._receive(deadline - time.monotonic(), cancel)) is not None:
                reply = _REPLIES.decode(answer)
                yield reply
                if not isinstance(reply, Piece):
                    return
        except (EOFError, OSError):
            yield self._death(job)
            return
        self.kill()
        yield _overtime(job)

    def _receive(self, seconds: float, cancel: threading.Event) -> bytes | None:
        """The next message, or None when none came in time."""
        deadline = time.monotonic() + seconds
        while not self._connection.poll(POLL_SECONDS):
            if cancel.is_set():
                raise Cancelled
            if time.monotonic() > deadline:
                return None
        return self._connection.recv_bytes(LONGEST_ANSWER)

    def _death(self, job: Work) -> Failure:
        """Why the process ended in the middle of a query."""
        self.kill()
        status = self._process.returncode
        if status == OVERTIME_STATUS:
            return _overtime(job)
        log.warning("sql worker ended", pid=self.pid, status=status)
        return Failure(why=Why.MEMORY, detail=f"the query needs more than {job.memory_mib} MiB of memory")

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Ends the process, whatever it does, and waits for it."""
        self._process.kill()
        self._process.wait()
        self._connection.close()


_WEARING = (Why.MEMORY, Why.TIME, Why.SIZE)

_REPLIES: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def _overtime(job: Work) -> Failure:
    return Failure(why=Why.TIME, detail=f"the query was stopped after {job.seconds:g} s")


class Workers:
    """`count` processes, started on `start` and ended on `stop`."""

    def __init__(self, count: int, memory_mib: int) -> None:
        self._count = count
        self._memory_mib = memory_mib
        self._free: queue.Queue[Worker] = queue.Queue()
        self._all: set[Worker] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def start(self) -> None:
        """Starts the processes; they get ready while the caller goes on."""
        for _ in range(self._count):
            self._add()

    def stop(self) -> None:
        """Ends every process; a query under way ends with its process."""
        with self._lock:
            self._stopped = True
            workers, self._all = self._all, set()
        for worker in workers:
            worker.kill()

    def pids(self) -> list[int]:
        """The processes there are."""
        with self._lock:
            return [worker.pid for worker in self._all]

    def run(self, job: Work, cancel: threading.Event) -> Outcome:
        """Blocks until the query is answered; raises Busy or Cancelled."""
        [*_, last] = self.replies(job, cancel)
        if isinstance(last, Piece):
            raise TypeError("a job that makes a file is asked for with `replies`")
        return last

    def replies(self, job: Work, cancel: threading.Event) -> Iterator[Reply]:
        """The pieces of a file, then what became of it; raises Busy or Cancelled.

        The worker is taken with the first step and given back when the iterator ends or is closed.
        """
        worker = self._take(job.seconds, cancel)
        good = False
        try:
            for reply in worker.replies(job, cancel):
                if not isinstance(reply, Piece):
                    # One that ran out of memory may fall over later, under somebody else's query.
                    good = worker.alive and not (isinstance(reply, Failure) and reply.why in _WEARING)
                yield reply
        finally:
            self._give_back(worker, good)

    def _take(self, seconds: float, cancel: threading.Event) -> Worker:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if cancel.is_set():
                raise Cancelled
            try:
                worker = self._free.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            if worker.alive:
                return worker
            self._give_back(worker, good=False)
        raise Busy(f"all {self._count} workers are busy; none was free within {seconds:g} s")

    def _give_back(self, worker: Worker, good: bool) -> None:
        if good:
            self._free.put(worker)
            return
        with self._lock:
            self._all.discard(worker)
        worker.kill()
        self._add()

    def _add(self) -> None:
        with self._lock:
            if self._stopped:
                return
            worker = Worker(self._memory_mib)
            self._all.add(worker)
        self._free.put(worker)
