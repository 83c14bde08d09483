"""The client of the whole API: what screens and programs use."""

from __future__ import annotations

from core.api.client_access import AccessClient
from core.api.client_batch import BatchClient
from core.api.client_monitoring import MonitoringClient
from core.api.client_predict import PredictClient
from core.api.client_sql import SqlClient


class ApiClient(BatchClient, PredictClient, SqlClient, MonitoringClient, AccessClient):
    """Every call of the API, by its typed answer; see `core.api.client.Client` for what it raises."""
