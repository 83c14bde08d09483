"""A clean run equals a killed run: the same tables, the same features, and none of the anomalies.

Equal features are promised because nothing here depends on who arrives first: events have strictly rising
times and lie, by their key, in one partition from `events` to `valid`, so each partition brings them in the
order of their time; no partition falls silent before the closing events. Then no row is late, however the
partitions overtake each other, and a window is a function of event time alone.
"""

from __future__ import annotations

import pytest

from core.applications import APPLICATIONS
from core.features import AGE, LATE
from core.names import RejectHeader, Table
from core.schemas import REJECTED_AT
from core.validation import Reason
from tests.e2e.anomalies import duplicates, lost_writes, non_monotonic_reads, skipped_offsets
from tests.e2e.killed import Outcome, messages, pipeline, run

pytestmark = pytest.mark.e2e

EVENTS = 40_000
KILLS = ("taskmanager", "broker", "jobmanager", "taskmanager", "broker")
APART_SECONDS = 2.0

EVERY = pytest.mark.parametrize("name", APPLICATIONS)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Outcome]:
    found = []
    for title, kills in (("clean", ()), ("killed", KILLS)):
        with pipeline(tmp_path_factory.mktemp(title)) as stack:
            found.append(run(stack, messages(EVENTS, seed=11), kills, APART_SECONDS))
    clean, killed = found
    return clean, killed


@EVERY
def test_the_tables_are_equal(runs: tuple[Outcome, Outcome], name: str) -> None:
    clean, killed = (one.tables[name, Table.EVENTS] for one in runs)
    assert clean.num_rows > 0.9 * EVENTS / len(APPLICATIONS)
    assert killed.equals(clean)


@EVERY
def test_the_dead_letters_are_equal(runs: tuple[Outcome, Outcome], name: str) -> None:
    """But for the moment of the refusal, and for the texts that name it."""
    clean, killed = (one.tables[name, Table.REJECTS] for one in runs)
    assert clean.num_rows > 0.01 * EVENTS / len(APPLICATIONS)
    names = [column for column in clean.column_names if column not in (REJECTED_AT, "event_date")]
    found = []
    for table in (clean, killed):
        rows = table.select(names).to_pylist()
        dated = ({RejectHeader.DETAIL: ""} if row["reason"] == Reason.FUTURE_TIME else {} for row in rows)
        found.append([row | more for row, more in zip(rows, dated, strict=True)])
    assert found[0] == found[1]


@EVERY
def test_the_features_are_equal(runs: tuple[Outcome, Outcome], name: str) -> None:
    found = []
    for one in runs:
        rows = {(row["source_partition"], row["source_offset"]): row for row in one.features[name]}
        assert len(rows) == len(one.features[name]), "one row per event"
        assert not any(row[LATE] for row in rows.values())
        found.append({place: row | {AGE: None} for place, row in rows.items()})
    assert found[0] == found[1]


@EVERY
@pytest.mark.parametrize("which", [0, 1], ids=["clean", "killed"])
def test_no_anomaly(runs: tuple[Outcome, Outcome], name: str, which: int) -> None:
    one = runs[which]
    stored = one.places(name)
    assert lost_writes(one.acknowledged[name], stored) == []
    assert duplicates(stored) == []
    assert skipped_offsets(stored) == []
    assert len(stored) == len(one.acknowledged[name])


@pytest.mark.parametrize("which", [0, 1], ids=["clean", "killed"])
def test_no_reader_saw_a_table_go_back(runs: tuple[Outcome, Outcome], which: int) -> None:
    for uri, reads in runs[which].reads.items():
        assert len(reads) > 20, uri
        assert non_monotonic_reads(reads) == []
