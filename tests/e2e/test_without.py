"""What goes on while a part is down: docs/operating.md has it as a table, this is its proof.

With events flowing, each part is stopped and, while it is down, 100 events of every application (or as the
design says, of the others) must pass each stage that does not need it. Then the part comes back, and the
audit is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import httpx
import pytest
from confluent_kafka import TopicPartition

from core.applications import APPLICATIONS
from core.connect import kafka
from core.connect.supervisor import parts
from core.forms import complete, randomize
from core.names import Stream, Table, topic
from flink_jobs.tables import table_uri
from infra.local import readiness
from tests.e2e.anomalies import look
from tests.e2e.flow import audit, flow
from tests.e2e.stack import Stack, wait_for

pytestmark = pytest.mark.e2e

EVENTS = 100

FIRST = next(iter(APPLICATIONS))


def on_topic(stack: Stack, stream: Stream, name: str) -> int:
    """How many offsets a topic has given out."""
    client = kafka.consumer(stack.read.broker.url, "test-ends")
    try:
        where = topic(name, stream)
        found = client.list_topics(where, timeout=10).topics[where].partitions
        return sum(client.get_watermark_offsets(TopicPartition(where, p), timeout=10)[1] for p in found)
    finally:
        client.close()


def in_table(stack: Stack, name: str) -> int:
    """How many rows the table of events has."""
    return look(table_uri(stack.read.lake_uri, name, Table.EVENTS)).rows


STAGES: dict[str, Callable[[Stack, str], int]] = {
    "produced": lambda stack, name: on_topic(stack, Stream.EVENTS, name),
    "in the table": in_table,
    "answered by the learner": lambda stack, name: on_topic(stack, Stream.PREDICTIONS, name),
}

ALL = tuple(STAGES)
GOES_ON: dict[str, tuple[str, ...]] = {
    f"learner-{FIRST}": ("produced", "in the table"),
    "upkeep": ALL,
    "mlflow": ALL,
    "redis": ("produced", "in the table"),
    "flink-jobs": ALL,
    "serving": ALL,
    "ui": ALL,
    "taskmanager": ("produced",),
}
"""Part -> the stages that every application's events pass while it is down."""

ANSWERS = ("upkeep", "mlflow", "flink-jobs", "ui", "taskmanager", f"learner-{FIRST}")
"""Parts without which requests are answered all the same."""


@pytest.fixture(scope="module")
def flowing(stack: Stack) -> Iterator[Stack]:
    with flow(stack):
        yield stack
    found = audit(stack, wait=120)
    assert found["exact"], found


@pytest.fixture
def without(flowing: Stack, part: str) -> Iterator[Stack]:
    """The stack while a part is down; afterwards the part is ready again."""
    flowing.stop(part)
    try:
        yield flowing
    finally:
        flowing.start(part)
        # The keeper's check reads this process's settings, and what it keeps is asked next; MLflow takes half
        # a minute to serve, and nothing here needs it.
        if part not in ("flink-jobs", "mlflow"):
            wait_for(f"{part} is ready", lambda: not readiness.CHECKS[part](flowing.read), 120)
        wait_for("all jobs run", lambda: not flowing.waits(), 120)


@pytest.mark.parametrize("part", GOES_ON)
def test_events_pass_while_a_part_is_down(without: Stack, part: str) -> None:
    assert not parts(without.var)[part].pid
    stages = {(stage, name): STAGES[stage] for stage in GOES_ON[part] for name in APPLICATIONS}
    if part.startswith("learner-"):
        others = (name for name in APPLICATIONS if not part.endswith(name))
        stages |= {("answered by the learner", name): STAGES["answered by the learner"] for name in others}
    before = {key: count(without, key[1]) for key, count in stages.items()}

    def passed(stage: str, name: str) -> bool:
        return stages[stage, name](without, name) >= before[stage, name] + EVENTS

    for stage, name in stages:
        wait_for(f"{EVENTS} events of {name} are {stage} without {part}", partial(passed, stage, name), 60)
    if part in ANSWERS:
        for name, application in APPLICATIONS.items():
            event = complete(application, randomize(application, 3))
            body = {"application": name, "event": event}
            assert httpx.post(f"{without.api}/api/v1/incremental/predict", json=body, timeout=10).is_success
    assert not parts(without.var)[part].pid, "it was down all the while"
