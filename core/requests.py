"""What may be asked of the batch worker, checked before a job is made of it."""

from __future__ import annotations

import re

from core import applications
from core.batch import Diagnose, DriftReport, DriftSource, Evaluate, Request, Rows, Take, Train
from core.diagnostics import DIAGNOSTICS, Tab, diagnostics
from core.diagnostics.choices import BadChoice, choices
from core.recipes import RECIPES
from core.settings import Settings

RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class BadRequest(ValueError):
    """Something that can't be asked; says which field, its value, and what is allowed."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def check(request: Request, settings: Settings) -> None:
    """Raises BadRequest, or KeyError with the applications there are."""
    application = applications.get(request.application)
    if isinstance(request, Train):
        _recipe(request.recipe, application.batch)
        if not 0 <= request.tune_seconds <= settings.batch.job_minutes * 60:
            most = f"{settings.batch.job_minutes * 60:g} s, a job's time limit"
            raise BadRequest("tune_seconds", f"tune_seconds={request.tune_seconds:g}: it lies in 0..{most}")
        if request.tune_seconds and not RECIPES[request.recipe].tunable:
            raise BadRequest("tune_seconds", f"{request.recipe} searches by itself: there is nothing to tune")
    if isinstance(request, Diagnose):
        _diagnostic(request)
    else:
        _rows(request.rows, settings.batch.most_rows)
    if isinstance(request, DriftReport) and request.source is DriftSource.CAPTURES:
        _captured(request.rows)
    if isinstance(request, Evaluate):
        for place, run in enumerate(request.run_ids):
            _run(f"run_ids.{place}", run)
    elif not isinstance(request, Train) and request.run_id:
        _run("run_id", request.run_id)


def _recipe(recipe: str, known: tuple[str, ...]) -> None:
    if recipe not in known:
        raise BadRequest("recipe", f"no recipe {recipe!r}; there are {', '.join(known) or 'none'}")


def _rows(rows: Rows, most: int) -> None:
    if rows.take in (Take.RANDOM, Take.RECENT) and rows.amount > most:
        text = f"amount {rows.amount:.0f}: a data set holds at most {most} rows (MILLRACE_BATCH__MOST_ROWS)"
        raise BadRequest("rows.amount", text)


def _captured(rows: Rows) -> None:
    if rows.take not in (Take.RECENT, Take.ALL):
        raise BadRequest(
            "rows.take", f"rows.take={rows.take}: of captures recent or all can be taken, in their order"
        )


def _run(field: str, run: str) -> None:
    if not RUN_ID.fullmatch(run):
        raise BadRequest(field, f"{field}: {run!r} is no run id")


def _diagnostic(request: Diagnose) -> None:
    fitting = {one.id: one for one in diagnostics(applications.get(request.application))}
    if request.diagnostic not in fitting:
        elsewhere = " for this application" if request.diagnostic in DIAGNOSTICS else ""
        known = ", ".join(fitting) or "none"
        raise BadRequest("diagnostic", f"no diagnostic {request.diagnostic!r}{elsewhere}; there are {known}")
    declared = fitting[request.diagnostic]
    if not request.run_id and declared.tab is not Tab.LIVE:
        raise BadRequest("run_id", f"run_id: {declared.id} is a diagnostic of a run; name one")
    try:
        choices(declared, request.parameters)
    except BadChoice as error:
        raise BadRequest("parameters", str(error)) from None
