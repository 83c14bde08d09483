"""The map of `ingest`: any bytes in, a row for each out, and nothing raised."""

from __future__ import annotations

import json
import pickle
from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.applications import APPLICATIONS
from core.declaration import Application
from core.names import SOURCE_OFFSET, SOURCE_PARTITION, RejectHeader
from core.validation import Check, Reason
from flink_jobs.check import COLUMNS, LONGEST_HEADER, PAYLOAD, WHY, CheckMap, check_batch
from tests.flink_jobs.messages import NOW, message

SECOND = int(NOW.timestamp())

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=list(APPLICATIONS))


def one(
    application: Application, key: bytes | None, payload: bytes | None
) -> tuple[bytes | None, dict[str, str] | None]:
    """The payload that comes out, and the headers of a refused one."""
    bodies, reasons = check_batch(Check(application), [key], [payload], [2], [41], [SECOND])
    assert (len(bodies), len(reasons)) == (1, 1)
    return bodies[0], None if reasons[0] is None else json.loads(reasons[0])


@EVERY
def test_an_accepted_row_is_canonical_json_with_its_source(application: Application) -> None:
    key, body = message(application, 1)
    told, why = one(application, key, body)
    assert why is None
    event = json.loads(told or b"")
    assert (event.pop(SOURCE_PARTITION), event.pop(SOURCE_OFFSET)) == (2, 41)
    assert event == json.loads(body)


@EVERY
def test_every_kind_of_bad_message_keeps_its_bytes_and_says_why(application: Application) -> None:
    key, body = message(application, 2)
    event = json.loads(body)
    time = application.event_time.name
    ahead = json.dumps(event | {time: (NOW + timedelta(days=1)).isoformat()}).encode()
    kinds: list[tuple[bytes | None, bytes | None, Reason, str]] = [
        (key, None, Reason.EMPTY, ""),
        (key, b"", Reason.EMPTY, ""),
        (None, None, Reason.EMPTY, ""),
        (key, body[:-1], Reason.MALFORMED_JSON, ""),
        (key, b"\xff" + body, Reason.NOT_UTF8, ""),
        (key, body.replace(b'"lat":', b'"lat":NaN,"was":', 1), Reason.NOT_FINITE, ".lat"),
        (key, ahead, Reason.FUTURE_TIME, time),
        (None, body, Reason.MISSING_KEY, application.key),
        (b"", body, Reason.MISSING_KEY, application.key),
        (b"\xff\x00", body, Reason.WRONG_KEY, application.key),
        (key, json.dumps(event | {time: "yesterday"}).encode(), Reason.BAD_TIME, time),
        (key, json.dumps(event | {application.key: 7}).encode(), Reason.WRONG_TYPE, application.key),
        (key, json.dumps(event | {"surplus": 1}).encode(), Reason.UNKNOWN_FIELD, "surplus"),
    ]
    for key_in, payload, reason, field in kinds:
        told, why = one(application, key_in, payload)
        assert told == payload
        assert why is not None
        assert set(why) == set(RejectHeader)
        assert why[RejectHeader.REASON] == reason, payload
        assert why[RejectHeader.FIELD].endswith(field)
        assert why[RejectHeader.SOURCE_PARTITION] == "2"
        assert why[RejectHeader.SOURCE_OFFSET] == "41"


@EVERY
def test_names_taken_from_a_message_fit_into_a_header(application: Application) -> None:
    """A name may hold half a surrogate pair, which UTF-8 lacks, or be as long as the message."""
    key, _ = message(application, 3)
    _, half = one(application, key, b'{"\\ud800": NaN}')
    assert half
    assert half[RejectHeader.REASON]
    _, long = one(application, key, b'{"%b": 1}' % (b"x" * 100_000))
    assert long
    assert long[RejectHeader.REASON] == Reason.UNKNOWN_FIELD
    assert all(len(text) <= LONGEST_HEADER for text in long.values())


@EVERY
@settings(deadline=None)
@given(data=st.data())
def test_no_bytes_raise(application: Application, data: st.DataObject) -> None:
    raw = (
        st.none()
        | st.binary(max_size=60)
        | _json.map(lambda value: json.dumps(value).encode())
        | _torn(application)
    )
    rows = data.draw(st.lists(st.tuples(st.none() | st.binary(max_size=20), raw), max_size=20))
    keys, payloads = [key for key, _ in rows], [payload for _, payload in rows]
    numbers = list(range(len(rows)))
    bodies, reasons = check_batch(Check(application), keys, payloads, numbers, numbers, [SECOND] * len(rows))
    assert len(bodies) == len(reasons) == len(rows)
    for body, payload, why in zip(bodies, payloads, reasons, strict=True):
        assert (why is not None) == (body == payload)
        if why is not None:
            told = json.loads(why)
            assert set(told) == set(RejectHeader)
            assert Reason(told[RejectHeader.REASON])


_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(), max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def _torn(application: Application) -> st.SearchStrategy[bytes]:
    """A sound event with a piece of it replaced by arbitrary bytes."""
    _, body = message(application, 4)
    end = st.integers(0, len(body))
    return st.builds(
        lambda a, b, junk: body[: min(a, b)] + junk + body[max(a, b) :], end, end, st.binary(max_size=9)
    )


@EVERY
def test_the_map_survives_its_way_to_a_worker(application: Application) -> None:
    key, body = message(application, 5)
    travelled = pickle.loads(pickle.dumps(CheckMap(application.name)))  # noqa: S301 - our own bytes
    frame = pd.DataFrame({"a": [key, None, key], "b": [body, b"\xff", None], "c": [0, 1, 2], "d": [7, 8, 9]})
    frame["e"] = SECOND
    result = travelled(frame)
    assert list(result.columns) == list(COLUMNS)
    assert result.iloc[:, 0].tolist() == [key, None, key]
    assert _reasons(result) == [None, Reason.NOT_UTF8, Reason.EMPTY]
    assert json.loads(result[PAYLOAD][0])[SOURCE_OFFSET] == 7
    assert travelled(frame.iloc[:0]).empty


def _reasons(result: pd.DataFrame) -> list[str | None]:
    return [None if why is None else json.loads(why)[RejectHeader.REASON] for why in result[WHY]]


@pytest.mark.parametrize("others", [[], [-3600], [3600], [-3600, 3600]])
def test_what_lies_ahead_is_decided_by_the_brokers_clock_whatever_else_is_in_the_batch(
    others: list[int],
) -> None:
    """A message that is read again, later and in another batch, is decided as it was the first time."""
    application = next(iter(APPLICATIONS.values()))
    key, body = message(application, 6)
    time = application.event_time.name
    ahead, allowed = (
        json.dumps(json.loads(body) | {time: (NOW + timedelta(minutes=n)).isoformat()}).encode()
        for n in (6, 4)
    )
    bodies = [ahead, allowed, *(allowed for _ in others)]
    frame = pd.DataFrame({"key": [key] * len(bodies), "payload": bodies, "partition": 0, "offset": 0})
    frame["second"] = [SECOND, SECOND, *(SECOND + one for one in others)]
    reasons = _reasons(CheckMap(application.name)(frame))
    refused = Reason.FUTURE_TIME
    assert reasons == [refused, None, *(refused if one < 0 else None for one in others)]


def test_no_date_of_a_message_raises() -> None:
    application = next(iter(APPLICATIONS.values()))
    key, body = message(application, 6)
    for seconds in ([-(2**63), SECOND], [2**62, 2**63 - 1], [-1, 0]):
        _, reasons = check_batch(Check(application), [key] * 2, [body] * 2, [0, 0], [0, 1], seconds)
        assert [reason is None for reason in reasons] == [s >= SECOND for s in seconds]
