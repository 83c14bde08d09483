"""The client of the whole API: what screens and programs use."""

from __future__ import annotations

from core.api.client.access import AccessClient
from core.api.client.batch import BatchClient
from core.api.client.monitoring import MonitoringClient
from core.api.client.predict import PredictClient
from core.api.client.sql import SqlClient


class ApiClient(BatchClient, PredictClient, SqlClient, MonitoringClient, AccessClient):
    """Every call of the API, by its typed answer; see `core.api.client.base.Client` for what it raises."""
