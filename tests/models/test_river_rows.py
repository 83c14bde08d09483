from __future__ import annotations

from math import inf, log1p, nan

import pytest

from core.applications import APPLICATIONS
from core.declaration import Application, Category, Entity, EventTime, Identifier, Text, leaves
from models.river_rows import FEATURE_WIDTH, RiverRows
from tests.models.toys import BURSTS, WEAR, readings

ROWS = RiverRows.of(BURSTS)
KEY = {one.name: n for n, one in enumerate(ROWS.inputs)}


def test_reads_fields_and_features_but_no_names_clock_text_or_label() -> None:
    assert list(KEY) == [
        "pressure",
        "angle",
        "weekday",
        "shift",
        "expected",
        "wear",
        "material",
        "sealed",
        "sensor_id_1h_count",
        "sensor_id_1h_mean_pressure",
    ]
    assert "wear" not in {one.name for one in RiverRows.of(WEAR).inputs}


@pytest.mark.parametrize("application", APPLICATIONS.values(), ids=APPLICATIONS.keys())
def test_no_application_shows_names_or_its_label(application: Application) -> None:
    read = {one.name for one in RiverRows.of(application).inputs}
    hidden = {
        path for path, leaf in leaves(application) if isinstance(leaf, Identifier | Entity | EventTime | Text)
    } | {path for path, leaf in leaves(application) if isinstance(leaf, Category) and len(leaf.values) > 64}
    assert not read & (hidden | {application.label})


def test_a_number_keeps_its_order_and_a_category_is_a_declared_position() -> None:
    low, high = (ROWS({"pressure": value})[KEY["pressure"]] for value in (10.0, 1000.0))
    assert [low, high] == pytest.approx([0, 1])
    assert ROWS({"angle": 0.0})[KEY["angle"]] == 0.5
    assert ROWS({"sensor_id_1h_count": 7})[KEY["sensor_id_1h_count"]] == log1p(7) / FEATURE_WIDTH
    places = [ROWS({"material": m})[KEY["material"]] for m in ("steel", "iron", "brass", "wood")]
    assert places == [2.0, 0.0, 1.0, 3.0], "positions are those of the declaration, not of first appearance"
    assert ROWS.nominal == [KEY["material"]]


@pytest.mark.parametrize("value", [None, nan, inf, -inf])
def test_what_is_null_or_no_number_has_no_key(value: float | None) -> None:
    assert ROWS({"pressure": value, "material": None}) == {}


def test_rows_of_the_same_inputs_are_equal() -> None:
    assert RiverRows.of(BURSTS) == ROWS
    assert RiverRows.of(WEAR) != ROWS
    x, _, _ = readings(1)[0]
    assert RiverRows(ROWS.inputs)(x) == ROWS(x)
