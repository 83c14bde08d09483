"""What a user sees after the broker was killed under load: everything is there, once.

Runs after `test_first_light` on the same stack. Events flow at 200/s; the broker, which every part talks
to, is killed with SIGKILL; the supervisor brings it back, learners and all; the audit says that nothing is
missing and nothing is twice. `test_clean_run` kills TaskManager, JobManager and broker again and again.
"""

from __future__ import annotations

import json
import os
import signal
from functools import partial

import pytest
from deltalake import DeltaTable

from core import names
from core.applications import APPLICATIONS
from core.connect.supervisor import parts
from core.names import SOURCE_OFFSET, SOURCE_PARTITION, Table
from tests.e2e.flow import audit, flow, grown, rows
from tests.e2e.stack import Stack, wait_for
from tests.e2e.topics import read_all

pytestmark = pytest.mark.e2e

RECOVERY_SECONDS = 240
"""It takes seconds; a machine with other work may take a minute and more."""


def test_the_broker_is_killed_while_events_flow(stack: Stack) -> None:
    start = rows(stack)
    with flow(stack):
        before = wait_for("rows arrive", partial(grown, stack, start, 100), 120)
        killed = stack.pid("broker")
        os.kill(killed, signal.SIGKILL)
        wait_for("the broker is started again", lambda: stack.pid("broker") not in (0, killed), 60)
        # Fifty rows could have been on their way; more than a minute's events have not.
        wait_for("rows arrive again", partial(grown, stack, before, 1000), RECOVERY_SECONDS)
    found = audit(stack, wait=120)
    assert found["exact"], found
    for name in APPLICATIONS:
        total = found["applications"][name]["total"]
        assert total["missing"] == total["duplicates"] == total["in_flight"] == 0
        assert total["produced"] == total["valid"] + total["rejected"]


@pytest.fixture(scope="module")
def still(stack: Stack) -> Stack:
    """The stack with nothing on its way: its own producers are stopped, and all tables are filled."""
    running = parts(stack.var)
    stack.stop(*(one for one in running if one.startswith("producer-") and running[one].pid))
    assert audit(stack, wait=60)["exact"]
    return stack


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_tables_hold_what_the_topics_hold(still: Stack, name: str) -> None:
    """Dead letters with their raw bytes; each answer once, also those that the topic holds twice."""
    settings = still.read
    letters = read_all(settings.broker.url, names.topic(name, names.Stream.DLQ))
    rejects = DeltaTable(f"{settings.lake_uri}/{names.table_path(name, Table.REJECTS)}").to_pyarrow_table()
    assert sorted((one.value, one.headers["reason"].decode()) for one in letters) == sorted(
        (row["payload"] or b"", row["reason"]) for row in rejects.to_pylist()
    )

    def answered() -> set[tuple[int, int]]:
        found = read_all(settings.broker.url, names.topic(name, names.Stream.PREDICTIONS))
        return {
            (one[SOURCE_PARTITION], one[SOURCE_OFFSET]) for one in (json.loads(row.value) for row in found)
        }

    def stored() -> list[tuple[int, int]]:
        table = DeltaTable(f"{settings.lake_uri}/{names.table_path(name, Table.PREDICTIONS)}")
        keys = table.to_pyarrow_table(columns=[SOURCE_PARTITION, SOURCE_OFFSET])
        return list(zip(keys[SOURCE_PARTITION].to_pylist(), keys[SOURCE_OFFSET].to_pylist(), strict=True))

    wait_for("every answer is in the table, once", lambda: sorted(stored()) == sorted(answered()), 30)
