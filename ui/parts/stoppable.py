"""A query that runs beside the screen and can be stopped: the connection is cut, and the API stops the query.

Running.start(sql) -> thread -> own connection -> outcome
        .stop() or nobody looks any more -> socket shut down -> the API sees that its caller hung up
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Any, Final

import httpx

from core.api.client.base import ApiError, Client
from core.api.sql import QueryAnswer

UNSEEN_SECONDS: Final = 10.0
"""A query that no screen has looked at for this time is stopped: its page was left, or its browser closed."""

WATCH_SECONDS: Final = 1.0


class _Cut(httpx.HTTPTransport):
    """A transport of one request whose connection another thread can cut."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.stopped = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions = {**request.extensions, "trace": self._trace}
        return super().handle_request(request)

    def stop(self) -> None:
        """Cuts the connection, now or as soon as there is one."""
        with self._lock:
            self.stopped = True
            self._shut()

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")
                if self.stopped:
                    self._shut()

    def _shut(self) -> None:
        # To close a socket does not wake the thread that reads from it, nor tell the other side.
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class Running:
    """One query on its way; `outcome` is None until it has ended, and stays so when it was stopped."""

    def __init__(self, url: str, timeout: float, application: str, sql: str) -> None:
        self.sql = sql
        self.started = time.monotonic()
        self.outcome: QueryAnswer | ApiError | None = None
        self._seen = self.started
        self._transport = _Cut()
        self._client = Client(url, timeout, timeout, transport=self._transport)
        self._ended = threading.Event()
        threading.Thread(target=self._run, args=(application,), daemon=True, name="query").start()
        threading.Thread(target=self._watch, daemon=True, name="query-watch").start()

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._transport.stopped

    @property
    def ended(self) -> bool:
        """Whether nothing runs any more; asking counts as looking."""
        self._seen = time.monotonic()
        return self._ended.is_set()

    @property
    def seconds(self) -> float:
        """Since it was asked."""
        return time.monotonic() - self.started

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within some seconds."""
        return self._ended.wait(seconds)

    def stop(self) -> None:
        """Ends it; the API stops the query when its caller hangs up."""
        self._transport.stop()

    def _run(self, application: str) -> None:
        try:
            outcome: QueryAnswer | ApiError = self._client.query(application, self.sql)
        except ApiError as problem:
            outcome = problem
        if not self.stopped:
            self.outcome = outcome
        self._client.close()
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(WATCH_SECONDS):
            if time.monotonic() - self._seen > UNSEEN_SECONDS:
                self.stop()
                return
