"""The live model of every application, decoded and in memory.

    Redis: snapshot --(about every second; only when its signature is new)--> unseal -> restore -> swap
    Redis: learner report, control -------------------------------------> scores, segments, state

Whoever asks gets what is in memory; a bad snapshot changes nothing but the readiness.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from core import control, names
from core.applications import APPLICATIONS
from core.connect.redis import client
from core.control import Control
from core.declaration import Application
from core.records import LearnerReport
from core.settings import Settings
from core.snapshots import MAGIC, BadSnapshot, Header, schema_hash, unseal
from models import OnlineModel, restore
from serving.meters import Meters

if TYPE_CHECKING:
    from redis import Redis

log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")

POLL_SECONDS = 1.0
STALE_SECONDS = 10.0
"""After so long without a round through Redis, what is in memory says nothing about now."""

_MARK_BYTES = len(MAGIC) + 32
"""Magic and signature: two different snapshots differ within them."""

Restore = Callable[[Application, str, bytes], OnlineModel]


@dataclass(frozen=True, slots=True)
class LiveModel:
    """A decoded model with its header."""

    header: Header
    model: OnlineModel
    bytes: int
    """Of the snapshot."""

    def age_s(self, now: datetime) -> float:
        """Seconds since the snapshot was made."""
        return max(0.0, (now - self.header.created).total_seconds())


@dataclass(frozen=True, slots=True)
class View:
    """What is known of one application: replaced as a whole, so a reader never sees half a change."""

    live: LiveModel | None = None
    report: LearnerReport | None = None
    control: Control = field(default_factory=Control)
    """What is asked of the learner."""
    refused: str = ""
    """Why the newest snapshot was not taken; empty when it was."""


class LiveModels:
    """Keeps a View per application up to date from a background thread."""

    def __init__(self, settings: Settings, meters: Meters, restore: Restore = restore) -> None:
        self._url = settings.redis.url
        self._key = settings.signing_key()
        self._meters = meters
        self._restore = restore
        self._views = dict.fromkeys(APPLICATIONS, View())
        self._marks: dict[str, bytes] = {}
        self._hashes = {name: schema_hash(application) for name, application in APPLICATIONS.items()}
        self._problem = "not asked yet"
        self._heard = -STALE_SECONDS
        self._round = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._run,), name="live-models", daemon=True
        )

    def start(self) -> None:
        """Starts the background thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the background thread; it may take as long as one answer of Redis."""
        self._stop.set()
        self._thread.join(timeout=5)

    def view(self, application: str) -> View:
        """What is known of an application; touches memory only."""
        return self._views[application]

    def soon(self) -> None:
        """A round at once, beside those of the background thread; `away` says where Redis did not answer."""
        from redis.exceptions import RedisError

        try:
            with client(self._url, timeout_seconds=1.0, retries=1) as redis:
                self.poll(redis)
        except (RedisError, OSError) as error:
            self._problem = f"{type(error).__name__}: {error}"

    def told(self, application: str, asked: Control) -> None:
        """What was just asked of a learner: known at once, not at the next round."""
        self._views[application] = replace(self._views[application], control=asked)

    @property
    def away(self) -> str:
        """Why Redis can't be asked, or empty."""
        if monotonic() - self._heard > STALE_SECONDS:
            return self._problem or f"no answer for {STALE_SECONDS:g} s"
        return self._problem

    def _run(self) -> None:
        from redis.exceptions import RedisError

        redis = client(self._url, timeout_seconds=1.0, retries=1)
        while not self._stop.is_set():
            try:
                self.poll(redis)
            except (RedisError, OSError) as error:
                if not self._problem:
                    log.warning("redis is away", error=str(error))
                self._problem = f"{type(error).__name__}: {error}"
            except Exception as error:
                # The thread must outlive whatever a strange value does; the old models stay.
                log.exception("polling live models failed")
                self._problem = f"{type(error).__name__}: {error}"
            self._stop.wait(POLL_SECONDS)
        redis.close()

    def poll(self, redis: Redis) -> None:
        """One round: marks and reports of all applications, then the snapshots that are new."""
        with self._round:
            self._poll(redis)

    def _poll(self, redis: Redis) -> None:
        pipeline = redis.pipeline(transaction=False)
        for name in APPLICATIONS:
            pipeline.getrange(names.snapshot_key(name), 0, _MARK_BYTES - 1)
            pipeline.get(names.learner_key(name))
            pipeline.hgetall(names.control_key(name))
        found = pipeline.execute()
        for name, mark, report, asked in zip(APPLICATIONS, found[::3], found[1::3], found[2::3], strict=True):
            self._views[name] = replace(
                self._views[name], report=_report(name, report), control=_control(name, asked)
            )
            if mark != self._marks.get(name):
                blob: Any = redis.get(names.snapshot_key(name))
                self._take(name, blob)
            self._measure(name)
        if self._problem:
            log.info("redis answers")
        self._problem = ""
        self._heard = monotonic()

    def _take(self, name: str, blob: bytes | None) -> None:
        """Puts a snapshot in place of the old one, or says why not."""
        view = self._views[name]
        try:
            live = self._decoded(name, blob) if blob else view.live
        except (BadSnapshot, msgspec.DecodeError, ValueError, KeyError, TypeError) as error:
            log.error("snapshot refused", application=name, error=str(error))
            self._meters.refused_snapshots.labels(name).inc()
            self._views[name] = replace(view, refused=str(error))
        else:
            self._views[name] = replace(view, live=live, refused="")
        self._marks[name] = (blob or b"")[:_MARK_BYTES]

    def _decoded(self, name: str, blob: bytes) -> LiveModel:
        header, payload = unseal(blob, self._key)
        if header.application != name:
            raise BadSnapshot(f"a snapshot of {header.application!r} lies under the key of {name!r}")
        if header.schema != self._hashes[name]:
            raise BadSnapshot(
                f"it was made for fields {header.schema}, the declaration has {self._hashes[name]}"
            )
        model = self._restore(APPLICATIONS[name], header.model, payload.models[header.model])
        return LiveModel(header, model, len(blob))

    def _measure(self, name: str) -> None:
        live = self._views[name].live
        if live:
            self._meters.model_version.labels(name).set(live.header.version)
            self._meters.snapshot_bytes.labels(name).set(live.bytes)
            self._meters.snapshot_age.labels(name).set(live.age_s(datetime.now(UTC)))


def _report(name: str, text: bytes | None) -> LearnerReport | None:
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=LearnerReport)
    except msgspec.DecodeError as error:
        log.warning("learner report unreadable", application=name, error=str(error))
        return None


def _control(name: str, fields: dict[bytes, bytes]) -> Control:
    try:
        return control.decode(fields)
    except ValueError as error:
        log.warning("control unreadable", application=name, error=str(error))
        return Control()
