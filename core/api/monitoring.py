"""Dead letters and their replay."""

from __future__ import annotations

from typing import Any

import msgspec


class LetterCount(msgspec.Struct, frozen=True):
    """Dead letters of one kind."""

    reason: str
    field: str
    count: int


class DeadLettersAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The messages that were refused; `letters` are the newest, newest first."""

    application: str
    total: int
    replayed: int
    unconfirmed: int
    """Taken for a replay that never said whether the broker has them."""
    counts: list[LetterCount]
    letters: list[dict[str, Any]]


class ReplayAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a replay."""

    application: str
    dry_run: bool
    matching: int
    already_replayed: int
    selected: int
    replayed: int
    failed: int
