"""The live models over time, from what learners leave in Redis and in the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from batch.diagnostics.subject import Found
from batch.progress import Progress, Silent
from core.declaration import Application
from core.settings import Settings

if TYPE_CHECKING:
    from redis import Redis


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """Where the live models of an application leave their traces."""

    application: Application
    settings: Settings
    redis: Redis
    progress: Progress = field(default_factory=Silent)


COMPUTATIONS: dict[str, Callable[[Live, Mapping[str, Any]], Found]] = {}
