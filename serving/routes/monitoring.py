"""`/api/v1/monitoring`: the dead letters, and producing them again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from core.api.monitoring import DeadLettersAnswer, LetterCount, ReplayAnswer
from core.names import Table
from core.validation import Reason
from serving.encoded import Json
from serving.letters import Choice, Letters, ReplayState
from serving.openapi import answers
from serving.problems import Problem, application_named
from serving.services import Services, Serving
from serving.tables import NoTable

T = TypeVar("T")

router = APIRouter(prefix="/api/v1/monitoring", tags=["monitoring"])


class ReplayRequest(BaseModel):
    """Which dead letters to produce again; without a filter all, the oldest first."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason | None = None
    field: str | None = None
    since: AwareDatetime | None = Field(None, description="Refused at or after this time")
    limit: int = Field(1000, ge=1, le=10_000)
    dry_run: bool = Field(False, description="Only tell what would be produced")


@router.get(
    "/{application}/dead-letters",
    responses=answers(DeadLettersAnswer, 404, 422, 503),
    response_model=None,
)
def read_dead_letters(
    application: str,
    services: Serving,
    reason: Reason | None = None,
    field: str | None = None,
    limit: Annotated[int, Query(ge=0, le=500)] = 20,
) -> Response:
    """How many messages were refused, by reason and field; the newest with the start of their value."""
    name = application_named(application).name
    letters, choice = _letters(services, name), Choice(reason, field)

    def read() -> DeadLettersAnswer:
        counts, replays = letters.counts(choice), letters.replayed()
        return DeadLettersAnswer(
            application=name,
            total=counts.total(),
            replayed=replays[ReplayState.DONE],
            unconfirmed=replays[ReplayState.SENT],
            counts=[LetterCount(why, where, n) for (why, where), n in counts.most_common()],
            letters=letters.newest(choice, limit),
        )

    return Json(_reading(read))


@router.post(
    "/{application}/dead-letters/replay",
    responses=answers(ReplayAnswer, 400, 404, 422, 503),
    response_model=None,
)
def replay_dead_letters(application: str, asked: ReplayRequest, services: Serving) -> Response:
    """Produces refused messages again, as they came, to the topic they came from; each one only once."""
    name = application_named(application).name
    since: datetime | None = asked.since
    choice = Choice(asked.reason, asked.field, since)
    letters = _letters(services, name)
    url = services.settings.broker.url
    found = _reading(lambda: letters.replay(choice, asked.limit, url, dry_run=asked.dry_run))
    if found.failed and not found.delivered:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"the broker at {url} did not take the messages: none was replayed",
        )
    return Json(
        ReplayAnswer(
            application=name,
            dry_run=asked.dry_run,
            matching=found.matching,
            already_replayed=found.already,
            selected=found.selected,
            replayed=found.delivered,
            failed=found.failed,
        )
    )


def _letters(services: Services, name: str) -> Letters:
    if services.live.away:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"Redis is away: {services.live.away}")
    return Letters(name, services.tables[name][str(Table.REJECTS)], services.redis)


def _reading(work: Callable[[], T]) -> T:
    """The result of `work`; what it can't reach becomes a 503."""
    from deltalake.exceptions import DeltaError
    from redis.exceptions import RedisError

    try:
        return work()
    except NoTable as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from None
    except RedisError as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"Redis is away: {error}") from None
    except (DeltaError, OSError) as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"the lake is away: {type(error).__name__}") from error
