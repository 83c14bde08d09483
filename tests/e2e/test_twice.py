"""The newest checkpoint of `ingest` is lost: it writes everything again, and nobody counts an event twice.

Runs after the other tests that read the API's counts of rows: from here on the topics hold each row twice.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from shutil import rmtree

import pytest

from core import names
from core.applications import APPLICATIONS
from core.connect.supervisor import parts
from core.names import SOURCE_OFFSET, SOURCE_PARTITION, Job, Stream, Table
from flink_jobs.checkpoints import stem
from flink_jobs.tables import table_uri
from tests.e2e.anomalies import Place, duplicates, places, skipped_offsets, unseen
from tests.e2e.flow import audit, flow, grown, rows
from tests.e2e.stack import Stack, wait_for
from tests.e2e.test_upgrade import stop
from tests.e2e.topics import Row, read_all

pytestmark = pytest.mark.e2e

EVERY = pytest.mark.parametrize("name", APPLICATIONS)


def place(row: Row) -> Place:
    """Where the event of a valid row or an answer lay."""
    value = json.loads(row.value)
    return value[SOURCE_PARTITION], value[SOURCE_OFFSET]


def written(stack: Stack, name: str) -> Counter[Place]:
    """How often the topic `valid` holds each event, committed."""
    return Counter(map(place, read_all(stack.read.broker.url, names.topic(name, Stream.VALID))))


@pytest.fixture(scope="module")
def lost(stack: Stack) -> Stack:
    """The stack after `ingest` began anew, while events flowed, and all is quiet again."""
    running = parts(stack.var)
    stack.stop(*(one for one in running if one.startswith("producer-") and running[one].pid))
    before = {name: set(written(stack, name)) for name in APPLICATIONS}
    stack.stop("flink-jobs")
    stop(stack, Job.INGEST)
    flink = stack.var / "flink"
    for pattern in (f"checkpoints/{stem(Job.INGEST)}*", f"savepoints/savepoint-{stem(Job.INGEST)[:6]}-*"):
        for folder in flink.glob(pattern):
            rmtree(folder)
    with flow(stack):
        stack.start("flink-jobs")
        wait_for("rows arrive", partial(grown, stack, rows(stack), 300), 240)
    for name in APPLICATIONS:

        def again(name: str = name) -> bool:
            found = written(stack, name)
            return all(found[one] > 1 for one in before[name])

        wait_for(f"every valid event of {name} was written again", again, 120)
    return stack


def test_the_audit_is_exact(lost: Stack) -> None:
    found = audit(lost, wait=120)
    assert found["exact"], found


@EVERY
def test_every_table_holds_each_once(lost: Stack, name: str) -> None:
    uri = partial(table_uri, lost.read.lake_uri, name)
    stored = places(uri(Table.EVENTS)) + places(uri(Table.REJECTS))
    assert duplicates(stored) == []
    assert skipped_offsets(stored) == []
    assert duplicates(places(uri(Table.PREDICTIONS))) == []


@EVERY
def test_the_learner_was_asked_each_once(lost: Stack, name: str) -> None:
    valid = read_all(lost.read.broker.url, names.topic(name, Stream.VALID))
    events = set(map(place, valid))
    wait_for("all are asked", lambda: lost.application(name)["asked"] >= len(events))
    assert lost.application(name)["asked"] == len(events)
    answers = map(place, read_all(lost.read.broker.url, names.topic(name, Stream.PREDICTIONS)))
    once = dict.fromkeys((row.partition, place(row)) for row in valid)  # as the learner met them first
    assert unseen(list(once), answers) == []
