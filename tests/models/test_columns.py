"""Rows as columns: one value per row, null where nothing is, and no sign of what a model must not see."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from core.applications import APPLICATIONS
from core.declaration import Application, Category, Entity, Flag, Number, leaves
from core.features import features
from models.columns import NULL, Column, Columns, from_rows, identity, microseconds
from tests.learners.streams import lessons

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=lambda one: one.name)


@EVERY
def test_every_field_but_names_and_texts_has_a_column_and_so_has_every_feature(
    application: Application,
) -> None:
    columns = from_rows(application, [one.x for one in lessons(application, 20)])
    kinds = {path: type(leaf).__name__ for path, leaf in leaves(application)}
    wanted = {path for path, kind in kinds.items() if kind not in {"Identifier", "Text"}}
    assert set(columns) == wanted | {one.name for one in features(application)}
    assert {len(column) for column in columns.values()} == {20}


@EVERY
def test_the_label_is_null_in_rows_without_it(application: Application) -> None:
    columns = from_rows(application, [one.x for one in lessons(application, 5)])
    if application.label:
        assert _nulls(application, columns, application.label).all()


@EVERY
def test_rows_that_hold_nothing_are_null_everywhere(application: Application) -> None:
    columns = from_rows(application, [{}, dict.fromkeys(path for path, _ in leaves(application))])
    for path, column in columns.items():
        empty = _nulls(application, columns, path)
        assert empty.all(), f"{path}: {column}"


@EVERY
def test_values_stand_where_the_declaration_has_them(application: Application) -> None:
    for path, leaf in leaves(application):
        if isinstance(leaf, Category):
            rows = [{path: value} for value in leaf.values] + [{path: "never seen before"}]
            assert from_rows(application, rows)[path].tolist() == list(range(len(rows)))
        elif isinstance(leaf, Flag):
            assert from_rows(application, [{path: False}, {path: True}])[path].tolist() == [0, 1]


def _nulls(application: Application, columns: Columns, path: str) -> Column:
    leaf = dict(leaves(application)).get(path)
    if leaf is None or isinstance(leaf, Number):
        return np.asarray(np.isnan(columns[path]))
    return np.asarray(columns[path] == (NULL if isinstance(leaf, Category | Flag) else 0))


def test_an_entity_is_one_number_everywhere() -> None:
    assert identity("user_1") == 7524711467701193967
    assert identity(None) == 0
    assert identity("\ud800") > 0
    assert any(isinstance(leaf, Entity) for one in APPLICATIONS.values() for _, leaf in leaves(one))


def test_times_are_microseconds() -> None:
    moment = datetime(2026, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)
    assert microseconds(moment) == microseconds("2026-01-01T00:00:00.250Z") == 1_767_225_600_250_000
    assert microseconds(None) == 0
