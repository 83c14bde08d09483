"""What the routes of SQL share beside the workers."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.settings import Serving
from serving.sql.remembered import History, Saved
from serving.sql.results import Results
from serving.sql.running import Running

if TYPE_CHECKING:
    from redis import Redis


@dataclass(frozen=True, slots=True)
class Console:
    """Kept pages, queries under way, history, saved queries, and the one export at a time."""

    results: Results
    history: History
    saved: Saved
    running: Running = field(default_factory=Running)
    export: threading.Lock = field(default_factory=threading.Lock)
    """Held by the export under way: a slow download must not take the last worker from everyone."""


def console(settings: Serving, redis: Redis) -> Console:
    """A console with nothing in it."""
    results = Results(settings.sql_kept_seconds, settings.sql_kept_mib * 2**20)
    return Console(results=results, history=History(redis), saved=Saved(redis))
