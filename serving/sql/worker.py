"""The process that runs queries: `python -m serving.sql.worker <file descriptor>`.

It starts with an empty environment and gives away what it does not need: memory beyond the limit, and
writing to any file. It ends when its parent does, or when a query outlives its time.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from multiprocessing.connection import Connection

import msgspec

from serving.sql.engine import run
from serving.sql.job import Job, Outcome

SLACK_MIB = 384
"""Memory beside the query's own: stacks, the engine's buffers, the answer as JSON."""

GRACE_S = 1.0
"""How long a query may take to notice its interrupt before the process ends itself."""

OVERTIME_STATUS = 75


def main(descriptor: int, memory_mib: int) -> None:
    """Answers jobs from the connection `descriptor` until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    with Connection(descriptor) as parent:
        encode = msgspec.msgpack.Encoder().encode
        jobs = msgspec.msgpack.Decoder(Job)
        _limit(memory_mib)
        parent.send_bytes(b"ready")
        while True:
            try:
                job = jobs.decode(parent.recv_bytes())
            except EOFError:
                return
            parent.send_bytes(encode(_guarded(job)))


def _guarded(job: Job) -> Outcome:
    deadline = threading.Timer(job.seconds + GRACE_S, os._exit, [OVERTIME_STATUS])
    deadline.daemon = True
    deadline.start()
    try:
        return run(job)
    finally:
        deadline.cancel()


def _limit(memory_mib: int) -> None:
    """From here on the process can't grow beyond the limit, write to a file, or leave a core behind.

    The limit is on memory that can be written to: allocators reserve far more addresses than they use, so
    a limit on addresses would end harmless queries.
    """
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")
    most = used + (memory_mib + SLACK_MIB) * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
