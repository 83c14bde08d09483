"""What the routes work with, made once per application and found by FastAPI's injection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from core.connect.supervisor import PartState
from core.settings import Settings
from serving.access.audit import Audit
from serving.batch_models import BatchModels
from serving.batch_predict import BatchPredictor
from serving.live_models import LiveModels
from serving.meters import Meters
from serving.predict import Predictor
from serving.readings import Reading
from serving.records import Records
from serving.reports import Reports
from serving.sql.console import Console
from serving.sql.workers import Workers
from serving.tables import LakeTable, TableState
from serving.tally import Tally

if TYPE_CHECKING:
    from redis import Redis
    from redis.asyncio import Redis as AsyncRedis


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the API that live as long as it does."""

    settings: Settings
    meters: Meters
    redis: Redis
    lookups: AsyncRedis
    """Of the event loop: for what a prediction looks up."""
    live: LiveModels
    predictor: Predictor
    batch_models: BatchModels
    batch_predictor: BatchPredictor
    records: Records
    tally: Tally
    reports: Reports
    tables: dict[str, dict[str, LakeTable]]
    """Application -> the name in queries -> table."""
    lake: dict[str, Reading[TableState]]
    """The tables of events for the status: kept for a second, waited for with a limit."""
    parts: Reading[dict[str, PartState]]
    workers: Workers
    audit: Audit
    tokens_set: bool
    sql: Console


async def _services(request: Request) -> Services:
    # A plain function would be run in a thread, for every request.
    found: Services = request.app.state.services
    return found


Serving = Annotated[Services, Depends(_services)]
"""Annotate a route's parameter with it to get the services."""
