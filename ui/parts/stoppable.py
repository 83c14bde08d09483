"""A query that runs beside the screen and can be stopped: the API is told its id.

Running(client, ...) -> thread -> outcome
        .stop() or nobody looks any more -> DELETE /sql/queries/{id} -> the API stops the query
"""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import suppress
from typing import Final

from core.api.client.base import ApiError
from core.api.client.sql import SqlClient
from core.api.sql import QueryAnswer

UNSEEN_SECONDS: Final = 10.0
"""A query that no screen has looked at for this time is stopped: its page was left, or its browser closed."""

WATCH_SECONDS: Final = 1.0

AGAIN_SECONDS: Final = 0.3
"""A query that is stopped at once may not have reached the API yet: the API is told until it has ended."""


class Running:
    """One query on its way; `outcome` is None until it has ended, and stays so when it was stopped."""

    def __init__(self, client: SqlClient, application: str, sql: str, limit: int) -> None:
        self.sql = sql
        self.started = time.monotonic()
        self.outcome: QueryAnswer | ApiError | None = None
        self.stopped = False
        self._seen = self.started
        self._client = client
        self._id = uuid.uuid4().hex
        self._ended = threading.Event()
        self._wake = threading.Event()
        threading.Thread(target=self._run, args=(application, limit), daemon=True, name="query").start()
        threading.Thread(target=self._watch, daemon=True, name="query-watch").start()

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
        """Has the API stop it; returns at once."""
        self.stopped = True
        self._wake.set()

    def _run(self, application: str, limit: int) -> None:
        try:
            outcome: QueryAnswer | ApiError = self._client.ask(application, self.sql, limit, self._id)
        except ApiError as problem:
            outcome = problem
        if not self.stopped:
            self.outcome = outcome
        self._ended.set()
        self._wake.set()

    def _watch(self) -> None:
        while not self._ended.is_set():
            self._wake.wait(AGAIN_SECONDS if self.stopped else WATCH_SECONDS)
            if time.monotonic() - self._seen > UNSEEN_SECONDS:
                self.stopped = True
            if self.stopped and not self._ended.is_set():
                with suppress(ApiError):
                    self._client.stop_query(self._id)
                self._ended.wait(AGAIN_SECONDS)
