"""A lake with the history of every application, made once per test run."""

from __future__ import annotations

import pytest

from core.applications import APPLICATIONS
from core.settings import Settings
from tests.batch import lakes
from tests.producers.streams import stream

EVENTS = 6000
GAP_S = 60.0
"""The pace of the history of a first start: four days."""


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a lake with 6,000 events of every application, and the features of all but the newest."""
    settings = lakes.settings(tmp_path_factory.mktemp("lake"))
    for name, application in APPLICATIONS.items():
        events, _ = stream(name, EVENTS, GAP_S)
        lakes.fill(settings.lake_uri, application, events)
    return settings
