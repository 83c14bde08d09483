"""One form for training and serving."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from core.applications import APPLICATIONS
from core.declaration import Application, Category, Clustering, Entity, EventTime, Identifier, Text, leaves
from models.base import Row
from models.registered.inputs import MISSING, Input, frame, frame_of, inputs, paths
from tests.bench.windows import rows
from tests.models.toys import BURSTS, WEAR
from tests.producers.streams import stream

LABELLED = {name: app for name, app in APPLICATIONS.items() if app.label}
WAITED_FOR = replace(WEAR, name="waited_for", label_delay="expected")
"""Its label comes after as many seconds as a field says that is known no sooner."""

EVERY = [*APPLICATIONS.values(), BURSTS, WEAR, WAITED_FOR]


@cache
def seen(name: str) -> list[Row]:
    return rows(APPLICATIONS[name], stream(name, 400, 60.0)[0])


def table(application: Application, rows: list[Row]) -> pa.Table:
    """The rows as columns, as the engine brings them."""
    fields, remembered = paths(application)
    return pa.table({path: pa.array([x.get(path) for x in rows]) for path in (*fields, *remembered)})


@pytest.mark.parametrize("name", APPLICATIONS)
def test_serving_and_training_make_the_same_frame(name: str) -> None:
    application = APPLICATIONS[name]
    served, trained = frame(application, seen(name)), frame_of(application, table(application, seen(name)))
    pd.testing.assert_frame_equal(served, trained)
    assert list(served) == [one.name for one in inputs(application)]
    some = served[[one.name for one in inputs(application) if one.kind == "number"]]
    assert some.nunique().max() > 100


@pytest.mark.parametrize("name", APPLICATIONS)
def test_a_row_alone_is_what_it_is_among_others(name: str) -> None:
    application = APPLICATIONS[name]
    among, alone = frame(application, seen(name)), frame(application, [seen(name)[7]])
    assert list(alone.dtypes.map(str)) == list(among.dtypes.map(str))
    assert alone.iloc[0].equals(among.iloc[7])


@pytest.mark.parametrize("application", EVERY, ids=lambda one: one.name)
def test_nothing_that_is_unknown_or_unique_is_an_input(application: Application) -> None:
    forbidden = {application.label, application.label_delay}
    never = Identifier | Entity | EventTime | Text
    forbidden |= {path for path, leaf in leaves(application) if isinstance(leaf, never)}
    assert not forbidden & {one.path for one in inputs(application)}
    assert forbidden & {path for path, _ in leaves(application)}


@pytest.mark.parametrize("application", EVERY, ids=lambda one: one.name)
def test_categories_are_declared_ones(application: Application) -> None:
    """A clock's fields are numbers."""
    declared = {path for path, leaf in leaves(application) if isinstance(leaf, Category)}
    assert {one.path for one in inputs(application) if one.kind == "category"} <= declared


@pytest.mark.parametrize("name", LABELLED)
def test_an_unknown_row_is_all_null(name: str) -> None:
    made = frame(LABELLED[name], [{}])
    for one in inputs(LABELLED[name]):
        cell = made[one.name][0]
        assert cell == MISSING if one.kind == "category" else np.isnan(cell)


def test_open_vocabularies_take_what_was_never_seen() -> None:
    batch = next(one for one in inputs(WEAR) if one.name == "batch")
    made = frame(WEAR, [{"batch": "batch 9000"}, {"batch": None}, {"batch": batch.values[3]}])
    assert list(made["batch"]) == ["batch 9000", MISSING, batch.values[3]]
    assert list(made["batch"].cat.categories) == [*batch.values, MISSING, "batch 9000"]
    other = frame_of(
        WEAR, table(WEAR, [{"batch": "batch 9000"}, {"batch": None}, {"batch": batch.values[3]}])
    )
    assert list(other["batch"]) == list(made["batch"])


def test_flags_are_numbers() -> None:
    made = frame(BURSTS, [{"sealed": True}, {"sealed": False}, {}])
    np.testing.assert_array_equal(made["sealed"], [1.0, 0.0, np.nan])


CLUSTERED = {name: app for name, app in APPLICATIONS.items() if isinstance(app.task, Clustering)}


@pytest.mark.parametrize("name", CLUSTERED)
def test_a_clustering_reads_numbers_that_weigh_alike(name: str) -> None:
    """All shares of a category weigh as one column; those that a session's window holds are told once."""
    application = CLUSTERED[name]
    made = inputs(application)
    assert {one.kind for one in made} == {"number"}
    by_path: dict[str, list[Input]] = {}
    for one in made:
        if one.share_of is not None:
            by_path.setdefault(one.path, []).append(one)
    vocabulary = {path: leaf.values for path, leaf in leaves(application) if isinstance(leaf, Category)}
    whole = [path for path, shares in by_path.items() if len(shares) == len(vocabulary[path])]
    assert whole
    for path in whole:
        assert sum(one.weight**2 for one in by_path[path]) == pytest.approx(1)
    assert len(by_path) > len(whole)


@pytest.mark.parametrize("name", CLUSTERED)
def test_skewed_numbers_enter_by_their_logarithm(name: str) -> None:
    application, [*some] = CLUSTERED[name], seen(name)
    made = frame(application, some)
    for one in inputs(application):
        if one.share_of is None:
            raw = np.array([np.nan if x[one.path] is None else x[one.path] for x in some], dtype=np.float64)
            np.testing.assert_allclose(made[one.name], np.log1p(raw) if one.log else raw)
    assert {one.log for one in inputs(application) if one.windowed} == {True, False}
