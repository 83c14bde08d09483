"""`/api/v1/monitoring/alerts`: the inbox of Alertmanager's notifications, and what people do about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from core.api.alerts import AlertAnswer, AlertsAnswer, AlertState, AlertSummaryAnswer, TakenAlertsAnswer
from core.api.errors import FieldError
from serving.alerts import MOST_ALERTS, Alerts, NoAlert, Reported, Settled
from serving.asking import ask_redis
from serving.caller import caller
from serving.encoded import Json
from serving.openapi import answers
from serving.predict import decoded
from serving.problems import Problem
from serving.services import Services, Serving

router = APIRouter(prefix="/api/v1/monitoring/alerts", tags=["alerts"])

T = TypeVar("T")

_EARLIEST = 1970
"""Year: begins before it are mistakes, and not every clock can tell them."""


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """Alertmanager's webhook, version 4; the rest of its fields repeat what its alerts say."""

    version: Literal["4"]
    receiver: str = ""
    alerts: Annotated[list[Reported], msgspec.Meta(max_length=MOST_ALERTS)]


_DECODER = msgspec.json.Decoder(Notification)

_TEXTS: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "string"}}
_TIME = {"type": "string", "format": "date-time"}

NOTIFICATION_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["version", "alerts"],
                "properties": {
                    "version": {"const": "4"},
                    "receiver": {"type": "string"},
                    "alerts": {
                        "type": "array",
                        "maxItems": MOST_ALERTS,
                        "items": {
                            "type": "object",
                            "required": ["status", "labels", "startsAt"],
                            "properties": {
                                "status": {"enum": ["firing", "resolved"]},
                                "labels": _TEXTS,
                                "annotations": _TEXTS,
                                "startsAt": _TIME,
                                "endsAt": _TIME,
                                "generatorURL": {"type": "string"},
                                "fingerprint": {"type": "string"},
                            },
                        },
                    },
                },
            }
        }
    },
}
"""What Alertmanager sends. It alone may send more: newer versions do."""


class Note(BaseModel):
    """What somebody has to say."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field("", max_length=2_000)


@router.post(
    "",
    responses=answers(TakenAlertsAnswer, 400, 413, 422, 503),
    openapi_extra={"requestBody": NOTIFICATION_BODY},
    response_model=None,
)
async def take_alerts(request: Request, services: Serving) -> Response:
    """Takes a notification of Alertmanager; the same one twice changes nothing."""
    body = await request.body()
    return await run_in_threadpool(_take, services, body)


@router.get("", responses=answers(AlertsAnswer, 422, 503), response_model=None)
def read_alerts(
    services: Serving,
    state: AlertState | None = None,
    severity: str | None = None,
    application: Annotated[str | None, Query(description="Empty: of no application")] = None,
    limit: Annotated[int, Query(ge=0, le=MOST_ALERTS)] = 100,
) -> Response:
    """The alerts that are kept, the latest begun first."""
    found = [
        one
        for one in _asked(services, lambda: _alerts(services).all())
        if (state is None or one.state is state)
        and (severity is None or one.severity == severity)
        and (application is None or (one.application or "") == application)
    ]
    return Json(AlertsAnswer(alerts=found[:limit], matching=len(found)))


@router.get("/summary", responses=answers(AlertSummaryAnswer, 503), response_model=None)
def summarize_alerts(services: Serving) -> Response:
    """How many alerts there are by state, and of those that hold by severity and application."""
    found = _asked(services, lambda: _alerts(services).all())
    holding = [one for one in found if one.state is not AlertState.RESOLVED]
    waiting = [one for one in holding if one.state is AlertState.FIRING]
    states = Counter(one.state.value for one in found)
    return Json(
        AlertSummaryAnswer(
            total=len(found),
            states={state.value: states[state.value] for state in AlertState},
            severities=dict(Counter(one.severity for one in holding)),
            applications=dict(Counter(one.application or "" for one in holding)),
            oldest=min(waiting, key=lambda one: one.start, default=None),
        )
    )


@router.get("/{alert}", responses=answers(AlertAnswer, 404, 503), response_model=None)
def read_alert(alert: str, services: Serving) -> Response:
    """An alert with its history: who, when, what, note."""
    return Json(_asked(services, lambda: _alerts(services).one(alert)))


@router.post(
    "/{alert}/acknowledge", responses=answers(AlertAnswer, 400, 404, 409, 422, 503), response_model=None
)
def acknowledge_alert(alert: str, request: Request, services: Serving, said: Note | None = None) -> Response:
    """The caller takes the alert; 409 when somebody has it already, or when it is over."""
    who, note = caller(request), said.note if said else ""
    return Json(_asked(services, lambda: _alerts(services).acknowledge(alert, who, note, datetime.now(UTC))))


@router.post("/{alert}/resolve", responses=answers(AlertAnswer, 400, 404, 409, 422, 503), response_model=None)
def resolve_alert(alert: str, request: Request, services: Serving, said: Note | None = None) -> Response:
    """The caller says that it is over; if Alertmanager still reports it later, it opens again."""
    who, note = caller(request), said.note if said else ""
    return Json(_asked(services, lambda: _alerts(services).resolve(alert, who, note, datetime.now(UTC))))


def _take(services: Services, body: bytes) -> Response:
    told: Notification = decoded(_DECODER, body)
    for place, one in enumerate(told.alerts):
        if one.startsAt.tzinfo is None or one.startsAt.year < _EARLIEST:
            field = f"alerts.{place}.startsAt"
            message = (
                f"{one.startsAt.isoformat()} is no time of an alert: from {_EARLIEST} on, with an offset"
            )
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"{field}: {message}", [FieldError(field, message)]
            )
    now = datetime.now(UTC)
    new, changed = _asked(services, lambda: _alerts(services).take(told.alerts, told.receiver, now))
    return Json(TakenAlertsAnswer(received=len(told.alerts), new=new, changed=changed))


def _alerts(services: Services) -> Alerts:
    return Alerts(services.redis, timedelta(minutes=services.settings.serving.alert_reopen_minutes))


def _asked(services: Services, question: Callable[[], T]) -> T:
    try:
        return ask_redis(services, question)
    except NoAlert as error:
        raise Problem(HTTPStatus.NOT_FOUND, str(error), [FieldError("alert", str(error))]) from None
    except Settled as error:
        raise Problem(HTTPStatus.CONFLICT, str(error), [FieldError("alert", str(error))]) from None
