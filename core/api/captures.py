"""What outside programs have asked their models."""

from __future__ import annotations

from datetime import datetime

import msgspec

from core.captures import Capture


class RefusedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was passed over."""

    record: int
    """Its place in the request, from 0."""
    reason: str
    field: str
    detail: str


class TakenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of records."""

    application: str
    received: int
    new: int
    repeated: int
    """Their id was held already."""
    refused: int
    reasons: dict[str, int]
    """Of those that were refused."""
    examples: list[RefusedRecord]
    """The first of them."""


class ModelCount(msgspec.Struct, frozen=True, kw_only=True):
    """Captures of one model."""

    model: str
    """Empty: the program did not say."""
    count: int


class CapturesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is held of an application's captures."""

    application: str
    count: int
    most: int
    """That are held; older ones go."""
    taken: int
    """Since the beginning."""
    start: datetime | None = None
    end: datetime | None = None
    """When the oldest and the newest of those that are held were received."""
    models: list[ModelCount]
    """The most frequent first, at most a hundred."""
    captures: list[Capture]
    """The newest, newest first."""
