"""Data quality: what is wrong with records, field by field, by the very types that `core.validation` checks.

records (need not be valid), dead letters -> per field: missing, out of range, unknown, wrong type
                                          -> rows: bad by reason, twice -> level -> QualityAnswer

Records may leave out the label, the identifier and the time: what is judged is what a model would be asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from core.api.quality import FieldQuality, QualityAnswer
from core.declaration import Application, EventTime, Field, Group, Identifier, Leaf, Place, leaves
from core.drift import Level, level
from core.validation import AHEAD, Reason, explain, field_type

MISSING: Final = (0.1, 0.2)
"""Warning and critical share of rows without a value that they should have: a tenth is more than an outage
of one source out of ten, a fifth leaves a model guessing. Fields that may be null don't count."""

BAD: Final = (0.01, 0.05)
"""Of rows that validation would refuse: a thousandth is noise of the senders, a hundredth is not."""

TWICE: Final = (0.01, 0.05)
"""Of rows that came before: what counts events counts them double."""

FEW: Final = 100
"""Rows: with fewer, one bad row moves a share by more than a hundredth."""


class Refused(NamedTuple):
    """A message that validation has refused already: its record, where it can be read, and why."""

    record: Any
    reason: str
    field: str


@dataclass(slots=True)
class _Tally:
    """What was found in one field."""

    leaf: Leaf
    nullable: bool
    counts: Counter[Reason] = field(default_factory=Counter)
    missing: int = 0
    example: str = ""


_KNOWN = (Reason.OUT_OF_RANGE, Reason.UNKNOWN_VALUE, Reason.WRONG_TYPE)


class Quality:
    """Counts what is wrong; feed it records, then ask for the answer."""

    def __init__(self, application: Application, now: datetime) -> None:
        self._application = application
        self._now = now
        self._optional = {
            one.name
            for one in application.fields
            if isinstance(one, Identifier | EventTime) or one.name == application.label
        }
        self._fields = {one.name: one for one in application.fields}
        self._types = {path: field_type(leaf) for path, leaf in leaves(application)}
        self._tallies = {
            path: _Tally(leaf, leaf.nullable or self._fields[path.partition(".")[0]].nullable)
            for path, leaf in leaves(application)
        }
        self._reasons: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()
        self._identifiers: set[str] = set()
        self._whole: set[bytes] = set()
        self._rows = self._refused = self._twice_identifier = self._twice_whole = 0

    def take(self, record: Any) -> None:
        """One record, as decoded JSON or as a row of a table."""
        self._rows += 1
        self._repeated(record)
        wrong = self._checked(record)
        if wrong is not None:
            self._reasons[wrong] += 1

    def take_refused(self, one: Refused) -> None:
        """One dead letter: it counts under the reason that it was refused for."""
        self._rows += 1
        self._refused += 1
        self._repeated(one.record)
        if isinstance(one.record, Mapping):
            self._checked(one.record)
        self._reasons[one.reason] += 1

    def answer(self, source: str) -> QualityAnswer:
        """What was found in at least one row."""
        fields = [self._field(path, tally) for path, tally in self._tallies.items()]
        shares = {reason: n / self._rows for reason, n in self._reasons.most_common()}
        bad, by_id, whole = (
            n / self._rows for n in (sum(self._reasons.values()), self._twice_identifier, self._twice_whole)
        )
        told = list(_findings(fields, bad, by_id, whole))
        few = f"Only {self._rows} rows: shares of so few tell little." if self._rows < FEW else ""
        return QualityAnswer(
            application=self._application.name,
            source=source,
            rows=self._rows,
            refused=self._refused,
            bad=bad,
            reasons=shares,
            twice_identifier=by_id,
            twice_whole=whole,
            unknown_fields=dict(self._unknown.most_common(20)),
            fields=fields,
            level=max((found for found, _ in told), key=list(Level).index, default=Level.OK),
            findings=[text for _, text in told],
            note=few,
        )

    def _repeated(self, record: Any) -> None:
        # A row of a table has times, which JSON of the standard library would not write.
        whole = msgspec.json.encode(record, order="deterministic")
        self._twice_whole += whole in self._whole
        self._whole.add(whole)
        name = record.get(self._application.identifier.name) if isinstance(record, Mapping) else None
        if isinstance(name, str):
            self._twice_identifier += name in self._identifiers
            self._identifiers.add(name)

    def _checked(self, record: Any) -> Reason | None:
        """Counts every fault of a record; returns the first one's reason."""
        if not isinstance(record, Mapping):
            return Reason.WRONG_TYPE
        found = [
            reason
            for name, one in self._fields.items()
            if (reason := self._declared(name, one, record)) is not None
        ]
        strange = [name for name in record if name not in self._fields]
        self._unknown.update(str(name) for name in strange)
        if strange:
            found.append(Reason.UNKNOWN_FIELD)
        return found[0] if found else None

    def _declared(self, name: str, one: Field, record: Mapping[str, Any]) -> Reason | None:
        value = record.get(name)
        if not isinstance(one, Place | Group):
            return self._leaf(name, value, name in self._optional or (one.nullable and name in record))
        if isinstance(value, Mapping):
            reasons = [
                self._leaf(
                    f"{name}.{inner.name}", value.get(inner.name), inner.nullable and inner.name in value
                )
                for inner in one.fields
            ]
            declared = {inner.name for inner in one.fields}
            strange = [inner for inner in value if inner not in declared]
            self._unknown.update(f"{name}.{inner}" for inner in strange)
            reasons += [Reason.UNKNOWN_FIELD] if strange else []
            return next((reason for reason in reasons if reason is not None), None)
        paths = [f"{name}.{inner.name}" for inner in one.fields]
        if value is None:
            for path in paths:
                self._tallies[path].missing += 1
            return None if one.nullable and name in record else Reason.MISSING_FIELD
        for path in paths:
            self._count(path, Reason.WRONG_TYPE, f"{name} is no object")
        return Reason.WRONG_TYPE

    def _leaf(self, path: str, value: Any, may_be_missing: bool) -> Reason | None:
        if value is None:
            self._tallies[path].missing += 1
            return None if may_be_missing else Reason.MISSING_FIELD
        try:
            made = msgspec.convert(value, self._types[path])
        except msgspec.ValidationError as error:
            told = explain(error)
            return self._count(path, told.reason, told.detail)
        if isinstance(made, float) and made - made != 0:  # NaN and infinity
            return self._count(path, Reason.NOT_FINITE, "NaN and infinite numbers are refused")
        if isinstance(made, datetime) and made > self._now + AHEAD:
            return self._count(
                path, Reason.FUTURE_TIME, f"{made.isoformat()} is after {self._now.isoformat()}"
            )
        return None

    def _count(self, path: str, reason: Reason, detail: str) -> Reason:
        tally = self._tallies[path]
        tally.counts[reason] += 1
        tally.example = tally.example or detail
        return reason

    def _field(self, path: str, tally: _Tally) -> FieldQuality:
        missing, wrong = tally.missing / self._rows, tally.counts.total() / self._rows
        optional = tally.nullable or path in self._optional
        worst = max(
            (Level.OK if optional else level(missing, *MISSING), level(wrong, *BAD)), key=list(Level).index
        )
        return FieldQuality(
            name=path,
            kind=type(tally.leaf).__name__.lower(),
            nullable=optional,
            missing=missing,
            **{str(reason): tally.counts[reason] / self._rows for reason in _KNOWN},
            other=sum(n for reason, n in tally.counts.items() if reason not in _KNOWN) / self._rows,
            level=worst,
            example=tally.example,
        )


def quality(
    application: Application,
    records: Iterable[Any],
    now: datetime,
    refused: Sequence[Refused] = (),
    source: str = "records",
) -> QualityAnswer:
    """How sound records are, and messages that were refused; at least one of them. now: UTC."""
    found = Quality(application, now)
    for record in records:
        found.take(record)
    for one in refused:
        found.take_refused(one)
    return found.answer(source)


def _findings(
    fields: list[FieldQuality], bad: float, by_id: float, whole: float
) -> Iterable[tuple[Level, str]]:
    """What is not as it should be, in words."""
    for share, bounds, what in (
        (bad, BAD, "of the rows are refused by validation"),
        (by_id, TWICE, "of the identifiers came before"),
        (whole, TWICE, "of the rows are repeated whole"),
    ):
        found = level(share, *bounds)
        if found is not Level.OK:
            yield found, f"{share:.1%} {what} ({found} beyond {bounds[found is Level.CRITICAL]:.0%})"
    for one in fields:
        if one.level is not Level.OK:
            wrong = one.out_of_range + one.unknown_value + one.wrong_type + one.other
            yield one.level, f"{one.name}: {one.missing:.1%} missing, {wrong:.1%} wrong"
