"""Jobs of the batch worker."""

from __future__ import annotations

import msgspec

from core.batch import JobLine, JobReport


class JobsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs of the batch worker, newest first."""

    jobs: list[JobReport]
    slots: int
    """How many the worker could do at the same time; 0: no worker runs, and jobs wait."""


class JobLogAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of a job's log, oldest first."""

    lines: list[JobLine]
    last: str
    """Where they end: ask for what comes after it."""
