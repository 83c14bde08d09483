"""Snapshots that are kept for longer: where they lie, and a learner made of one of them.

the newest few        -> Redis, a hash of signed values
a few of every run    -> MLflow, artifacts of the run; a tag of the run describes each
version, or "newest"  -> signature, schema, models -> a learner that goes on from there
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import httpx
import msgspec
import structlog
from redis import Redis

from core import names
from core.connect.mlflow import Mlflow, Run
from core.control import Place, Version
from core.declaration import Application
from core.snapshots import BadSnapshot, Header, unseal
from learners.learner import Learner
from learners.start import Unfit, fitting

log = structlog.get_logger("millrace.learner")

KEPT_IN_REDIS = 3
KEPT_PER_RUN = 5
RUNS = 20
"""Of so many of the latest runs the versions are known."""

FOLDER = "checkpoints"
TAG = "checkpoint."
"""Of a run's tags, those that describe a version, by its number."""

COUNTER = "version"
"""The metric that tells up to where versions have been counted."""


class Missing(LookupError):
    """The version is nowhere, or can't be used; the text says why."""


class Found(NamedTuple):
    """A learner as it was at a version; what was awaited then must be taken back."""

    header: Header
    learner: Learner


def path_of(version: int) -> str:
    """The artifact that holds a version."""
    return f"{FOLDER}/{version}.snapshot"


def number_of(path: str) -> int | None:
    """The version that an artifact holds; None of others."""
    found = re.fullmatch(rf"{FOLDER}/(\d+)\.snapshot", path)
    return int(found[1]) if found else None


def described(header: Header, size: int, place: Place, run_id: str = "") -> Version:
    """What there is to know of a snapshot without opening it."""
    return Version(
        version=header.version,
        created=header.created,
        model=header.model,
        asked=header.asked,
        taught=header.taught,
        clock=header.clock,
        scores=header.scores,
        bytes=size,
        place=place,
        run_id=run_id or header.run_id,
    )


def in_runs(runs: Iterable[Run]) -> list[Version]:
    """The versions that runs keep, newest first; a tag that can't be read is passed over."""
    kept = []
    for run in runs:
        for name, text in run.tags.items():
            if not name.startswith(TAG):
                continue
            try:
                kept.append(msgspec.json.decode(text, type=Version))
            except msgspec.DecodeError as error:
                log.warning("a version is passed over", run_id=run.id, tag=name, reason=str(error))
    return sorted(kept, key=lambda one: (one.version, one.created), reverse=True)


class Shelf:
    """The kept versions of one application; `mlflow` is asked with short limits."""

    def __init__(
        self, application: Application, redis: Redis, mlflow: Mlflow, key: bytes, heavy_share: float
    ) -> None:
        self._application = application
        self._redis = redis
        self._mlflow = mlflow
        self._key = key
        self._heavy_share = heavy_share

    def runs(self) -> list[Run]:
        """The latest runs, newest first; raises httpx.HTTPError when MLflow is away."""
        experiment = self._mlflow.known_experiment(names.online_experiment(self._application.name))
        return self._mlflow.newest(experiment, RUNS) if experiment else []

    def newest(self) -> Found | None:
        """The newest version in MLflow that can be used; None when there is none.

        Raises httpx.HTTPError when MLflow is away.
        """
        for one in in_runs(self.runs()):
            try:
                return self._opened(self._fetched(one), one.version)
            except (Missing, httpx.HTTPStatusError) as error:
                log.error("a version in MLflow is passed over", version=one.version, reason=str(error))
        return None

    def counted(self) -> int:
        """The highest version that MLflow has heard of; 0 for none. Raises httpx.HTTPError."""
        runs = self.runs()
        told = [int(run.metrics.get(COUNTER, 0)) for run in runs]
        return max([*told, *(one.version for one in in_runs(runs))], default=0)

    def find(self, version: int) -> Found:
        """A version from Redis, else from MLflow; raises Missing."""
        blob: Any = self._redis.hget(names.checkpoints_key(self._application.name), str(version))
        if blob is not None:
            return self._opened(bytes(blob), version)
        try:
            kept = in_runs(self.runs())
            one = next((one for one in kept if one.version == version), None)
            if one is None:
                known = ", ".join(str(one.version) for one in kept) or "none"
                raise Missing(f"version {version} is kept neither in Redis nor in MLflow, which has {known}")
            return self._opened(self._fetched(one), version)
        except httpx.HTTPError as error:
            raise Missing(f"version {version} is not in Redis, and MLflow is away: {error}") from None

    def _fetched(self, one: Version) -> bytes:
        return self._mlflow.fetch(one.run_id, path_of(one.version))

    def _opened(self, blob: bytes, version: int) -> Found:
        """The learner in these bytes, whose signature is checked before anything of them is decoded."""
        try:
            header, payload = unseal(blob, self._key)
            if header.version != version:
                raise Unfit(f"these are the bytes of version {header.version}")
            return Found(header, fitting(self._application, header, payload, self._heavy_share))
        except (BadSnapshot, Unfit) as error:
            raise Missing(f"version {version} can't be used: {error}") from None
