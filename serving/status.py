"""The state of the whole stack, put together from what each part last said.

tally, live models (memory) + lake, supervisor (with a time limit) -> StatusAnswer
"""

from __future__ import annotations

from datetime import UTC, datetime

from core import names
from core.api.live import LiveAnswer
from core.api.status import (
    ApplicationStatus,
    FeaturesStatus,
    LearnerStatus,
    PartStatus,
    ReadyAnswer,
    ReadyPart,
    StatusAnswer,
)
from core.applications import APPLICATIONS
from core.control import Control
from core.records import LearnerReport, state_now
from core.settings import Settings
from serving.features.report import Report
from serving.live_models import View
from serving.readings import Away
from serving.services import Services
from serving.tables import NoTable


def status(services: Services) -> StatusAnswer:
    """What is known now. Blocks for the lake and the supervisor, each at most its limit."""
    now = datetime.now(UTC)
    away: dict[str, str] = {}
    features = services.reports.features()
    if services.live.away:
        away["redis"] = services.live.away
    if services.tally.away:
        away["broker"] = services.tally.away
    return StatusAnswer(
        applications={
            name: _application(services, name, now, away, features.get(name)) for name in APPLICATIONS
        },
        parts=_parts(services, away),
        upkeep=services.reports.upkeep(),
        time=now,
        away=away,
    )


def live(services: Services, name: str) -> LiveAnswer:
    """The latest report of an application's learner; only its name where there is none."""
    view = services.live.view(name)
    report, asked = view.report, view.control
    if services.live.away:
        return LiveAnswer(application=name, error=services.live.away)
    if report is None:
        return LiveAnswer(application=name, error="no learner has reported yet", training=asked.training)
    known = {
        field: getattr(report, field) for field in LiveAnswer.__struct_fields__ if hasattr(report, field)
    }
    known |= {
        "state": _state(services.settings, report, datetime.now(UTC)),
        "version": report.version or None,
        "run_url": run_url(services.settings, report),
        "training": asked.training,
        "resetting": resetting(asked, report),
    }
    return LiveAnswer(**known)


def resetting(asked: Control, report: LearnerReport | None) -> int | None:
    """The version that the learner was asked to go back to and has not answered for; None otherwise."""
    reset = asked.reset
    return reset.version if reset and (report is None or report.reset != reset.id) else None


def ready(services: Services) -> ReadyAnswer:
    """Whether requests can be answered: broker and Redis are needed, the rest is told."""
    refused = {name: view.refused for name in APPLICATIONS if (view := services.live.view(name)).refused}
    missing = [text for name in APPLICATIONS if (text := services.predictor.missing(name))]
    parts = {
        "redis": ReadyPart(not services.live.away, services.live.away or "answers"),
        "broker": ReadyPart(not services.tally.away, services.tally.away or "answers"),
        "snapshots": ReadyPart(
            not refused, "; ".join(f"{name}: {why}" for name, why in refused.items()) or "signatures match"
        ),
        "models": ReadyPart(not missing, "; ".join(missing) or "all answer"),
        "lake": _lake(services),
        "mlflow": ReadyPart(not services.batch_models.away, services.batch_models.away or "answers"),
    }
    for name, part in parts.items():
        services.meters.dependency_up.labels(name).set(part.ok)
    return ReadyAnswer(ready=parts["redis"].ok and parts["broker"].ok, parts=parts)


def run_url(settings: Settings, report: LearnerReport) -> str | None:
    """Where MLflow shows the learner's run."""
    return run_of(settings, report.run_id)


def run_of(settings: Settings, run_id: str) -> str | None:
    """Where MLflow shows a run; None without one."""
    return f"{settings.mlflow.url.rstrip('/')}/#/runs/{run_id}" if run_id else None


def _application(
    services: Services, name: str, now: datetime, away: dict[str, str], features: Report | None
) -> ApplicationStatus:
    counts, view = services.tally.counts(name), services.live.view(name)
    rows = version = None
    try:
        table = services.lake[name]()
        rows, version = table.rows, table.version
    except Away as error:
        cause = error.__cause__
        away[f"lake {name}"] = str(cause) if isinstance(cause, NoTable) else error.reason
    report = None if services.live.away else view.report
    return ApplicationStatus(
        produced=counts.produced,
        valid=counts.valid,
        rejected=counts.rejected,
        rejected_by_reason=counts.reasons,
        delta_rows=rows,
        delta_version=version,
        asked=report.asked if report else None,
        taught=report.taught if report else None,
        pending=report.pending if report else None,
        last_event_time=report.clock if report else None,
        lag=report.lag if report else None,
        rate=report.rate if report else None,
        learner=_learner(services, view, report, now),
        features=_features(features, report.clock if report else None, now) if features else None,
    )


def _features(found: Report, clock: datetime | None, now: datetime) -> FeaturesStatus:
    newest = found.newest_event_time
    behind = max(0.0, (clock - newest).total_seconds()) if clock and newest else None
    return FeaturesStatus(
        rows=found.book.rows,
        late=found.late,
        entities=found.entities,
        newest_event_time=newest,
        behind_s=behind if behind is None else round(behind, 3),
        freshness_s=found.freshness(now.timestamp()),
        written=found.written,
    )


def _learner(services: Services, view: View, report: LearnerReport | None, now: datetime) -> LearnerStatus:
    age = round(view.live.age_s(now), 3) if view.live else None
    if report is None:
        return LearnerStatus(snapshot_age_s=age, error=view.refused or None)
    return LearnerStatus(
        state=_state(services.settings, report, now),
        champion=report.champion,
        version=view.live.header.version if view.live else None,
        snapshot_age_s=age,
        error=report.error or view.refused or None,
        run_id=report.run_id or None,
        run_url=run_url(services.settings, report),
    )


def _state(settings: Settings, report: LearnerReport, now: datetime) -> str:
    return state_now(report, now, settings.learners.heartbeat_timeout_seconds).value


def _parts(services: Services, away: dict[str, str]) -> dict[str, PartStatus]:
    try:
        found = services.parts()
    except Away as error:
        away["supervisor"] = error.reason
        return {}
    return {
        name: PartStatus(state=p.state, pid=p.pid, rss_mb=p.rss_mb, since=p.since, error=p.error)
        for name, p in found.items()
    }


def _lake(services: Services) -> ReadyPart:
    problems = []
    for name in APPLICATIONS:
        try:
            services.lake[name]()
        except Away as error:
            if isinstance(error.__cause__, NoTable):
                continue  # not yet there is not away
            problems.append(f"{names.table_path(name, names.Table.EVENTS)}: {error.reason}")
    return ReadyPart(not problems, "; ".join(problems) or "tables can be read")
