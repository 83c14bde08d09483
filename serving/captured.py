"""The records of a request as captures: each checked as a request to a model is.

body -> one record, or `records` -> event by core.validation, answer by the task -> Capture | RefusedRecord
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec

from core.api.captures import RefusedRecord
from core.api.errors import FieldError
from core.api.records import MOST_RECORDS
from core.captures import Capture
from core.declaration import Application, Classification, Clustering
from core.validation import AHEAD, LONGEST_NAME, Reason, Rejected, explain, request_type
from serving.problems import Problem

Name = Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)]


class PredictionTold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model outside answered."""

    value: bool | int | float
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None


class CaptureRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One record of a request."""

    event: msgspec.Raw
    prediction: PredictionTold
    model: Name = ""
    version: Name | int = ""
    time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)] | None = None


class _Refuse(Exception):
    """A record can't be taken."""

    def __init__(self, rejected: Rejected) -> None:
        super().__init__(rejected.detail)
        self.rejected = rejected


class Records:
    """Decodes the records of one application."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._record = msgspec.json.Decoder(CaptureRecord)
        self._event = msgspec.json.Decoder(request_type(application))

    def captures(self, body: bytes, now: datetime) -> Iterator[Capture | RefusedRecord]:
        """Each record in turn; raises Problem (400, 422) where the body as a whole can't be read."""
        single, texts = records(body, '"event", or "records"')
        for place, text in enumerate(texts):
            try:
                yield self._capture(text, now)
            except _Refuse as error:
                found = error.rejected
                field = ".".join(part for part in ("" if single else f"records.{place}", found.field) if part)
                yield RefusedRecord(record=place, reason=found.reason.value, field=field, detail=found.detail)

    def _capture(self, text: msgspec.Raw, now: datetime) -> Capture:
        record: CaptureRecord = _refusing(lambda: self._record.decode(text))
        event = _refusing(lambda: self._event.decode(record.event))
        self._fits(record.prediction)
        happened = getattr(event, self._application.event_time.name)
        for name, time in ((self._application.event_time.name, happened), ("time", record.time)):
            if time is not None and time > now + AHEAD:
                detail = f"{time.isoformat()} is after {now.isoformat()}"
                raise _Refuse(Rejected(Reason.FUTURE_TIME, name, detail))
        try:
            time = (record.time or happened or now).astimezone(UTC)
        except OverflowError:
            raise _Refuse(Rejected(Reason.BAD_TIME, "time", "it has no UTC form")) from None
        name = getattr(event, self._application.identifier.name)
        return Capture(
            id=record.id or _id(name, record),
            event=msgspec.to_builtins(event),
            value=record.prediction.value,
            probability=record.prediction.probability,
            model=record.model,
            version=str(record.version),
            time=time,
            received=now,
        )

    def _fits(self, told: PredictionTold) -> None:
        """The answer is one that the task can have."""
        match self._application.task:
            case Classification():
                sound, wanted = isinstance(told.value, bool), "true or false"
            case Clustering():
                sound = isinstance(told.value, int) and not isinstance(told.value, bool) and told.value >= 0
                wanted = "the number of a segment, from 0"
            case _:
                sound, wanted = not isinstance(told.value, bool), "a number"
        if not sound:
            raise _Refuse(
                Rejected(Reason.WRONG_TYPE, "prediction.value", f"{told.value!r}; it must be {wanted}")
            )
        if told.probability is not None and not isinstance(self._application.task, Classification):
            detail = "only a classification has one"
            raise _Refuse(Rejected(Reason.UNKNOWN_FIELD, "prediction.probability", detail))


def records(body: bytes, wanted: str) -> tuple[bool, list[msgspec.Raw]]:
    """The records of a body: `records`, or itself as the only one; and whether it is that.

    Raises Problem: 400 for what is no JSON, 422 for none or too many.
    """
    try:
        outer = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        if "records" not in outer:
            return True, [msgspec.Raw(body)]
        strange = [name for name in outer if name != "records"]
        if strange:
            raise _unfit(strange[0], "beside `records` there is nothing else")
        texts = msgspec.json.decode(outer["records"], type=list[msgspec.Raw])
    except msgspec.ValidationError:
        raise _unfit("records", f"the body must be an object with {wanted}, a list") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from None
    if not 0 < len(texts) <= MOST_RECORDS:
        raise _unfit("records", f"{len(texts)} records; 1 to {MOST_RECORDS} can be taken at once")
    return False, texts


def _unfit(field: str, message: str) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{field}: {message}", [FieldError(field, message)])


def _refusing(decode: Callable[[], Any]) -> Any:
    try:
        return decode()
    except msgspec.ValidationError as error:
        raise _Refuse(explain(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _Refuse(Rejected(Reason.MALFORMED_JSON, "", str(error))) from None


def _id(event: str | None, record: CaptureRecord) -> str:
    """The same event asked of the same model is the same capture; an event without a name is its own."""
    if event is None:
        return uuid.uuid4().hex
    whole = msgspec.json.encode((event, record.model, str(record.version)))
    return hashlib.blake2b(whole, digest_size=16).hexdigest()
