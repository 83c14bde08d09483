"""How sound records are."""

from __future__ import annotations

import msgspec

from core.drift import Level


class FieldQuality(msgspec.Struct, frozen=True, kw_only=True):
    """One field. Shares are of all rows, in 0..1."""

    name: str
    kind: str
    nullable: bool
    """Its value may be null: then rows without one are no fault."""
    missing: float
    """Absent or null."""
    out_of_range: float
    unknown_value: float
    wrong_type: float
    other: float
    """Not finite, a bad time, a time ahead of now."""
    level: Level
    example: str = ""
    """The first thing that was wrong, in words."""


class QualityAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How sound records are."""

    application: str
    source: str
    """records (of the request), table, captures."""
    rows: int
    refused: int
    """Of them, messages that stand among the dead letters."""
    bad: float
    """Share of rows with anything wrong."""
    reasons: dict[str, float]
    """Share of rows by the first thing that is wrong with each."""
    twice_identifier: float
    """Share of rows whose identifier came before."""
    twice_whole: float
    """Share of rows that are equal to an earlier one in everything."""
    unknown_fields: dict[str, int]
    """Fields that are not declared, with the rows that have them; the commonest twenty."""
    fields: list[FieldQuality]
    level: Level
    findings: list[str]
    """Why the level is not ok."""
    note: str = ""
