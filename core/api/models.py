"""Which models the API holds in memory, and what a fresh look at their stores has changed."""

from __future__ import annotations

from datetime import datetime

import msgspec


class ModelAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One model of an application: the live champion, or the registered one."""

    application: str
    source: str
    """`live` or `registered`."""
    loaded: bool
    """Decoded and in memory."""
    trained: bool | None = None
    """Whether it has had lessons enough to answer."""
    model: str | None = None
    version: int | None = None
    made: datetime | None = None
    """When the snapshot was made, or the training ended."""
    age_s: float | None = None
    bytes: int | None = None
    """Of the snapshot: all models of the roster are in it; of the registered model's artifact."""
    scores: dict[str, float | None] | None = None
    naive: dict[str, float | None] | None = None
    run_id: str | None = None
    run_url: str | None = None
    refused: str = ""
    """Why the newest one was not taken; empty when it was."""
    missing: str = ""
    """What it lacks to answer; empty when nothing."""


class ModelsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every model of every application."""

    models: list[ModelAnswer]
    away: dict[str, str]
    """Stores that can't be asked, with the reason: what is in memory goes on answering."""


class ModelChange(msgspec.Struct, frozen=True, kw_only=True):
    """A model that is another one than before."""

    application: str
    source: str
    before: int | None = None
    after: int | None = None
    """Versions."""


class ReloadAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at Redis and MLflow has changed."""

    changed: list[ModelChange]
    models: list[ModelAnswer]
    away: dict[str, str]
