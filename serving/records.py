"""Many events in one request: each checked as a single one is, all features in one round through Redis.

body -> events -> (422 names events.17.amount, or passed over) -> entities -> one round of Redis, in chunks
     -> rows -> one live model, row by row; or one frame of a registered model -> an answer per record
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from core.api.errors import FieldError
from core.api.records import MOST_RECORDS, RecordAnswer, RecordsAnswer
from core.declaration import Application
from core.records import Answer
from models import answer, row
from models.base import Row
from serving.batch_predict import BatchPredictor, answers_of
from serving.features.reader import Latest, of_all
from serving.predict import Asked, Predictor, decoded, known_at
from serving.problems import Problem, application_named

if TYPE_CHECKING:
    from redis import Redis

LISTED = 20
"""Bad records that are told of."""


class RecordsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request to a live model."""

    application: str
    events: list[msgspec.Raw]


class RegisteredRecordsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request to a registered model."""

    events: list[msgspec.Raw]
    run_id: str | None = None


class Checked(NamedTuple):
    """The records of a request: each understood, or what is wrong with it."""

    application: Application
    records: list[Asked | FieldError]
    started: float

    @property
    def sound(self) -> list[Asked]:
        """Those that were understood."""
        return [one for one in self.records if isinstance(one, Asked)]


class Records:
    """Answers requests about many events."""

    def __init__(self, predictor: Predictor, registered: BatchPredictor) -> None:
        self._predictor = predictor
        self._registered = registered
        self._request = msgspec.json.Decoder(RecordsRequest)
        self._registered_request = msgspec.json.Decoder(RegisteredRecordsRequest)

    def live(self, body: bytes, skip_bad: bool, known: Known) -> RecordsAnswer:
        """What the live model says of each; raises Problem (400, 404, 422, 503)."""
        started = perf_counter()
        request: RecordsRequest = decoded(self._request, body)
        application = application_named(request.application)
        live, report = self._predictor.answering(application)
        checked = self._checked(application, request.events, skip_bad, started)
        windowed, rows, ages = _rows(checked, known)
        said = [answer(application, live.model, x, live.header.threshold) for x in rows]
        now = datetime.now(UTC)
        return RecordsAnswer(
            application=application.name,
            model=live.header.model,
            version=live.header.version,
            source="live",
            threshold=live.header.threshold,
            scores=live.header.scores,
            naive=report.naive if report else None,
            snapshot_age_s=round(live.age_s(now), 3),
            count=len(rows),
            refused=len(checked.records) - len(rows),
            answers=_told(checked, said, windowed, ages),
            latency_ms=round(1000 * (perf_counter() - started), 3),
        )

    def registered(
        self, application: Application, body: bytes, skip_bad: bool, known: Known
    ) -> RecordsAnswer:
        """What the registered champion, or the model of a run, says of each; raises Problem (400, 422, 503).

        Raises what `BatchPredictor.held` does.
        """
        from models.registered.inputs import frame

        started = perf_counter()
        request: RegisteredRecordsRequest = decoded(self._registered_request, body)
        held = self._registered.held(application, request.run_id)
        checked = self._checked(application, request.events, skip_bad, started)
        windowed, rows, ages = _rows(checked, known)
        said = answers_of(application, held, frame(application, rows)) if rows else []
        info, now = held.info, datetime.now(UTC)
        return RecordsAnswer(
            application=application.name,
            model=info.recipe,
            version=info.version or 0,
            source="registered",
            threshold=held.model.threshold,
            scores=info.scores,
            naive=info.naive or None,
            snapshot_age_s=round((now - (info.ended or info.started)).total_seconds(), 3),
            run_id=info.run_id,
            count=len(rows),
            refused=len(checked.records) - len(rows),
            answers=_told(checked, said, windowed, ages),
            latency_ms=round(1000 * (perf_counter() - started), 3),
        )

    def _checked(
        self, application: Application, events: Sequence[msgspec.Raw], skip_bad: bool, started: float
    ) -> Checked:
        if not 0 < len(events) <= MOST_RECORDS:
            message = f"{len(events)} records; a request has 1 to {MOST_RECORDS}"
            raise _refused([FieldError("events", message)])
        records = [self._record(application, text, n, started) for n, text in enumerate(events)]
        bad = [one for one in records if isinstance(one, FieldError)]
        if bad and not skip_bad:
            raise _refused(bad)
        return Checked(application, records, started)

    def _record(
        self, application: Application, text: msgspec.Raw, number: int, started: float
    ) -> Asked | FieldError:
        try:
            return self._predictor.understood(application, text, started)
        except Problem as problem:
            about = problem.errors[0] if problem.errors else FieldError("", problem.detail)
            path = f"events.{number}.{about.field}" if about.field else f"events.{number}"
            return FieldError(path, about.message)


Known = Callable[[Application, list[str]], Mapping[str, Latest]]
"""The latest features of entities, as far as they are remembered."""


def looked_up(redis: Redis, away: str) -> Known:
    """A look-up in Redis that finds nothing while Redis is away: models answer without features."""

    def known(application: Application, entities: list[str]) -> Mapping[str, Latest]:
        from redis.exceptions import RedisError

        if away or not application.windows:
            return {}
        try:
            return of_all(redis, application, entities)
        except (RedisError, OSError):
            return {}

    return known


Windowed = list[dict[str, float | int | None] | None]


def _rows(checked: Checked, known: Known) -> tuple[Windowed, list[Row], list[float | None]]:
    """Of every sound record: its windowed features, its row, and the features' age in s."""
    application, sound, now = checked.application, checked.sound, datetime.now(UTC)
    found = known(application, [one.entity for one in sound])
    latest = [found.get(one.entity) for one in sound]
    windowed = [known_at(one, mine) for one, mine in zip(sound, latest, strict=True)]
    rows = [row(application, one.event, mine) for one, mine in zip(sound, windowed, strict=True)]
    return windowed, rows, [None if one is None else round(one.age_s(now), 3) for one in latest]


def _told(
    checked: Checked, said: Sequence[Answer], windowed: Windowed, ages: Sequence[float | None]
) -> list[RecordAnswer]:
    """An answer per record, the bad ones in their places."""
    identifier = checked.application.identifier.name
    sound = iter(zip(checked.sound, said, windowed, ages, strict=True))
    told = []
    for record in checked.records:
        if isinstance(record, FieldError):
            told.append(RecordAnswer(error=record))
            continue
        asked, found, mine, age = next(sound)
        told.append(
            RecordAnswer(event_id=asked.event[identifier], answer=found, features=mine, features_age_s=age)
        )
    return told


def _refused(errors: list[FieldError]) -> Problem:
    more = f", and {len(errors) - LISTED} more" if len(errors) > LISTED else ""
    first = "; ".join(f"{one.field}: {one.message}" for one in errors[:LISTED])
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, first + more, errors[:LISTED])
