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
from collections.abc import Callable
from multiprocessing.connection import Connection

import msgspec

from serving.sql.engine import Engine
from serving.sql.job import Outcome, Piece, Work

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
        jobs: msgspec.msgpack.Decoder[Work] = msgspec.msgpack.Decoder(Work)
        engine = Engine()
        _limit(memory_mib)

        def send(data: bytes) -> None:
            parent.send_bytes(encode(Piece(data=data)))

        parent.send_bytes(b"ready")
        while True:
            try:
                work = jobs.decode(parent.recv_bytes())
            except EOFError:
                return
            parent.send_bytes(encode(_guarded(engine, work, send)))


def _guarded(engine: Engine, work: Work, send: Callable[[bytes], None]) -> Outcome:
    deadline = threading.Timer(work.seconds + GRACE_S, os._exit, [OVERTIME_STATUS])
    deadline.daemon = True
    deadline.start()
    try:
        return engine.run(work, send)
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
