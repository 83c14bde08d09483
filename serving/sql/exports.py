"""A file on its way from a worker to whoever asked for it: never on disk, never whole in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from serving.sql.job import Failure, Piece, Reply

GRACE_S = 3.0


class BrokenExport(Exception):
    """The file can't be completed: what was sent of it is not the whole."""


class Export:
    """The pieces of one file. The worker behind it is given back when it ends, is closed, or is overtime."""

    def __init__(self, replies: Iterator[Reply], seconds: float, release: Callable[[], None]) -> None:
        self._replies = replies
        self._release = release
        self._lock = threading.Lock()
        self._closed = False
        # A caller that neither reads on nor hangs up must not keep the worker.
        self._timer = threading.Timer(seconds + GRACE_S, self.close)
        self._timer.daemon = True
        self._timer.start()

    def first(self) -> bytes | Failure:
        """The first piece, or why there is no file."""
        reply = self._next()
        if isinstance(reply, Failure):
            self.close()
            return reply
        if isinstance(reply, Piece):
            return reply.data
        self.close()
        return b""

    def piece(self) -> bytes | None:
        """The next piece; None after the last. Raises BrokenExport."""
        reply = self._next()
        if isinstance(reply, Piece):
            return reply.data
        self.close()
        if isinstance(reply, Failure):
            raise BrokenExport(reply.detail)
        return None

    def _next(self) -> Reply:
        with self._lock:
            if self._closed:
                raise BrokenExport("the export was stopped: it took too long")
            return next(self._replies)

    def close(self) -> None:
        """Ends it, whatever is left."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._timer.cancel()
            try:
                closing: Callable[[], None] = getattr(self._replies, "close", _nothing)
                closing()
            finally:
                self._release()


def _nothing() -> None:
    """An iterator that holds nothing needs no closing."""
