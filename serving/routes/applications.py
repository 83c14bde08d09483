"""`/api/v1/applications`: what there is, as declared, and examples of its events."""

from __future__ import annotations

import random
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from core.api.applications import ApplicationAnswer, ApplicationsAnswer, SampleAnswer
from core.applications import APPLICATIONS
from serving.declared import declared, summary_of
from serving.encoded import Json
from serving.openapi import answers
from serving.problems import Problem, application_named
from serving.samples import as_request, sample
from serving.services import Serving
from serving.sql.job import TABLE
from serving.tables import NoTable

router = APIRouter(prefix="/api/v1/applications", tags=["applications"])

LARGEST_SEED = 2**31 - 1


class Form(StrEnum):
    """How an event of a sample is told."""

    EVENT = "event"
    """With everything that the table has of it."""
    REQUEST = "request"
    """As a model may be asked about it."""


@router.get("", responses=answers(ApplicationsAnswer), response_model=None)
async def read_applications() -> Response:
    """Every application with its task, its label and what can be asked of it."""
    return Json(ApplicationsAnswer([summary_of(one) for one in APPLICATIONS.values()]))


@router.get("/{application}", responses=answers(ApplicationAnswer, 404), response_model=None)
async def read_application(application: str) -> Response:
    """The whole declaration: fields with vocabularies, features, metrics, models, recipes, SQL templates."""
    return Json(declared(application_named(application)))


@router.get("/{application}/sample", responses=answers(SampleAnswer, 404, 422, 503), response_model=None)
def read_sample(
    application: str,
    services: Serving,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1,
    labelled: Annotated[bool, Query(description="With the label, where the application has one")] = True,
    seed: Annotated[int | None, Query(ge=0, le=LARGEST_SEED, description="Of the choice")] = None,
    form: Annotated[
        Form, Query(alias="as", description="`request`: without label and identifier, ready to be asked")
    ] = Form.EVENT,
) -> Response:
    """Events of the table, chosen at random; it reads a few pieces of it, however large it is."""
    found = application_named(application)
    chosen = random.randint(0, LARGEST_SEED) if seed is None else seed  # noqa: S311 - examples
    try:
        state = services.tables[found.name][TABLE].current()
        events = sample(found, state, limit, chosen)
    except NoTable as error:
        raise Problem(HTTPStatus.NOT_FOUND, str(error)) from None
    except OSError as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"the lake is away: {error}") from None
    if form is Form.REQUEST:
        events = [as_request(found, one) for one in events]
    elif not labelled:
        events = [{name: cell for name, cell in one.items() if name != found.label} for one in events]
    return Json(
        SampleAnswer(
            application=found.name,
            events=events,
            table_version=state.version,
            table_rows=state.rows,
            seed=chosen,
        )
    )
