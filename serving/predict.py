"""From the bytes of a request to the live model's answer. Touches memory only.

body -> application, event -> declared types (422 names the field) -> Asked
Asked, what is remembered of its entity -> row -> model -> answer
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from core.api.errors import FieldError
from core.api.predict import PredictAnswer
from core.applications import APPLICATIONS
from core.declaration import Application, Clustering
from core.features import as_of
from core.records import Contribution, LearnerReport, Segment
from core.validation import AHEAD, Reason, explain, request_type
from models import OnlineModel, answer, row
from models.base import Explaining, Row
from serving.features.reader import Latest, latest, looked_up
from serving.live_models import LiveModel, LiveModels
from serving.meters import Meters
from serving.problems import Problem, application_named

if TYPE_CHECKING:
    from redis import Redis
    from redis.asyncio import Redis as AsyncRedis

RETRY_AFTER_S = 2

LEADING = 12
"""Contributions to an answer that are told."""


class PredictRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a prediction request."""

    application: str
    event: msgspec.Raw


class Asked(NamedTuple):
    """A request that was understood."""

    application: Application
    event: dict[str, Any]
    entity: str
    started: float
    """Of the clock that measures how long an answer takes."""


class Predictor:
    """Answers requests with whatever model is live at the moment."""

    def __init__(self, live: LiveModels, meters: Meters) -> None:
        self._live = live
        self._meters = meters
        self._request = msgspec.json.Decoder(PredictRequest)
        self._events = {name: msgspec.json.Decoder(request_type(app)) for name, app in APPLICATIONS.items()}

    def asked(self, body: bytes) -> Asked:
        """What a request's body asks; raises Problem (400, 404, 422)."""
        started = perf_counter()
        request: PredictRequest = decoded(self._request, body)
        return self.understood(application_named(request.application), request.event, started)

    def understood(self, application: Application, text: msgspec.Raw, started: float) -> Asked:
        """An event of an application as any of its models sees it; raises Problem (400, 422)."""
        event = _completed(application, decoded(self._events[application.name], text))
        return Asked(application, event, event[application.key], started)

    def answer(self, asked: Asked, known: Latest | None, explained: bool = False) -> PredictAnswer:
        """The live model's answer; raises Problem (503).

        known: what is remembered of the entity; models answer without it, if less well. explained: tell as
        well what moved the answer, where the model can.
        """
        application, event, started = asked.application, asked.event, asked.started
        live, report = self.answering(application)
        windowed = known_at(asked, known)
        x = row(application, event, windowed)
        said = answer(application, live.model, x, live.header.threshold)
        seconds = perf_counter() - started
        self._meters.predict_seconds.labels(application.name).observe(seconds)
        return PredictAnswer(
            application=application.name,
            event_id=event[application.identifier.name],
            answer=said,
            threshold=live.header.threshold,
            model=live.header.model,
            version=live.header.version,
            source="live",
            scores=live.header.scores,
            naive=report.naive if report else None,
            snapshot_age_s=round(live.age_s(datetime.now(UTC)), 3),
            latency_ms=round(seconds * 1000, 3),
            segment=_segment(application, report, said.value),
            explanation=_explanation(live.model, x) if explained else None,
            features=windowed,
            features_age_s=round(known.age_s(datetime.now(UTC)), 3) if known else None,
        )

    def answering(self, application: Application) -> tuple[LiveModel, LearnerReport | None]:
        """The live model that answers, and its learner's report; raises Problem (503)."""
        view = self._live.view(application.name)
        live = view.live
        if live is None or not live.model.trained:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                self.missing(application.name),
                headers={"retry-after": str(RETRY_AFTER_S)},
            )
        return live, view.report

    def missing(self, name: str) -> str:
        """What an application lacks to answer; empty when nothing."""
        view, title = self._live.view(name), f"the live model of {name}"
        if view.live and view.live.model.trained:
            return ""
        if view.live:
            lessons = view.report.taught if view.report else view.live.header.taught
            return f"{title} has had {lessons} lessons so far, too few to answer"
        if view.refused:
            return f"{title} was refused: {view.refused}"
        if self._live.away:
            return f"{title} is not known: Redis is away ({self._live.away})"
        if view.report:
            return f"{title} has no snapshot yet: its learner has had {view.report.taught} lessons so far"
        return f"{title} has no snapshot yet, and no learner has reported"


def remembered(redis: Redis, away: str, asked: Asked) -> Latest | None:
    """The latest features of the entity that a request is about; None when Redis is away as well."""
    from redis.exceptions import RedisError

    if away:
        return None
    try:
        return latest(redis, asked.application, asked.entity)
    except (RedisError, OSError):
        return None


async def remembered_soon(redis: AsyncRedis, away: str, asked: Asked) -> Latest | None:
    """As `remembered`, on the event loop."""
    from redis.exceptions import RedisError

    if away:
        return None
    try:
        return await looked_up(redis, asked.application, asked.entity)
    except (RedisError, OSError):
        return None


def known_at(asked: Asked, known: Latest | None) -> dict[str, float | int | None] | None:
    """The windowed features as of the event's own time; None where nothing is remembered."""
    time = datetime.fromisoformat(asked.event[asked.application.event_time.name])
    return as_of(asked.application, known.values, known.event_time, time) if known else None


def decoded(decoder: msgspec.json.Decoder[Any], text: bytes | msgspec.Raw) -> Any:
    """What a body says; raises Problem: 400 for what is no JSON, 422 that names the field."""
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        rejected = explain(error)
        raise unprocessable(rejected.field, rejected.detail) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from None


def unprocessable(field: str, message: str) -> Problem:
    """A 422 that names the field."""
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, f"{field or 'body'}: {message}", [FieldError(field, message)]
    )


def _completed(application: Application, event: msgspec.Struct) -> dict[str, Any]:
    """The event as the learners see theirs: with identifier, and its time as UTC text."""
    name, now = application.event_time.name, datetime.now(UTC)
    time: datetime = getattr(event, name) or now
    if time > now + AHEAD:
        raise unprocessable(name, f"{time.isoformat()} is after {now.isoformat()} ({Reason.FUTURE_TIME})")
    try:
        setattr(event, name, time.astimezone(UTC))
    except OverflowError:
        raise unprocessable(name, f"{time.isoformat()} has no UTC form ({Reason.BAD_TIME})") from None
    if getattr(event, application.identifier.name) is None:
        setattr(event, application.identifier.name, str(uuid.uuid4()))
    complete: dict[str, Any] = msgspec.to_builtins(event)
    return complete


def _explanation(model: OnlineModel, x: Row) -> list[Contribution] | None:
    return model.explain_one(x)[:LEADING] if isinstance(model, Explaining) else None


def _segment(application: Application, report: LearnerReport | None, value: float) -> Segment | None:
    """The profile of the segment that was answered, where the learner has told it."""
    if report is None or not isinstance(application.task, Clustering):
        return None
    return next((segment for segment in report.segments if segment.number == value), None)
