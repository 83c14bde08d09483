"""`/api/v1/monitoring/{application}/drift`, `.../reports`: detectors, drift on demand, kept reports."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from core import drift_reports
from core.api.drift import DetectorAnswer, DriftStatusAnswer, ReportAnswer, ReportsAnswer
from core.api.errors import FieldError
from core.api.records import MOST_RECORDS
from core.applications import APPLICATIONS
from core.declaration import Application
from core.drift import DriftFound
from core.records import DriftEvent, state_now
from serving import report_page
from serving.asking import ask_redis
from serving.compared import compare, events
from serving.encoded import Json
from serving.openapi import answers
from serving.problems import Problem, application_named
from serving.services import Services, Serving

router = APIRouter(prefix="/api/v1/monitoring/{application}", tags=["monitoring"])

DRIFT_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["records"],
                "additionalProperties": False,
                "properties": {
                    "records": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": MOST_RECORDS,
                        "items": {
                            "oneOf": [
                                {"$ref": f"#/components/schemas/{name}_request"} for name in APPLICATIONS
                            ]
                        },
                    }
                },
            }
        }
    },
}
"""Events of the application that the path names, without their labels."""

_PAGE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "The report"}
}


@router.get("/drift", responses=answers(DriftStatusAnswer, 404, 503), response_model=None)
def read_detectors(application: str, services: Serving) -> Response:
    """What the learner's detectors found lately, per model and input; and the latest reports in short."""
    name = application_named(application).name
    kept = ask_redis(services, lambda: drift_reports.listed(services.redis, name))
    reference = ask_redis(services, lambda: drift_reports.reference(services.redis, name))
    report, now = services.live.view(name).report, datetime.now(UTC)
    timeout = services.settings.learners.heartbeat_timeout_seconds
    return Json(
        DriftStatusAnswer(
            application=name,
            state=state_now(report, now, timeout) if report else None,
            changes=report.drifts if report else None,
            detectors=_detectors(report.drift if report else []),
            reports={
                source: ReportAnswer(summary=one, age_s=round((now - one.time).total_seconds(), 3))
                for source, one in drift_reports.by_source(kept).items()
            },
            reference=reference.made if reference else None,
        )
    )


@router.post(
    "/drift",
    responses=answers(DriftFound, 400, 404, 413, 422, 503),
    openapi_extra={"requestBody": DRIFT_BODY},
    response_model=None,
)
async def check_drift(
    application: str,
    request: Request,
    services: Serving,
    keep: Annotated[bool, Query(description="Keep the report among the others")] = False,
) -> Response:
    """How far records lie from the reference of the latest report, input by input, at once."""
    body = await request.body()
    return await run_in_threadpool(_check, services, application_named(application), body, keep)


@router.get("/reports", responses=answers(ReportsAnswer, 404, 503), response_model=None)
def read_reports(application: str, services: Serving) -> Response:
    """The drift reports that are kept, newest first."""
    name = application_named(application).name
    kept = ask_redis(services, lambda: drift_reports.listed(services.redis, name))
    return Json(ReportsAnswer(application=name, reports=kept))


def _with_page() -> dict[int | str, dict[str, Any]]:
    """The answer is JSON or a page."""
    found = answers(DriftFound, 404, 422, 503)
    found[200]["content"] |= _PAGE[200]["content"]
    return found


@router.get("/reports/{report}", responses=_with_page(), response_model=None)
def read_report(
    application: str,
    report: str,
    services: Serving,
    format: Annotated[  # noqa: A002
        Literal["json", "html"], Query(description="html: a page that needs nothing else")
    ] = "json",
    download: Annotated[bool, Query(description="As a file")] = False,
) -> Response:
    """A drift report: as figures, or as a page with its own drawings."""
    name = application_named(application).name
    try:
        found = ask_redis(services, lambda: drift_reports.read(services.redis, name, report))
    except drift_reports.NoReport as error:
        raise Problem(HTTPStatus.NOT_FOUND, str(error), [FieldError("report", str(error))]) from None
    headers = {}
    if download:
        headers["content-disposition"] = f'attachment; filename="{name}-drift-{found.id}.{format}"'
    if format == "json":
        return Json(found, headers=headers)
    headers["content-security-policy"] = report_page.POLICY
    return Response(report_page.page(found), media_type="text/html; charset=utf-8", headers=headers)


def _check(services: Services, application: Application, body: bytes, keep: bool) -> Response:
    asked = events(application, body)
    reference = ask_redis(services, lambda: drift_reports.reference(services.redis, application.name))
    if reference is None:
        job = f"POST /api/v1/batch/{application.name}/jobs"
        detail = f'there is nothing to compare with yet; {job} {{"kind": "drift"}} makes it'
        raise Problem(HTTPStatus.NOT_FOUND, detail)
    found = compare(application, reference, asked, drift_reports.fresh_id() if keep else "")
    if keep:
        ask_redis(services, lambda: drift_reports.keep(services.redis, found))
    return Json(found)


def _detectors(told: list[DriftEvent]) -> list[DetectorAnswer]:
    """By what is watched, the latest to speak first; told: in order of time."""
    found: dict[tuple[str, str], list[DriftEvent]] = defaultdict(list)
    for one in told:
        found[one.model, one.feature].append(one)
    made = [
        DetectorAnswer(
            kind="input" if feature else "error",
            model=model,
            input=feature,
            changes=len(some),
            last=max(some, key=lambda one: one.time),
        )
        for (model, feature), some in found.items()
    ]
    return sorted(made, key=lambda one: one.last.time, reverse=True)
