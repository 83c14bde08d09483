"""Data quality has one definition with validation, and counts what it says it counts."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.applications import APPLICATIONS
from core.declaration import Application, Category, Group, Number, Place, leaves
from core.drift import Level
from core.quality import FEW, Refused, quality
from core.validation import Accepted, Check
from tests.contract.events import sound

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NAMES = list(APPLICATIONS)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=300),
    st.just({}),
    st.just([]),
    st.just("2999-01-01T00:00:00Z"),
    st.just("2026-01-01T00:00:00"),
)


def put(record: dict[str, Any], path: str, value: Any) -> None:
    outer, _, inner = path.partition(".")
    if inner:
        record[outer][inner] = value
    else:
        record[outer] = value


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_a_record_is_bad_exactly_when_validation_refuses_it(name: str, data: st.DataObject) -> None:
    application = APPLICATIONS[name]
    record = deepcopy(sound(application, data.draw(st.integers(0, 50))))
    paths = [path for path, _ in leaves(application)] + ["strange"]
    outer = [one.name for one in application.fields if isinstance(one, Place | Group)]
    paths += [*outer, *(f"{name}.strange" for name in outer)]
    for path in data.draw(st.lists(st.sampled_from(paths), max_size=2)):
        if isinstance(record.get(path.partition(".")[0], {}), dict) or "." not in path:
            put(record, path, data.draw(VALUES))
    optional = {application.identifier.name, application.event_time.name, application.label}
    if any(record[one] is None for one in optional if one):
        return  # may be missing here, though not on the stream
    key = record[application.key]
    said = Check(application)(
        key.encode() if isinstance(key, str) else b"k", json.dumps(record).encode(), NOW
    )
    found = quality(application, [record], NOW)
    assert (found.bad == 0) is isinstance(said, Accepted), (said, found.reasons)


@pytest.mark.parametrize("name", NAMES)
def test_sound_records_are_sound(name: str) -> None:
    application = APPLICATIONS[name]
    found = quality(application, [sound(application, seed) for seed in range(200)], NOW)
    assert (found.bad, found.level, found.findings, found.note) == (0, Level.OK, [], "")
    assert [one.name for one in found.fields] == [path for path, _ in leaves(application)]
    requests = [sound(application, seed) for seed in range(200)]
    for one in requests:
        one.pop(application.label or "", None)
        one.pop(application.identifier.name)
    assert quality(application, requests, NOW).bad == 0


def damaged(application: Application) -> tuple[list[Any], str, str]:
    """A hundred records: five numbers out of range, ten categories of a wrong type, one that is none."""
    records: list[Any] = [sound(application, seed) for seed in range(100)]
    number, leaf = next((p, one) for p, one in leaves(application) if isinstance(one, Number))
    category = next(p for p, one in leaves(application) if isinstance(one, Category) and not one.nullable)
    for one in records[:5]:
        put(one, number, leaf.high + 1)
    for one in records[5:15]:
        put(one, category, 7)
    records[15] = "no record"
    return records, number, category


@pytest.mark.parametrize("name", NAMES)
def test_each_fault_is_counted_where_it_is(name: str) -> None:
    application = APPLICATIONS[name]
    records, number, category = damaged(application)
    found = quality(application, records, NOW)
    fields = {one.name: one for one in found.fields}
    assert (fields[number].out_of_range, fields[category].wrong_type) == (0.05, 0.1)
    assert fields[number].example
    assert found.reasons == {"wrong_type": 0.11, "out_of_range": 0.05}
    assert (found.rows, found.level) == (100, Level.CRITICAL)
    assert found.bad == pytest.approx(0.16)
    assert any("16.0% of the rows are refused" in one for one in found.findings)


def test_repeats_missing_and_strange_fields_are_counted() -> None:
    application = APPLICATIONS[NAMES[0]]
    records = [sound(application, seed) for seed in range(97)]
    required = next(p for p, one in leaves(application) if isinstance(one, Number) and not one.nullable)
    twice = deepcopy(records[0])
    other = deepcopy(records[1])
    put(other, required, None)
    strange = deepcopy(records[2]) | {application.identifier.name: "new", "strange": 1}
    found = quality(application, [*records, twice, other, strange], NOW)
    assert (found.twice_whole, found.twice_identifier) == (0.01, 0.02)
    assert next(one for one in found.fields if one.name == required).missing == 0.01
    assert found.unknown_fields == {"strange": 1}
    assert found.reasons == {"missing_field": 0.01, "unknown_field": 0.01}
    assert found.level is Level.WARNING


def test_a_time_ahead_and_dead_letters_count() -> None:
    application = APPLICATIONS[NAMES[0]]
    ahead = sound(application) | {application.event_time.name: (NOW + timedelta(hours=1)).isoformat()}
    letters = [Refused(None, "malformed_json", ""), Refused({"x": 1}, "unknown_field", "x")]
    found = quality(application, [ahead], NOW, letters, "table")
    assert (found.rows, found.refused, found.source) == (3, 2, "table")
    assert found.reasons.keys() == {"future_time", "malformed_json", "unknown_field"}
    assert found.bad == 1
    assert str(3) in found.note
    assert found.rows < FEW
