from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from redis import Redis

from batch import drift
from batch.datasets import BadData, load
from batch.progress import Silent
from batch.split import split
from core import captures, drift_reports, names
from core.applications import APPLICATIONS
from core.batch import DriftReport, DriftSource, Rows, Take
from core.connect.redis import client
from core.declaration import Application
from core.drift import DriftFound, Verdict
from core.settings import Settings
from models.drift.inputs import verdict as judged
from models.registered.inputs import MISSING, inputs
from tests.batch.conftest import GAP_S
from tests.producers.streams import stream
from tests.serving.conftest import redis_url

__all__ = ["redis_url"]

NAMES = list(APPLICATIONS)
ALL = Rows(take=Take.ALL)
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def store(redis_url: str) -> Iterator[Redis]:
    with client(redis_url) as one:
        one.flushall()
        yield one


@pytest.fixture
def here(lake: Settings, store: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The lake, a Redis, and no registered model."""
    monkeypatch.setattr(drift, "champion", lambda *_: None)
    return lake.model_copy(update={"redis": lake.redis.model_copy(update={"url": redis_url})})


def reported(store: Redis, name: str) -> DriftFound:
    stored: Any = store.get(names.drift_report_key(name))
    return msgspec.json.decode(stored, type=DriftFound)


@pytest.mark.parametrize("name", NAMES)
def test_every_application_is_reported(here: Settings, store: Redis, name: str) -> None:
    said = drift.report(here, DriftReport(application=name, rows=ALL), Silent())
    found = reported(store, name)
    label = [APPLICATIONS[name].label] if APPLICATIONS[name].label else []
    assert {one.name for one in found.inputs} == {one.name for one in inputs(APPLICATIONS[name])} | set(label)
    assert found.run_id == ""
    assert "older half" in found.result.note
    assert found.reference_end <= found.end
    assert (said["verdict"], sum(said["inputs"].values())) == (found.verdict, len(found.inputs))
    assert [one.psi for one in found.inputs] == sorted((one.psi for one in found.inputs), reverse=True)
    for panel in found.result.panels:
        names_ = panel.x.categories or panel.y.categories
        assert names_
        assert all(len(series.values) == len(names_) for series in panel.series)  # type: ignore[union-attr]


def test_what_changed_is_found_and_nothing_else(
    here: Settings, store: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random halves of the same rows, one with a shifted number, a new value, and a field that is gone."""
    name = NAMES[0]
    known = inputs(APPLICATIONS[name])
    number, gone = [one.name for one in known if one.kind == "number" and not one.windowed][:2]
    category = next(one.name for one in known if one.kind == "category")
    rows = load(here, APPLICATIONS[name], ALL, Silent())
    places = np.random.default_rng(3).permutation(rows.rows)
    old, new = rows.take(np.sort(places[: rows.rows // 2])), rows.take(np.sort(places[rows.rows // 2 :]))
    new.frame[number] += 2 * np.nanstd(old.frame[number])
    new.frame.loc[new.frame.index % 3 == 0, gone] = np.nan
    values = new.frame[category].astype(object)
    values[new.frame.index % 4 == 0] = "never seen"
    values[new.frame.index % 4 == 1] = MISSING
    new.frame[category] = values
    monkeypatch.setattr(drift, "compared", lambda *_: drift.Compared(old, new, "r", ""))
    drift.report(here, DriftReport(application=name), Silent())
    found = {one.name: one for one in reported(store, name).inputs}
    assert {one for one, told in found.items() if told.verdict is not Verdict.STABLE} == {
        number,
        gone,
        category,
    }
    assert found[number].wasserstein == pytest.approx(2, rel=0.3)
    assert found[gone].newest.nulls == pytest.approx(1 / 3, abs=0.05)
    assert found[category].unseen == {"never seen": pytest.approx(0.25, abs=0.01)}
    assert found[category].newest.nulls == pytest.approx(0.25, abs=0.01)
    assert reported(store, name).verdict is Verdict.STRONG


def test_the_newest_rows_are_compared_with_the_training_rows_of_a_run(
    here: Settings, store: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = NAMES[0]
    made = split(load(here, APPLICATIONS[name], ALL, Silent()))

    class Run:
        split = made

    monkeypatch.setattr(drift, "load_run", lambda *_: Run)
    said = drift.report(here, DriftReport(application=name, run_id="r1", rows=ALL), Silent())
    found = reported(store, name)
    assert (said["run_id"], found.run_id, found.reference_rows) == ("r1", "r1", made.train.rows)
    assert found.start > found.reference_end, "rows that were trained on are not news"
    assert "overlap" not in found.result.note
    few = Rows(take=Take.RANDOM, amount=150)
    drift.report(here, DriftReport(application=name, run_id="r1", rows=few), Silent())
    assert "overlap" in reported(store, name).result.note


def test_too_few_rows_are_told(here: Settings) -> None:
    with pytest.raises(BadData, match=r"the \w+ side has 50 rows; at least 100 are needed"):
        drift.report(here, DriftReport(application=NAMES[0], rows=Rows(amount=100)), Silent())


@pytest.mark.parametrize(
    ("psi", "by_chance", "verdict"),
    [(0.05, 0.01, "stable"), (0.2, 0.01, "moderate"), (0.2, 0.21, "stable"), (0.3, 0.28, "strong")],
)
def test_verdicts(psi: float, by_chance: float, verdict: str) -> None:
    assert judged(psi, by_chance) == verdict


@pytest.mark.parametrize("name", NAMES)
def test_captures_are_compared_and_the_reference_is_kept(here: Settings, store: Redis, name: str) -> None:
    application = APPLICATIONS[name]
    events, _ = stream(name, 2_000, GAP_S, seed=7)
    told = [
        captures.Capture(
            id=f"c{n}", event=_request(application, one), value=True, time=NOW, received=NOW, model="m"
        )
        for n, one in enumerate(events)
    ]
    captures.put(store, name, told, 10_000)
    asked = DriftReport(application=name, rows=ALL, source=DriftSource.CAPTURES)
    said = drift.report(here, asked, Silent())
    found = drift_reports.read(store, name, said["report"])
    own_ = {one.name for one in inputs(application) if not one.windowed}
    assert {one.name for one in found.inputs} == own_
    assert set(found.left_out) == {one.name for one in inputs(application) if one.windowed}
    assert (found.source, found.result.sample.available) == ("captures", 2_000)
    assert "rows of the table stand" in found.result.note
    assert store.get(names.drift_report_key(name)) is None, "the latest report is that of the table"
    reference = drift_reports.reference(store, name)
    assert reference is not None
    assert ({one.name for one in reference.inputs}, reference.report) == (own_, found.id)
    assert [one.id for one in drift_reports.listed(store, name)] == [found.id]


def test_without_captures_there_is_nothing_to_compare(here: Settings) -> None:
    asked = DriftReport(application=NAMES[0], source=DriftSource.CAPTURES)
    with pytest.raises(BadData, match="no captures of"):
        drift.report(here, asked, Silent())


def test_the_newest_reports_are_kept(here: Settings, store: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift_reports, "MOST_REPORTS", 2)
    made = [drift.report(here, DriftReport(application=NAMES[0], rows=ALL), Silent()) for _ in range(3)]
    kept = [one.id for one in drift_reports.listed(store, NAMES[0])]
    assert kept == [one["report"] for one in made[:0:-1]]
    with pytest.raises(drift_reports.NoReport, match=made[0]["report"]):
        drift_reports.read(store, NAMES[0], made[0]["report"])
    assert reported(store, NAMES[0]).id == made[2]["report"]


def _request(application: Application, event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != application.label}
