"""The segments of a clustering: how large they are, and how a field's values fall into them."""

from __future__ import annotations

import msgspec


class SegmentCount(msgspec.Struct, frozen=True, kw_only=True):
    """One segment."""

    number: int
    size: int
    """Entities in it, as the model knows them."""
    rows: int
    """Of the rows that were counted, those that were answered with it."""
    share: float | None = None
    """Of these rows; null where there are none."""
    values: dict[str, int] | None = None
    """Value of the field -> rows; null is told as "(missing)"."""


class SegmentsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes and counts by segment."""

    application: str
    source: str
    """`live` or `registered`."""
    model: str
    version: int
    run_id: str | None = None
    field: str | None = None
    counted: int
    """Rows that were looked at."""
    rows: str
    """Which rows these are."""
    segments: list[SegmentCount]
