"""Who did what when, with which outcome: a file for ever, a stream for questions.

note(entry) -> queue -> one thread -> audit.log (rotated) -> Redis stream (bounded)

A request never waits for its entry. While Redis is away the file still has it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from core import names
from core.api.access import AuditEntry, Scalar

if TYPE_CHECKING:
    from redis import Redis

log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")

FILE: Final = "audit.log"
LARGEST_FILE: Final = 10 * 2**20
KEPT_FILES: Final = 9
"""Former files beside the one that is written: audit.log.1 is the newest of them."""

KEPT_ENTRIES: Final = 10_000
"""Entries in Redis."""

MOST_WAITING: Final = 10_000
PAUSE_SECONDS: Final = 5.0
"""After Redis failed it is left alone for so long."""

_PAGE: Final = 500
_LONGEST: Final = 200
_MOST_FIELDS: Final = 20
_TELLTALE: Final = ("token", "secret", "password", "authorization", "event")


class Audit:
    """The audit log. Its thread begins with the first entry and ends with `stop`."""

    def __init__(self, logs: Path, redis: Redis) -> None:
        self.file = logs / FILE
        self._redis = redis
        self._waiting: Queue[Callable[[], AuditEntry] | None] = Queue(MOST_WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._redis_rests_until = 0.0

    def note(self, made: Callable[[], AuditEntry]) -> None:
        """Takes an entry, to be made and written by the log's own thread; returns at once."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_all, name="audit", daemon=True)
                self._thread.start()
        try:
            self._waiting.put_nowait(made)
        except Full:
            log.error("audit entry lost: too many wait to be written", waiting=MOST_WAITING)

    def stop(self, seconds: float = 5.0) -> None:
        """Writes what waits, within `seconds`."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(None)
            thread.join(seconds)

    def entries(self, limit: int, application: str | None, caller: str | None) -> list[AuditEntry]:
        """The newest entries that match, newest first; raises RedisError."""
        found: list[AuditEntry] = []
        for entry in self._newest_first():
            if len(found) == limit:
                break
            if caller in (None, entry.caller) and application in (None, _application(entry)):
                found.append(entry)
        return found

    def _newest_first(self) -> Iterator[AuditEntry]:
        last = "+"
        while page := self._page(last):
            for name, fields in page:
                yield msgspec.json.decode(fields[b"entry"], type=AuditEntry)
                last = f"({name.decode()}"

    def _page(self, last: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
        found: Any = self._redis.xrevrange(names.audit_key(), max=last, count=_PAGE)
        return list(found)

    def _write_all(self) -> None:
        ended = False
        while not ended:
            made = [self._waiting.get()]
            try:
                while len(made) < _PAGE:
                    made.append(self._waiting.get_nowait())
            except Empty:
                pass
            ended = None in made
            lines = [line for one in made if one is not None and (line := _line(one))]
            try:
                self._to_file(lines)
            except OSError as error:
                # The stream still has them, and the next ones may be written.
                log.error("audit entries are not in the file", entries=len(lines), error=str(error))
            self._to_redis(lines)

    def _to_file(self, lines: Iterable[bytes]) -> None:
        text = b"".join(line + b"\n" for line in lines)
        if not text:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        if self.file.exists() and self.file.stat().st_size + len(text) > LARGEST_FILE:
            self._rotate()
        place = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with open(place, "ab") as file:
            file.write(text)

    def _rotate(self) -> None:
        for number in range(KEPT_FILES, 0, -1):
            newer = self.file.with_name(f"{FILE}.{number - 1}") if number > 1 else self.file
            if newer.exists():
                newer.replace(self.file.with_name(f"{FILE}.{number}"))

    def _to_redis(self, lines: Iterable[bytes]) -> None:
        from redis.exceptions import RedisError

        if time.monotonic() < self._redis_rests_until:
            return
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                for line in lines:
                    pipeline.xadd(names.audit_key(), {"entry": line}, maxlen=KEPT_ENTRIES, approximate=True)
                pipeline.execute()
        except RedisError as error:
            self._redis_rests_until = time.monotonic() + PAUSE_SECONDS
            log.warning("audit entries are in the file only: Redis is away", error=str(error))


def _line(made: Callable[[], AuditEntry]) -> bytes:
    """One entry as JSON; empty where it could not be made, which must not keep the others out."""
    try:
        return msgspec.json.encode(made())
    except Exception:
        log.exception("audit entry lost")
        return b""


def _application(entry: AuditEntry) -> Scalar:
    return entry.path.get("application", entry.body.get("application"))


def summary(body: bytes, secret: str) -> dict[str, Scalar]:
    """The short top-level values of a JSON body: no events, no lists, nothing that holds `secret`."""
    try:
        content = msgspec.json.decode(body) if body else {}
    except (msgspec.DecodeError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    found: dict[str, Scalar] = {}
    for name, value in content.items():
        if len(found) == _MOST_FIELDS:
            break
        if _may_be_told(name, value, secret):
            found[name[:_LONGEST]] = value[:_LONGEST] if isinstance(value, str) else value
    return found


def _may_be_told(name: str, value: object, secret: str) -> bool:
    if not isinstance(value, Scalar) or any(part in name.lower() for part in _TELLTALE):
        return False
    return not secret or not any(secret in text for text in (name, value) if isinstance(text, str))
