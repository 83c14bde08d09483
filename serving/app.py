"""The application: routes over services that start and stop with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from core.applications import APPLICATIONS
from core.connect import redis, supervisor
from core.settings import Settings
from serving import docs, openapi, problems
from serving.access.audit import Audit
from serving.access.guard import Guard
from serving.access.rate import Buckets
from serving.access.roles import Routes
from serving.access.start import Access, access
from serving.batch_models import BatchModels
from serving.batch_predict import BatchPredictor
from serving.collectors import FeatureCollector, UpkeepCollector
from serving.learner_metrics import LearnerCollector
from serving.live_models import LiveModels
from serving.meters import Meters
from serving.middleware import Envelope
from serving.monitoring_metrics import MonitoringCollector
from serving.predict import Predictor
from serving.readings import Reading
from serving.records import Records
from serving.reports import Reports
from serving.routes import access as access_routes
from serving.routes import (
    alerts,
    applications,
    batch,
    captures,
    control,
    diagnostics,
    drift,
    health,
    incremental,
    jobs,
    models,
    monitoring,
    quality,
    records,
    reports,
    root,
    scenarios,
    segments,
    sql,
    sql_tables,
    status,
)
from serving.services import Services
from serving.sql.console import console
from serving.sql.job import TABLE, TABLES
from serving.sql.workers import Workers
from serving.tables import LakeTable
from serving.tally import Tally

log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")

VERSION = "0.1.0"
SQL_WORKERS = 2

LOOKUP_SECONDS = 0.5
"""After so long without an answer of Redis a prediction is made without features."""


def create_app(settings: Settings) -> FastAPI:
    """The API for these settings; raises SettingsError where it would be open beyond this machine."""
    allowed = access(settings)
    services = _services(settings, allowed)
    app = FastAPI(
        title="Millrace",
        summary="Live models, their scores, and SQL over what they learned from.",
        version=VERSION,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        # A redirect would name http:// behind a proxy that speaks TLS, and take the token along.
        redirect_slashes=False,
    )
    app.state.services = services
    app.state.sql_limiter = None
    app.state.records_limiter = None
    app.state.started = monotonic()
    problems.install(app)
    docs.install(app)
    routes = (
        root,
        health,
        status,
        applications,
        models,
        records,
        segments,
        incremental,
        control,
        batch,
        jobs,
        diagnostics,
        drift,
        sql,
        sql_tables,
        monitoring,
        scenarios,
        access_routes,
        alerts,
        captures,
        quality,
        reports,
    )
    for module in routes:
        app.include_router(module.router)
    _surround(app, services, allowed)
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]
    return app


def _surround(app: FastAPI, services: Services, allowed: Access) -> None:
    """The middleware, the innermost first: a browser asks for permission before it shows a token."""
    serving = services.settings.serving
    app.add_middleware(
        Guard,
        access=allowed,
        routes=Routes(lambda: app.routes),
        buckets=Buckets(serving.requests_per_second),
        audit=services.audit,
        max_body_mib=serving.max_body_mib,
    )
    if allowed.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=allowed.origins,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["authorization", "content-type", "x-request-id"],
            expose_headers=["x-request-id", "retry-after"],
        )
    app.add_middleware(Envelope, meters=services.meters, hosts=allowed.hosts, behind_tls=serving.behind_tls)


def _services(settings: Settings, allowed: Access) -> Services:
    meters = Meters()
    live = LiveModels(settings, meters)
    tables = {
        name: {known: LakeTable(app, settings.lake_uri, table) for known, table in TABLES.items()}
        for name, app in APPLICATIONS.items()
    }
    predictor, registered = Predictor(live, meters), BatchModels(settings, meters)
    batch_predictor = BatchPredictor(predictor, registered, meters)
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
        lookups=redis.async_client(settings.redis.url, LOOKUP_SECONDS),
        reports=left,
        live=live,
        predictor=predictor,
        batch_models=registered,
        batch_predictor=batch_predictor,
        records=Records(predictor, batch_predictor),
        tally=Tally(settings),
        tables=tables,
        lake={name: Reading(f"lake {name}", mine[TABLE].current) for name, mine in tables.items()},
        parts=Reading("supervisor", lambda: supervisor.parts(settings.var)),
        workers=Workers(SQL_WORKERS, settings.serving.sql_memory_mib),
        audit=Audit(settings.var / "logs", store),
        tokens_set=bool(allowed.tokens),
        sql=console(settings.serving, store),
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    app.state.sql_limiter = CapacityLimiter(sql.WAITING)
    app.state.records_limiter = CapacityLimiter(records.AT_ONCE)
    await to_thread.run_sync(_start, services)
    log.info("serving starts", url=services.settings.serving.url)
    yield
    await services.lookups.aclose()
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
    services.audit.stop()
    services.redis.close()
