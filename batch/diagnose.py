"""A diagnostic from request to result: computed once per run and choice, kept in Redis and with the run.

request -> choices -> kept in Redis or MLflow? -> Result
                   -> run's model, held-out rows -> computation within its time -> Result -> Redis, MLflow
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import msgspec

from batch import diagnostics
from batch.diagnostics import Found, Live, Subject, live
from batch.progress import Progress
from core import names
from core.applications import get
from core.batch import Diagnose, Stage
from core.connect import redis as redis_connect
from core.connect.mlflow import NOT_FOUND, Mlflow
from core.declaration import Application
from core.diagnostics import Diagnostic, Tab
from core.diagnostics import diagnostics as declared
from core.diagnostics.choices import KEPT_SECONDS, LIVE, LIVE_SECONDS, Choice, choices, digest
from core.diagnostics.shapes import Result
from core.settings import DELIMITER, PREFIX, Settings

if TYPE_CHECKING:
    from redis import Redis

LARGEST = 1_000_000
"""Bytes of a result as JSON: more would not be a figure any more."""

MLFLOW_SECONDS = 5.0


class TooLong(ValueError):
    """The time limit of a diagnostic has passed."""


class BadDiagnostic(ValueError):
    """There is no such diagnostic of this application, or a run is missing; names those there are."""


def diagnose(settings: Settings, request: Diagnose, progress: Progress) -> Result:
    """The result of a diagnostic, computed unless it is kept already.

    Raises BadDiagnostic, BadChoice, Unanswerable, TooLong, Stopped, and what loading the run raises.
    """
    application = get(request.application)
    asked = _asked(application, request)
    progress.stage(Stage.LOADING, 0)
    with redis_connect.client(settings.redis.url) as redis:
        if asked.live:
            computing = Live(application=application, settings=settings, redis=redis, progress=progress)
            result = _computed(settings, asked, computing, progress)
            return keep(redis, asked, result)
        kept = _from_redis(redis, asked) or _from_mlflow(settings, asked, progress)
        if kept is not None:
            progress.line("was computed before")
            return keep(redis, asked, kept)
        subject = _subject(settings, application, asked.run, progress)
        result = keep(redis, asked, _computed(settings, asked, subject, progress))
    progress.stage(Stage.LOGGING, 90)
    _to_mlflow(settings, asked, result, progress)
    return result


class Asked(NamedTuple):
    """A diagnostic with its choices, of a run."""

    application: Application
    diagnostic: Diagnostic
    run: str
    chosen: dict[str, Choice]

    @property
    def live(self) -> bool:
        """Whether it is about the live models; then there is no run."""
        return self.diagnostic.tab == Tab.LIVE

    @property
    def digest(self) -> str:
        """What stands for diagnostic and choices in names."""
        return digest(self.diagnostic.id, self.chosen)

    @property
    def key(self) -> str:
        """Where the result lies in Redis."""
        return names.diagnostic_key(self.application.name, LIVE if self.live else self.run, self.digest)

    @property
    def artifact(self) -> str:
        """Where it lies among the artifacts of its run."""
        return f"diagnostics/{self.diagnostic.id}-{self.digest}.json"


def _asked(application: Application, request: Diagnose) -> Asked:
    known = {one.id: one for one in declared(application)}
    if request.diagnostic not in known:
        raise BadDiagnostic(
            f"{application.name} has no diagnostic {request.diagnostic!r}; it has {', '.join(known)}"
        )
    found = Asked(
        application,
        known[request.diagnostic],
        request.run_id,
        choices(known[request.diagnostic], request.parameters),
    )
    if not found.live and not request.run_id:
        raise BadDiagnostic(f"{request.diagnostic} is about a run: its run_id is missing")
    return found


@dataclass
class _Last:
    """The run that this process looked at last: its answers and importances are not computed twice."""

    key: tuple[str, str] | None = None
    subject: Subject | None = None


_last = _Last()


def _subject(settings: Settings, application: Application, run: str, progress: Progress) -> Subject:
    """The run as diagnostics look at it; one is kept in memory."""
    from batch.runs import load_run
    from batch.trainers import RECIPES

    if _last.key == (application.name, run) and _last.subject is not None:
        return _last.subject.watched(progress)
    loaded = load_run(settings, application, run)
    subject = Subject(
        application=application,
        model=loaded.model,
        split=loaded.split,
        trainer=RECIPES[loaded.model.recipe],
        threads=settings.batch.threads,
        progress=progress,
    )
    _last.key, _last.subject = (application.name, run), subject
    return subject


def _computed(settings: Settings, asked: Asked, about: Subject | Live, progress: Progress) -> Result:
    """The computation, within its time limit."""
    progress.stage(Stage.COMPUTING, 10)
    limit = settings.batch.diagnostic_seconds
    began = perf_counter()
    with limited(limit, asked.diagnostic.id):
        found = _found(asked, about)
    seconds = perf_counter() - began
    return Result(
        diagnostic=asked.diagnostic.id,
        application=asked.application.name,
        run_id="" if asked.live else asked.run,
        parameters=dict(asked.chosen),
        panels=found.panels,
        facts=found.facts,
        sample=found.sample,
        seconds=round(seconds, 3),
        computed=datetime.now(UTC),
        note=found.note,
    )


def _found(asked: Asked, about: Subject | Live) -> Found:
    chosen: Mapping[str, Any] = asked.chosen
    if isinstance(about, Live):
        return live.COMPUTATIONS[asked.diagnostic.id](about, chosen)
    return diagnostics.compute(asked.diagnostic.id, about, chosen)


@contextmanager
def limited(seconds: float, name: str) -> Iterator[None]:
    """Raises TooLong in the code within once the time has passed, wherever it is.

    Only a process's main thread can be interrupted; elsewhere the time is looked at afterwards. A job has a
    process of its own, and its worker ends that if it does not come back.
    """
    reason = (
        f"{name} took longer than {seconds:g} s ({PREFIX}BATCH{DELIMITER}DIAGNOSTIC_SECONDS): "
        "choose a run with fewer rows, or smaller parameters"
    )

    def ring(*_: object) -> None:
        raise TooLong(reason)

    if threading.current_thread() is not threading.main_thread():
        end = monotonic() + seconds
        yield
        if monotonic() > end:
            raise TooLong(reason)
        return
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def keep(redis: Redis, asked: Asked, result: Result) -> Result:
    """Puts a result where the API looks for it; raises ValueError when it is too large to be a figure."""
    data = msgspec.json.encode(result)
    if len(data) > LARGEST:
        raise ValueError(f"{result.diagnostic} has {len(data):,} bytes; at most {LARGEST:,} are kept")
    redis.set(asked.key, data, ex=LIVE_SECONDS if asked.live else KEPT_SECONDS)
    return result


def _from_redis(redis: Redis, asked: Asked) -> Result | None:
    found: Any = redis.get(asked.key)
    return None if found is None else _decoded(found)


def _from_mlflow(settings: Settings, asked: Asked, progress: Progress) -> Result | None:
    """The result as the run holds it; None where it does not, or MLflow is away: then it is computed."""
    try:
        with _mlflow(settings) as server:
            return _decoded(server.fetch(asked.run, asked.artifact))
    except httpx.HTTPStatusError as error:
        if error.response.status_code != NOT_FOUND:
            progress.line(f"MLflow did not tell whether this was computed before: {error}")
    except (httpx.HTTPError, OSError) as error:
        progress.line(f"MLflow is away: {type(error).__name__}: {error}")
    return None


def _to_mlflow(settings: Settings, asked: Asked, result: Result, progress: Progress) -> None:
    """Keeps the result with its run; that it can't be kept is no failure of the diagnostic."""
    try:
        with _mlflow(settings) as server:
            server.keep(asked.run, asked.artifact, msgspec.json.encode(result))
    except (httpx.HTTPError, OSError) as error:
        progress.line(f"not kept in MLflow: {type(error).__name__}: {error}")


@contextmanager
def _mlflow(settings: Settings) -> Iterator[Mlflow]:
    server = Mlflow(settings.mlflow.url, timeout_seconds=MLFLOW_SECONDS)
    try:
        yield server
    finally:
        server.close()


def _decoded(data: bytes) -> Result | None:
    """A kept result; None where it is of another version of the code, so that it is computed again."""
    try:
        return msgspec.json.decode(data, type=Result)
    except msgspec.DecodeError:
        return None
