"""A data set split by time, and its way to disk and back."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from batch.datasets import BadData, Dataset, load
from batch.progress import Silent
from batch.split import Split, save, saved, split
from core.applications import APPLICATIONS
from core.batch import Rows, Take
from core.declaration import Classification, Clustering
from core.diagnostics import written_text
from core.settings import Settings
from tests.batch import lakes
from tests.producers.streams import stream

LABELLED = [app.name for app in APPLICATIONS.values() if app.label]
CLUSTERED = [app.name for app in APPLICATIONS.values() if isinstance(app.task, Clustering)]
CLASSIFIED = [app.name for app in APPLICATIONS.values() if isinstance(app.task, Classification)]
WRITTEN = [app.name for app in APPLICATIONS.values() if written_text(app)]


@cache
def whole(lake: str, name: str) -> Dataset:
    return load(
        Settings.model_validate({"lake": {"uri": lake}}), APPLICATIONS[name], Rows(take=Take.ALL), Silent()
    )


def dataset(lake: Settings, name: str) -> Dataset:
    return whole(lake.lake_uri, name)


@pytest.mark.parametrize("name", LABELLED)
def test_labels_of_a_part_are_known_before_the_next_begins(lake: Settings, name: str) -> None:
    every = dataset(lake, name)
    made = split(every)
    assert made.train.known_at.max() <= made.validation.times[0]
    assert made.validation.known_at.max() <= made.test.times[0]
    rows = [part.rows for part in made.parts.values()]
    assert sum(rows) + made.left_out == every.rows
    assert made.left_out > 0
    assert [n / sum(rows) for n in rows] == pytest.approx([0.6, 0.2, 0.2], abs=0.01)
    assert made.test.times[-1] == every.times[-1]


@pytest.mark.parametrize("name", LABELLED)
def test_recent_rows_come_with_room_between_the_parts(lake: Settings, name: str) -> None:
    some = load(lake, APPLICATIONS[name], Rows(amount=3000), Silent())
    made = split(some)
    assert (some.rows, made.left_out) == (3000, 0)
    assert [part.rows for part in made.parts.values()] == [1800, 600, 600]


@pytest.mark.parametrize("name", CLUSTERED)
def test_entities_of_a_part_are_what_they_did_then(lake: Settings, name: str) -> None:
    every = dataset(lake, name)
    assert every.visits is not None
    made = split(every)
    assert made.train.times.max() < made.validation.times.min()
    for part in made.parts.values():
        assert len(set(part.keys)) == part.rows
        assert part.target is None
        mine = np.isin(every.visits.times, part.visits.times) if part.visits else np.zeros(0)
        assert mine.sum() == (part.visits.rows if part.visits else -1)
        entity = part.keys[0]
        column = part.frame.columns[-1]
        theirs = every.visits.frame.loc[mine & (every.visits.keys == entity), column]
        assert part.frame[column][0] == pytest.approx(theirs.mean(), nan_ok=True)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_text_belongs_to_the_row_of_its_writer(lake: Settings, name: str) -> None:
    application = APPLICATIONS[name]
    field, wrote = written_text(application) or "", set()
    entity = getattr(application.task, "entity", application.key)
    for event in stream(name, 6000, 60.0)[0]:
        if event[field] is not None:
            wrote.add((event[entity], event[field]))
    for part in (dataset(lake, name), *split(dataset(lake, name)).parts.values()):
        assert part.texts is not None
        assert len(part.texts.text) > 20
        said = {(part.keys[row], text) for text, row in zip(part.texts.text, part.texts.row, strict=True)}
        assert said <= wrote
        some = part.take(np.arange(part.rows)[::-3])
        assert some.texts is not None
        kept = {(some.keys[row], text) for text, row in zip(some.texts.text, some.texts.row, strict=True)}
        assert kept == {(key, text) for key, text in said if key in set(some.keys)}
    assert {(k, t) for k, t in said} < wrote


@pytest.mark.parametrize("name", APPLICATIONS)
def test_what_is_saved_comes_back(lake: Settings, name: str, tmp_path: Path) -> None:
    made = split(dataset(lake, name))
    save(made, tmp_path)
    again = saved(APPLICATIONS[name], tmp_path)
    assert again.left_out == made.left_out
    for one, other in zip(made.parts.values(), again.parts.values(), strict=True):
        pd.testing.assert_frame_equal(one.frame, other.frame)
        np.testing.assert_array_equal(one.times, other.times)
        np.testing.assert_array_equal(one.known_at, other.known_at)
        np.testing.assert_array_equal(one.keys, other.keys)
        np.testing.assert_array_equal(np.array(one.target), np.array(other.target))
        assert one.source == other.source
        if one.texts is not None:
            assert other.texts is not None
            np.testing.assert_array_equal(one.texts.text, other.texts.text)
            np.testing.assert_array_equal(one.texts.row, other.texts.row)


def test_what_is_not_whole_is_named(lake: Settings, tmp_path: Path) -> None:
    mine, others = LABELLED[0], LABELLED[1]
    with pytest.raises(BadData, match="holds no split"):
        saved(APPLICATIONS[mine], tmp_path)
    save(split(dataset(lake, mine)), tmp_path)
    with pytest.raises(BadData, match=f"holds rows of {mine}, not of {others}"):
        saved(APPLICATIONS[others], tmp_path)
    (tmp_path / "test.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(BadData, match=r"test\.parquet can't be read"):
        saved(APPLICATIONS[mine], tmp_path)
    (tmp_path / "split.json").write_text("{}")
    with pytest.raises(BadData, match="holds no split"):
        saved(APPLICATIONS[mine], tmp_path)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_too_few_rows_are_named(lake: Settings, name: str) -> None:
    few = load(lake, APPLICATIONS[name], Rows(amount=60), Silent())
    with pytest.raises(BadData, match=r"at least 100 are needed \(the newest 60"):
        split(few)


@pytest.mark.parametrize("name", CLASSIFIED)
def test_a_part_of_one_class_is_named(lake: Settings, name: str) -> None:
    every = dataset(lake, name)
    assert every.target is not None
    none = replace(every, target=np.zeros(every.rows))
    with pytest.raises(BadData, match=r"train: .* 0 of them with .* both classes are needed"):
        split(none)
    late = np.where(np.arange(every.rows) > 0.79 * every.rows, 0.0, every.target)
    with pytest.raises(BadData, match=r"test: .* 0 of them"):
        split(replace(every, target=late))


def test_no_room_for_labels_to_become_known(tmp_path: Path) -> None:
    """Ten events a second for a minute, and labels come after ten."""
    name = CLASSIFIED[0]
    every = dataset_of_a_minute(tmp_path, name)
    waits = replace(every, known_at=every.times + np.timedelta64(10, "m"))
    with pytest.raises(BadData, match=r"only 0 can be split so that every label is known .* wait for more"):
        split(waits)


def dataset_of_a_minute(root: Path, name: str) -> Dataset:
    settings = lakes.settings(root)
    lakes.fill(settings.lake_uri, APPLICATIONS[name], stream(name, 1200, 0.6)[0])
    return load(settings, APPLICATIONS[name], Rows(take=Take.ALL), Silent())


def test_parts_are_named_in_order(lake: Settings) -> None:
    made: Split = split(dataset(lake, LABELLED[0]))
    assert list(made.parts) == ["train", "validation", "test"]
    assert made.parts["train"] is made.train
