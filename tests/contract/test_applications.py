"""Every registered application goes through the same checks: names, schemas, validation, forms."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pyarrow.json
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import names, schemas
from core.applications import APPLICATIONS, get
from core.declaration import Application, Category, EventTime, Flag, Number, Text, leaves
from core.forms import complete, inputs, randomize
from core.metrics import metrics
from core.validation import (
    Accepted,
    Check,
    InvalidEvent,
    Reason,
    Rejected,
    event_type,
    explain,
    request_type,
    with_source,
)
from tests.contract.events import sound


def now() -> datetime:
    """Asked at each check: sound events are of now, and a test may run long after this file was read."""
    return datetime.now(UTC)


each = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=APPLICATIONS.keys())


def check(application: Application, event: dict[str, Any], **change: Any) -> Accepted | Rejected:
    body = json.dumps(event | change).encode()
    return Check(application)(event[application.key].encode(), body, now())


def path_of(application: Application, wanted: Callable[[Any], bool]) -> str:
    return next(path for path, leaf in leaves(application) if wanted(leaf))


def put(event: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of the event with the value at a dotted path."""
    changed = copy.deepcopy(event)
    outer, _, inner = path.partition(".")
    if inner:
        changed[outer][inner] = value
    else:
        changed[outer] = value
    return changed


def test_names_are_what_they_were() -> None:
    """A renamed topic, key or table is a visible change here, and loses data where it runs."""
    assert [names.topic("x", stream) for stream in names.Stream] == [
        "x.events",
        "x.valid",
        "x.dlq",
        "x.predictions",
        "x.features",
    ]
    assert [names.table_path("x", table) for table in names.Table] == [
        "x/events",
        "x/rejects",
        "x/predictions",
        "x/features",
    ]
    assert list(names.Job) == ["ingest", "lakehouse", "features"]
    assert list(APPLICATIONS) == ["tfd", "eta", "ecci"]
    assert names.transaction_id("x.valid", 2) == "x.valid:2"
    assert names.snapshot_key("x") == "millrace:x:snapshot"


def test_an_unknown_application_is_told_with_those_there_are() -> None:
    with pytest.raises(KeyError, match="no application 'nobody'; there are tfd, eta, ecci"):
        get("nobody")


@each
def test_a_sound_event_is_accepted(application: Application) -> None:
    event = sound(application)
    accepted = check(application, event)
    assert isinstance(accepted, Accepted), accepted
    assert accepted.key == event[application.key]
    again = Check(application)(accepted.key.encode(), accepted.body, now())
    assert again == accepted, "canonical JSON is its own canonical form"
    assert list(json.loads(accepted.body)) == [field.name for field in application.fields]


@each
def test_time_becomes_utc_with_or_without_fraction(application: Application) -> None:
    name = application.event_time.name
    for text in ("2026-03-01T10:00:00+02:00", "2026-03-01T08:00:00.000000Z", "2026-03-01T08:00:00Z"):
        accepted = check(application, sound(application), **{name: text})
        assert isinstance(accepted, Accepted)
        assert accepted.time == datetime(2026, 3, 1, 8, tzinfo=UTC)
        assert json.loads(accepted.body)[name] == "2026-03-01T08:00:00Z"


@each
def test_bad_messages_are_refused_with_reason_and_field(application: Application) -> None:
    event = sound(application)
    time = application.event_time.name
    number = path_of(application, lambda f: isinstance(f, Number) and not f.integer)
    closed = path_of(application, lambda f: isinstance(f, Category) and not f.open)
    limit = dict(leaves(application))[number]
    assert isinstance(limit, Number)
    cases = [
        (put(event, number, "twelve"), Reason.WRONG_TYPE, number),
        (put(event, number, math.nan), Reason.NOT_FINITE, number),
        (put(event, number, -math.inf), Reason.NOT_FINITE, number),
        (put(event, number, limit.high + 1), Reason.OUT_OF_RANGE, number),
        (put(event, closed, "never heard of"), Reason.UNKNOWN_VALUE, closed),
        (event | {time: (now() + timedelta(days=1)).isoformat()}, Reason.FUTURE_TIME, time),
        (event | {time: "yesterday"}, Reason.BAD_TIME, time),
        (event | {time: "2026-03-01T08:00:00"}, Reason.BAD_TIME, time),
        (event | {time: "0001-01-01T00:00:00+14:00"}, Reason.BAD_TIME, time),
        (event | {"surprise": 1}, Reason.UNKNOWN_FIELD, "surprise"),
        (event | {application.identifier.name: ""}, Reason.OUT_OF_RANGE, application.identifier.name),
        ({k: v for k, v in event.items() if k != time}, Reason.MISSING_FIELD, time),
    ]
    for bad, reason, field in cases:
        refused = Check(application)(event[application.key].encode(), json.dumps(bad).encode(), now())
        assert isinstance(refused, Rejected), (reason, refused)
        assert (refused.reason, refused.field) == (reason, field)


@each
def test_bad_bytes_are_refused(application: Application) -> None:
    call = Check(application)
    body = json.dumps(sound(application)).encode()
    for value, reason in (
        (None, Reason.EMPTY),
        (b"", Reason.EMPTY),
        (body[:-1], Reason.MALFORMED_JSON),
        (b"\xff\xfe" + body, Reason.NOT_UTF8),
        (b"[1]", Reason.WRONG_TYPE),
        (b"null", Reason.WRONG_TYPE),
        (b"[" * 100_000, Reason.WRONG_TYPE),
    ):
        refused = call(b"key", value, now())
        assert isinstance(refused, Rejected)
        assert refused.reason is reason


@each
def test_the_key_is_the_entity(application: Application) -> None:
    body = json.dumps(sound(application)).encode()
    for key, reason in ((None, Reason.MISSING_KEY), (b"", Reason.MISSING_KEY), (b"\xff", Reason.WRONG_KEY)):
        refused = Check(application)(key, body, now())
        assert isinstance(refused, Rejected)
        assert (refused.reason, refused.field) == (reason, application.key)


@each
def test_closed_vocabularies_refuse_and_open_ones_accept_new_values(application: Application) -> None:
    for path, leaf in leaves(application):
        if isinstance(leaf, Category):
            result = check(application, put(sound(application), path, "brand new"))
            assert isinstance(result, Accepted) is leaf.open, path


@each
def test_null_is_for_nullable_fields_only(application: Application) -> None:
    for field in application.fields:
        result = check(application, sound(application), **{field.name: None})
        assert isinstance(result, Accepted) is field.nullable, field.name


@each
@given(value=st.binary(max_size=300), key=st.none() | st.binary(max_size=20))
def test_no_bytes_raise(application: Application, value: bytes, key: bytes | None) -> None:
    assert isinstance(Check(application)(key, value, now()), Rejected)


@each
@given(data=st.data())
def test_no_json_raises(application: Application, data: st.DataObject) -> None:
    anything = st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
    path = data.draw(st.sampled_from([path for path, _ in leaves(application)]))
    event = put(sound(application), path, data.draw(anything))
    result = Check(application)(b"someone", json.dumps(event).encode(), now())
    assert isinstance(result, Accepted | Rejected)


@each
def test_a_program_is_told_what_is_wrong_with_its_event(application: Application) -> None:
    call = Check(application)
    event = sound(application)
    assert call.encode(event, now()).key == event[application.key]
    with pytest.raises(InvalidEvent, match=application.key):
        call.encode({k: v for k, v in event.items() if k != application.key}, now())


@each
def test_the_source_is_added_at_the_end(application: Application) -> None:
    body = Check(application).encode(sound(application), now()).body
    assert json.loads(with_source(body, 2, 77)) == json.loads(body) | {
        "source_partition": 2,
        "source_offset": 77,
    }


@each
def test_arrow_reads_what_validation_writes(application: Application, tmp_path: Any) -> None:
    call = Check(application)
    lines = [with_source(call.encode(sound(application, seed), now()).body, 0, seed) for seed in range(20)]
    (tmp_path / "rows.json").write_bytes(b"\n".join(lines))
    schema = schemas.valid_schema(application)
    options = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    table = pyarrow.json.read_json(tmp_path / "rows.json", parse_options=options)
    assert table.schema == schema
    assert table["source_offset"].to_pylist() == list(range(20))
    time = application.event_time.name
    assert table[time].to_pylist()[0] == datetime.fromisoformat(json.loads(lines[0])[time])


@each
def test_the_table_has_every_field_typed(application: Application) -> None:
    schema = schemas.events_schema(application)
    for field in application.fields:
        kind = str(schema.field(field.name).type)
        match field:
            case EventTime():
                assert kind == "timestamp[us, tz=UTC]"
            case Number(integer=True):
                assert kind == "int64"
            case Number():
                assert kind == "double"
            case Flag():
                assert kind == "bool"
    assert schema.names[-3:] == ["source_partition", "source_offset", "event_date"]


@each
def test_ddl_names_the_topic_and_quotes_its_options(application: Application) -> None:
    topic = names.topic(application.name, names.Stream.EVENTS)
    ddl = schemas.raw_source_ddl("t", topic, {"note": "it's"})
    assert f"'topic' = '{topic}'" in ddl
    assert "'note' = 'it''s'" in ddl
    assert "headers" in schemas.raw_sink_ddl("t", topic, {}, headers=True)


@each
@given(seed=st.integers(0, 10_000))
def test_random_forms_make_sound_requests(application: Application, seed: int) -> None:
    values = randomize(application, seed)
    assert list(values) == [one.path for one in inputs(application)]
    event = complete(application, values)
    assert application.label not in event
    msgspec.convert(event, request_type(application))
    for one in inputs(application):
        if isinstance(one.field, Number):
            low, high = one.field.form_range
            assert low <= values[one.path] <= high


@each
def test_a_form_asks_neither_the_label_nor_what_is_derived(application: Application) -> None:
    asked = {one.path for one in inputs(application)}
    hidden = {f.name for f in application.fields if f.derive} | {
        application.label,
        application.identifier.name,
    }
    assert not asked & hidden
    assert not any(name.startswith("debug") for name in asked)


@each
def test_a_request_needs_neither_identifier_nor_time(application: Application) -> None:
    event = complete(application, randomize(application, 1))
    del event[application.identifier.name], event[application.event_time.name]
    msgspec.convert(event, request_type(application))
    del event[application.key]
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(event, request_type(application))
    assert explain(caught.value).field == application.key


@each
def test_the_struct_has_no_defaults(application: Application) -> None:
    """What is missing is refused, never filled in."""
    assert all(field.required for field in msgspec.structs.fields(event_type(application)))


@each
def test_texts_are_complete(application: Application) -> None:
    assert application.title
    assert application.summary.endswith(".")
    assert len(application.queries) >= 6
    assert len({query.title for query in application.queries}) == len(application.queries)
    assert all(metric.explanation and metric.formula for metric in metrics(application.task))
    for _, leaf in leaves(application):
        if isinstance(leaf, Text):
            assert leaf.longest > 0
