"""Data sets over real Delta tables."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from deltalake import DeltaTable

from batch.datasets import BadData, Dataset, load
from batch.progress import Silent
from core.applications import APPLICATIONS
from core.batch import Rows, Take
from core.declaration import Application, Number
from core.features import features
from core.names import Table
from core.settings import Batch, Lake, Settings
from flink_jobs.tables import create_all, table_uri
from models.registered.inputs import frame, inputs
from tests.batch import lakes
from tests.batch.conftest import EVENTS, GAP_S
from tests.bench.windows import rows as seen
from tests.models.toys import BURSTS
from tests.producers.streams import MONDAY, stream

LABELLED = [app for app in APPLICATIONS.values() if app.label]
EVERY = list(APPLICATIONS.values())
ALL = Rows(take=Take.ALL)
NOW = MONDAY + timedelta(seconds=(EVENTS - 1) * GAP_S)

named = pytest.mark.parametrize("application", EVERY, ids=lambda one: one.name)
labelled = pytest.mark.parametrize("application", LABELLED, ids=lambda one: one.name)


def loaded(settings: Settings, application: Application, rows: Rows = ALL, **more: object) -> Dataset:
    return load(settings, application, rows, Silent(), **more)  # type: ignore[arg-type]


def copied(lake: Settings, to: Path, **more: object) -> Settings:
    """The same lake elsewhere."""
    settings = lakes.settings(to, **more)
    shutil.copytree(lake.lake_uri, settings.lake_uri)
    return settings


def positions(dataset: Dataset) -> list[int]:
    """Which events of the stream its rows are."""
    start = np.datetime64(MONDAY.replace(tzinfo=None), "us")
    return [int(n) for n in (dataset.times - start) / np.timedelta64(round(GAP_S * 1e6), "us")]


@labelled
def test_rows_are_those_that_serving_would_make(lake: Settings, application: Application) -> None:
    """Each event meets its own features; late ones and the newest have none."""
    dataset = loaded(lake, application)
    chosen = positions(dataset)
    rows = seen(application, stream(application.name, EVENTS, GAP_S)[0])
    for n in (*range(lakes.LATE, EVENTS, 1000), *range(EVENTS - lakes.BEHIND, EVENTS)):
        rows[n] = rows[n] | {one.name: None for one in features(application)}
    wanted = frame(application, [rows[n] for n in chosen])
    pd.testing.assert_frame_equal(dataset.frame, wanted, rtol=1e-9)
    assert dataset.frame[[one.name for one in inputs(application) if one.windowed]].notna().any().all()


@labelled
def test_only_labels_that_are_known_by_now(lake: Settings, application: Application) -> None:
    dataset = loaded(lake, application)
    events, _ = stream(application.name, EVENTS, GAP_S)
    delay, label = application.label_delay, application.label or ""
    known = []
    for n, event in enumerate(events):
        wait = timedelta(seconds=event[delay]) if isinstance(delay, str) else delay
        if MONDAY + timedelta(seconds=n * GAP_S) + wait <= NOW:
            known.append(n)
    assert len(known) < EVENTS
    assert positions(dataset) == known
    assert dataset.target is not None
    assert dataset.target.tolist() == [float(events[n][label]) for n in known]
    assert dataset.keys.tolist() == [events[n][application.key] for n in known]
    assert (dataset.known_at <= np.datetime64(NOW.replace(tzinfo=None), "us")).all()


@named
def test_it_tells_where_it_comes_from(lake: Settings, application: Application) -> None:
    source = loaded(lake, application).source
    uris = {str(t): table_uri(lake.lake_uri, application.name, t) for t in (Table.EVENTS, Table.FEATURES)}
    assert source.tables == {name: DeltaTable(uri).version() for name, uri in uris.items()}
    assert source.available == EVENTS
    assert source.start == MONDAY
    assert source.end <= NOW
    assert f"all {source.rows:,} {application.noun}" in source.how


@labelled
def test_recent_rows_are_the_newest(lake: Settings, application: Application) -> None:
    every, some = loaded(lake, application), loaded(lake, application, Rows(amount=700), apart=False)
    assert some.rows == 700
    assert some.times[0] == every.times[-700]
    pd.testing.assert_frame_equal(some.frame, every.take(np.arange(every.rows - 700, every.rows)).frame)


@named
def test_recent_rows_need_only_the_newest_files(
    lake: Settings, application: Application, tmp_path: Path
) -> None:
    settings = copied(lake, tmp_path)
    whole = loaded(settings, application, Rows(amount=500))
    for table in (Table.EVENTS, Table.FEATURES):
        files = sorted(Path(table_uri(settings.lake_uri, application.name, table)).glob("*/*.parquet"))
        for file in files:
            if file.parent.name < "event_date=2026-03-05":
                file.unlink()
    again = loaded(settings, application, Rows(amount=500))
    pd.testing.assert_frame_equal(again.frame, whole.frame)
    with pytest.raises(Exception, match=r"No files|not open|No such file"):
        loaded(settings, application)


@labelled
def test_random_rows_are_seeded_and_spread(lake: Settings, application: Application, tmp_path: Path) -> None:
    """The same in one thread, and when the files lie otherwise."""
    rows = Rows(take=Take.RANDOM, amount=600)
    first = positions(loaded(lake, application, rows))
    settings = copied(lake, tmp_path, batch=Batch(threads=1))
    DeltaTable(table_uri(settings.lake_uri, application.name, Table.EVENTS)).optimize.compact()
    assert positions(loaded(settings, application, rows)) == first
    assert len(set(first)) == 600
    other = positions(loaded(lake, application, Rows(take=Take.RANDOM, amount=600, seed=7)))
    assert len(set(other) & set(first)) < 120
    thirds = np.histogram(first, bins=3, range=(0, EVENTS))[0]
    assert all(140 < third < 260 for third in thirds), thirds


@labelled
def test_a_percentage_is_of_the_rows_with_a_label(lake: Settings, application: Application) -> None:
    every = loaded(lake, application).rows
    some = loaded(lake, application, Rows(take=Take.PERCENT, amount=12.5))
    assert some.rows == np.ceil(every / 8)
    assert loaded(lake, application, Rows(take=Take.PERCENT, amount=100)).rows == every


def test_more_rows_than_there_are_is_all_of_them(lake: Settings) -> None:
    application = LABELLED[0]
    every = loaded(lake, application).rows
    for take in (Take.RANDOM, Take.RECENT):
        assert loaded(lake, application, Rows(take=take, amount=50_000)).rows == every


def test_since_a_time(lake: Settings) -> None:
    after = MONDAY + timedelta(days=3)
    for rows in (ALL, Rows(amount=100_000), Rows(take=Take.RANDOM, amount=200)):
        dataset = loaded(lake, LABELLED[0], rows, since=after)
        assert dataset.times[0] >= np.datetime64(after.replace(tzinfo=None))
        assert dataset.rows >= 200


def test_an_object_store_gives_the_same_rows(lake: Settings) -> None:
    """A lake with a scheme is read through delta-rs."""
    distant = Settings(var=lake.var, lake=Lake(uri=f"file://{lake.lake_uri}"))
    for application in EVERY:
        for rows in (Rows(amount=300), Rows(take=Take.RANDOM, amount=300)):
            here, there = loaded(lake, application, rows), loaded(distant, application, rows)
            pd.testing.assert_frame_equal(here.frame, there.frame)


def test_without_features_they_are_null(tmp_path: Path) -> None:
    settings, application = lakes.settings(tmp_path), LABELLED[0]
    lakes.fill(settings.lake_uri, application, stream(application.name, 300, GAP_S)[0], behind=300)
    windowed = [one.name for one in inputs(application) if one.windowed]
    assert loaded(settings, application).frame[windowed].isna().all().all()


def test_what_is_wrong_is_named(lake: Settings, tmp_path: Path) -> None:
    application = LABELLED[0]
    empty = lakes.settings(tmp_path)
    with pytest.raises(BadData, match=f"no table of {application.name}'s events"):
        loaded(empty, application)
    create_all(empty.lake_uri)
    with pytest.raises(BadData, match=f"{application.name}'s events is empty"):
        loaded(empty, application)
    small = Settings(lake=lake.lake, batch=Batch(most_rows=1000))
    for rows in (ALL, Rows(amount=1001), Rows(take=Take.PERCENT, amount=50)):
        with pytest.raises(BadData, match=r"holds at most 1,000 \(MILLRACE_BATCH__MOST_ROWS\)"):
            loaded(small, application, rows)
    with pytest.raises(BadData, match=r"no rows.* from 2031"):
        loaded(lake, application, since=datetime(2031, 1, 1, tzinfo=UTC))


def test_a_table_of_another_declaration_is_named(tmp_path: Path) -> None:
    settings, application = lakes.settings(tmp_path), LABELLED[0]
    create_all(settings.lake_uri)
    newer = replace(application, fields=(*application.fields, Number("humidity", 0, 1)))
    with pytest.raises(BadData, match=f"{application.name}'s events lacks humidity"):
        loaded(settings, newer)


def test_an_application_that_nobody_wrote_a_recipe_for(tmp_path: Path) -> None:
    """Flags and categories of any declaration, and a label that is null now and then."""
    settings = lakes.settings(tmp_path)
    events = [
        {
            "reading_id": str(n),
            "sensor_id": f"s{n % 7}",
            "timestamp": (MONDAY + timedelta(minutes=n)).isoformat(),
            "pressure": float(n),
            "angle": 1.0,
            "weekday": 0,
            "shift": 1,
            "expected": 2.0,
            "wear": 3.0,
            "material": None if n % 5 == 0 else "iron",
            "batch": f"batch {n}",
            "sealed": n % 2 == 0,
            "burst": None if n % 10 == 0 else n % 3 == 0,
            "remark": "",
        }
        for n in range(200)
    ]
    lakes.fill(settings.lake_uri, BURSTS, events)
    dataset = loaded(settings, BURSTS)
    assert dataset.rows == 199 - 20
    assert dataset.target is not None
    assert set(dataset.target) == {0.0, 1.0}
    assert dataset.texts is None
