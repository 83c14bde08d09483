"""The application: routes over services that start and stop with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI

from core.applications import APPLICATIONS
from core.connect import redis, supervisor
from core.settings import Settings, SettingsError
from serving import docs, openapi, problems
from serving.batch_models import BatchModels
from serving.batch_predict import BatchPredictor
from serving.collectors import FeatureCollector, UpkeepCollector
from serving.learner_metrics import LearnerCollector
from serving.live_models import LiveModels
from serving.meters import Meters
from serving.middleware import Envelope, is_loopback
from serving.monitoring_metrics import MonitoringCollector
from serving.predict import Predictor
from serving.readings import Reading
from serving.reports import Reports
from serving.routes import (
    alerts,
    batch,
    captures,
    control,
    diagnostics,
    drift,
    health,
    incremental,
    jobs,
    monitoring,
    quality,
    reports,
    scenarios,
    sql,
    status,
)
from serving.services import Services
from serving.sql.job import TABLE, TABLES
from serving.sql.workers import Workers
from serving.tables import LakeTable
from serving.tally import Tally

log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")

VERSION = "0.1.0"
SQL_WORKERS = 2


def create_app(settings: Settings) -> FastAPI:
    """The API for these settings; raises SettingsError when it would listen beyond this machine."""
    if not is_loopback(settings.serving.host):
        raise SettingsError(
            f"MILLRACE_SERVING__HOST={settings.serving.host}: the API has no access control yet, "
            "so it listens on this machine only: 127.0.0.1, ::1 or localhost"
        )
    services = _services(settings)
    app = FastAPI(
        title="Millrace",
        summary="Live models, their scores, and SQL over what they learned from.",
        version=VERSION,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = services
    app.state.sql_limiter = None
    problems.install(app)
    docs.install(app)
    routes = (
        health,
        status,
        incremental,
        control,
        batch,
        jobs,
        diagnostics,
        drift,
        sql,
        monitoring,
        scenarios,
        alerts,
        captures,
        quality,
        reports,
    )
    for module in routes:
        app.include_router(module.router)
    app.add_middleware(Envelope, meters=services.meters)
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]
    return app


def _services(settings: Settings) -> Services:
    meters = Meters()
    live = LiveModels(settings, meters)
    tables = {
        name: {known: LakeTable(app, settings.lake_uri, table) for known, table in TABLES.items()}
        for name, app in APPLICATIONS.items()
    }
    predictor, registered = Predictor(live, meters), BatchModels(settings, meters)
    store = redis.client(settings.redis.url, timeout_seconds=1.0, retries=1)
    left = Reports(store, lambda: live.away)
    for collector in (
        FeatureCollector(left),
        UpkeepCollector(left),
        LearnerCollector(live, settings),
        MonitoringCollector(store, lambda: live.away),
    ):
        meters.registry.register(collector)
    return Services(
        settings=settings,
        meters=meters,
        redis=store,
        reports=left,
        live=live,
        predictor=predictor,
        batch_models=registered,
        batch_predictor=BatchPredictor(predictor, registered, meters),
        tally=Tally(settings),
        tables=tables,
        lake={name: Reading(f"lake {name}", mine[TABLE].current) for name, mine in tables.items()},
        parts=Reading("supervisor", lambda: supervisor.parts(settings.var)),
        workers=Workers(SQL_WORKERS, settings.serving.sql_memory_mib),
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    app.state.sql_limiter = CapacityLimiter(sql.WAITING)
    await to_thread.run_sync(_start, services)
    log.info("serving starts", url=services.settings.serving.url)
    yield
    await to_thread.run_sync(_stop, services)
    log.info("serving stopped")


def _start(services: Services) -> None:
    services.workers.start()
    services.live.start()
    services.batch_models.start()
    services.tally.start()


def _stop(services: Services) -> None:
    services.workers.stop()
    services.live.stop()
    services.batch_models.stop()
    services.tally.stop()
    services.redis.close()
