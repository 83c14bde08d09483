"""Upkeep beside commits on the running stack: rewrites and appends interleave, and no reader loses a row."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from deltalake import DeltaTable

from core.applications import APPLICATIONS
from core.names import Table
from flink_jobs.tables import table_uri
from tests.e2e.anomalies import non_monotonic_reads, watched
from tests.e2e.flow import audit, flow
from tests.e2e.stack import Stack, wait_for

pytestmark = pytest.mark.e2e

TURNS = 3
"""How often a rewrite is followed by an append."""


def operations(uri: str, since: int) -> list[str]:
    """What was done to a table after a version, oldest first."""
    history = DeltaTable(uri).history()
    return [one["operation"] for one in reversed(history) if one["version"] > since]


def turns(uri: str, since: int) -> bool:
    """Whether rewrites and appends took enough turns."""
    done = [one for one in operations(uri, since) if one in ("OPTIMIZE", "WRITE")]
    return sum(pair == ("OPTIMIZE", "WRITE") for pair in pairwise(done)) >= TURNS


def test_rewrites_and_appends_interleave(stack: Stack) -> None:
    uris = [table_uri(stack.read.lake_uri, name, Table.EVENTS) for name in APPLICATIONS]
    versions = {uri: DeltaTable(uri).version() for uri in uris}
    with flow(stack), watched(uris) as reads:
        for uri in uris:
            wait_for(f"rewrites and appends of {uri}", partial(turns, uri, versions[uri]), 120)
    assert audit(stack, wait=60)["exact"], "no row is gone"
    for uri in uris:
        assert non_monotonic_reads(reads[uri]) == []
        assert reads[uri][-1].rows > reads[uri][0].rows


@pytest.mark.parametrize("table", Table)
@pytest.mark.parametrize("name", APPLICATIONS)
def test_versions_are_dense(stack: Stack, name: str, table: Table) -> None:
    """No commit was lost to another writer; the log keeps a day, and this stack is younger."""
    uri = table_uri(stack.read.lake_uri, name, table)
    end = DeltaTable(uri).version()
    present = {int(file.stem) for file in (Path(uri) / "_delta_log").glob("*.json")}
    assert set(range(end + 1)) <= present
