"""Any panel becomes a figure: JSON in the end, every value in its place, every gap a gap."""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.diagnostics.shapes import Axis, Bars, Cell, Heat, Lines, Mark, Panel, Parallel, Points, Series
from tests.ui import fake_panels
from ui.figures import look, panels
from ui.parts import numbers

MADE = [(name, n) for name, make in fake_panels.MADE.items() for n in range(len(make()))]
EVERY = pytest.mark.parametrize(("name", "n"), MADE, ids=[f"{name}-{n}" for name, n in MADE])

NAMES = ["a", "b", "a name that is much longer than any figure has room for beside its bars"]
NUMBERS = st.none() | st.floats() | st.integers(-1_000, 1_000)
SCALES = st.sampled_from(["linear", "log"])


def texts(option: Any) -> str:
    """The option as the browser gets it; raises where a value is not JSON."""
    return json.dumps(option, allow_nan=False, ensure_ascii=False)


def made(name: str, n: int) -> Panel:
    return fake_panels.MADE[name]()[n]


def line(axis: Axis, **more: Any) -> Panel:
    one = Lines(name="Model", x=[0.25, 0.5], y=[0.5, None], **more)
    return Panel(title="", x=axis, y=axis, series=[one])


def drawn(option: Any, kind: str) -> list[Any]:
    return [one for one in option["series"] if one["type"] == kind]


@EVERY
def test_every_kind_of_panel_is_drawn_at_once(name: str, n: int) -> None:
    panel = made(name, n)
    texts(panels.option(panel))
    start = time.perf_counter()
    option = panels.option(panel)
    assert time.perf_counter() - start < 0.05
    assert option["series"]
    assert 150 <= panels.height(panel) <= panels.TALLEST
    assert panels.sharp(panel)


@example(rows=[(None, sys.float_info.max, None, None)], scale="linear", share=False)
@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=30), SCALES, st.booleans())
def test_whatever_the_numbers_the_figure_is_json(
    rows: list[tuple[Cell, Cell, Cell, Cell]], scale: Any, share: bool
) -> None:
    x, y, low, high = ([row[place] for row in rows] for place in range(4))
    axis = Axis(title="T", unit="s", scale=scale, share=share)
    series: list[Series] = [
        Lines(name="one", x=x, y=y, low=low, high=high),
        Points(name="two", x=x, y=y, text=["said"] * (len(rows) // 2)),
    ]
    panel = Panel(title="", x=axis, y=axis, series=series, marks=[Mark(text="m", x=0.5)])
    option = panels.option(panel)
    texts(option)
    for one in (drawn(option, "line")[-1], drawn(option, "scatter")[0]):
        assert len(one["data"]) == len(rows)
    numbers.csv(panel)


@given(st.lists(NUMBERS, min_size=3, max_size=3), st.booleans(), st.sampled_from(["", "all"]))
def test_bars_stand_in_the_order_of_their_categories(values: list[Cell], lying: bool, stack: str) -> None:
    names, along = Axis(title="", scale="category", categories=NAMES), Axis(title="Rows")
    bars = [Bars(name=name, values=values, stack=stack) for name in ("one", "two")]
    panel = Panel(title="", x=along if lying else names, y=names if lying else along, series=list(bars))
    option = panels.option(panel)
    texts(option)
    assert option["yAxis" if lying else "xAxis"][0]["data"] == NAMES
    assert option["yAxis"][0].get("inverse", False) is lying
    assert [len(one["data"]) for one in drawn(option, "bar")] == [3, 3]
    assert drawn(option, "bar")[0].get("stack", "") == stack


def test_shares_read_as_per_cent() -> None:
    option = panels.option(line(Axis(title="Recall", share=True, low=0, high=1)))
    assert option["series"][0]["data"] == [[25.0, 50.0], [50.0, None]]
    assert option["xAxis"][0]["max"] == 100
    assert option["yAxis"][0]["axisLabel"]["formatter"] == "{value} %"
    assert option["tooltip"]["valueFormatter"] == "%.1f %%"


def test_a_log_axis_has_no_place_for_nothing() -> None:
    axis = Axis(title="Rows", scale="log")
    panel = Panel(title="", x=axis, y=axis, series=[Lines(name="", x=[0, 10], y=[5, -1])])
    assert panels.option(panel)["series"][0]["data"] == [[None, 5], [10, None]]


def test_a_band_lies_between_its_ends_in_the_color_of_its_line() -> None:
    option = panels.option(line(Axis(title="T"), low=[0.4, None], high=[0.75, 1]))
    floor, tall, curve = drawn(option, "line")
    assert floor["data"] == [[0.25, 0.4], [0.5, None]]
    assert tall["data"][0][1] == pytest.approx(0.35)
    assert tall["data"][1][1] is None
    assert floor["stack"] == tall["stack"]
    assert len({floor["name"], tall["name"], curve["name"]}) == 1
    assert not option["legend"]["show"], "one thing needs no legend"


def test_what_costs_nothing_is_grey_and_dashed() -> None:
    chance = next(one for one in drawn(panels.option(made("roc", 0)), "line") if one["name"] == "Chance")
    assert chance["lineStyle"]["type"] == "dashed"
    assert chance["itemStyle"]["color"] == look.NAIVE


def test_errors_are_whiskers_around_their_bars() -> None:
    option = panels.option(made("errors", 1))
    model, naive = drawn(option, "boxplot")
    low, *middle, high = model["data"][0]
    assert low < middle[0] == middle[-1] < high
    assert naive["data"][0] == [None] * 5, "an error that is not known is not drawn"


def test_cells_on_names_say_themselves_and_cells_on_a_grid_lie_under_the_points() -> None:
    option = panels.option(made("confusion", 0))
    (cells,) = drawn(option, "heatmap")
    assert cells["data"][2]["value"] == [0, 1, 0.03]
    assert cells["data"][2]["name"] == "not fraud, fraud: 664\n3.0 %"
    assert not option["visualMap"]["show"], "cells that say their values need no scale"
    option = panels.option(made("boundary", 0))
    (cells,) = drawn(option, "heatmap")
    assert (cells["xAxisIndex"], cells["yAxisIndex"]) == (1, 1)
    step = 900 / 47
    assert option["xAxis"][0]["min"] == pytest.approx(-step / 2)
    assert option["xAxis"][0]["max"] == pytest.approx(900 + step / 2)
    assert len(option["xAxis"][1]["data"]) == 48
    assert option["visualMap"]["show"]
    assert option["visualMap"]["seriesIndex"] == [0]


def test_zero_is_the_middle_of_colors_that_have_two_sides() -> None:
    scale = panels.option(made("correlation", 0))["visualMap"]
    assert scale["min"] == -scale["max"]


def test_missing_cells_stay_empty() -> None:
    axis = Axis(title="", scale="category", categories=["a", "b"])
    heat = Heat(name="h", values=[[1.0, None], [float("nan"), 2.0]])
    option = panels.option(Panel(title="", x=axis, y=axis, series=[heat]))
    assert [cell["value"] for cell in option["series"][0]["data"]] == [[0, 0, 1.0], [1, 1, 2.0]]
    texts(panels.option(Panel(title="", x=axis, y=axis, series=[Heat(name="h", values=[])])))


def test_marks_are_told_where_they_lie_and_the_axis_reaches_them() -> None:
    axis = Axis(title="T")
    one = Lines(name="", x=[0, 1], y=[0, 1])
    marks = [Mark(text="budget {3}", y=3.0), Mark(text="here", x=0.5), Mark(text="spot", x=0.2, y=0.3)]
    option = panels.option(Panel(title="", x=axis, y=axis, series=[one], marks=marks))
    carried = option["series"][-1]
    level, upright = carried["markLine"]["data"]
    assert (level["yAxis"], upright["xAxis"]) == (3.0, 0.5)
    assert level["label"]["formatter"] == "budget (3)", "no text is a template"
    assert carried["markPoint"]["data"][0]["coord"] == [0.2, 0.3]
    assert option["yAxis"][0]["max"] == 3.0
    assert "max" not in option["xAxis"][0]


def test_bars_stand_on_zero_wherever_a_mark_lies() -> None:
    axis = Axis(title="", scale="category", categories=["a", "b"])
    bars: list[Any] = [Bars(name="", values=[900.0, 950.0], low=[1.0, 2.0], high=[3.0, 4.0])]
    bars.append(Bars(name="naive", values=[1_000.0, 990.0]))
    option = panels.option(
        Panel(title="", x=Axis(title=""), y=axis, series=bars, marks=[Mark(text="", x=880)])
    )
    assert "min" not in option["xAxis"][0]
    assert not option["xAxis"][0]["scale"]
    assert len(drawn(option, "boxplot")) == 2, "as many whiskers as bars, so that they stand abreast alike"


def test_many_grey_lines_say_their_names_themselves() -> None:
    axis = Axis(title="")
    lines: list[Any] = [Lines(name=f"F1 {n}", x=[0], y=[n], reference=True) for n in range(5)]
    lines.append(Lines(name="Model", x=[0], y=[1]))
    option = panels.option(Panel(title="", x=axis, y=axis, series=lines))
    assert option["legend"]["data"] == ["Model"]
    assert [one["endLabel"]["formatter"] for one in option["series"][:-1]] == [f"F1 {n}" for n in range(5)]


def test_an_axis_does_not_end_on_a_number_that_nobody_writes() -> None:
    axis = Axis(title="", low=68.89517172186, high=100)
    label = panels.option(line(axis))["xAxis"][0]["axisLabel"]
    assert label["showMinLabel"] is False
    assert "showMaxLabel" not in label


def test_parallel_rows_stand_on_their_axes() -> None:
    option = panels.option(made("parallel", 0))
    assert [axis["dim"] for axis in option["parallelAxis"]] == [0, 1, 2, 3, 4]
    assert option["parallelAxis"][4]["data"] == ["Clear", "Rain", "Fog"]
    assert len(option["series"]) == 2
    assert option["series"][0]["data"][0][4] in ("Clear", "Rain", "Fog")


def test_many_long_names_are_turned_and_cut() -> None:
    many = [f"{name} {n}" for n in range(20) for name in NAMES]
    axis = Axis(title="", scale="category", categories=many)
    bars: list[Any] = [Bars(name="", values=[1.0] * len(many))]
    upright = panels.option(Panel(title="", x=axis, y=Axis(title=""), series=bars))["xAxis"][0]["axisLabel"]
    assert upright["rotate"] == 90
    assert upright["overflow"] == "truncate"
    assert "interval" not in upright
    lying = Panel(title="", x=Axis(title=""), y=axis, series=bars)
    assert panels.height(lying) == panels.TALLEST


def test_a_heavy_figure_is_not_drawn_in_shapes() -> None:
    axis = Axis(title="")
    many: list[Cell] = [float(n) for n in range(panels.SHARP_MOST + 1)]
    assert not panels.sharp(Panel(title="", x=axis, y=axis, series=[Points(name="", x=many, y=many)]))


def test_points_tell_what_they_are_asked_to() -> None:
    axis = Axis(title="Truth", unit="s")
    plain = Points(name="trips", x=[1.0], y=[2.123456789])
    told = Points(name="trips", x=[1.0], y=[2.0], text=["trip 7"], size=[2.0])
    option = panels.option(Panel(title="", x=axis, y=axis, series=[plain, told]))
    first, second = drawn(option, "scatter")
    assert first["data"] == [[1.0, 2.1235]]
    assert first["tooltip"]["formatter"] == "trips: Truth {@[0]} s, Truth {@[1]} s"
    assert second["data"] == [{"value": [1.0, 2.0], "symbolSize": 14.0, "name": "trip 7"}]


def table(panel: Panel) -> list[list[str]]:
    return list(csv.reader(io.StringIO(numbers.csv(panel).decode())))


@EVERY
def test_the_numbers_of_every_panel_can_be_had(name: str, n: int) -> None:
    header, *rows = table(made(name, n))
    assert header[0] == "series"
    assert rows
    assert {len(row) for row in rows} == {len(header)}


def test_numbers_are_as_computed() -> None:
    header, *rows = table(made("roc", 0))
    assert header == ["series", "False alarms among negatives", "Positives found", "low", "high"]
    assert rows[0][:3] == ["Model", "0.0", "0.0"]
    assert rows[-1] == ["Chance", "1", "1", "", ""]
    header, *rows = table(made("confusion", 0))
    assert header == ["series", "Answer", "Truth", "value"]
    assert rows[2] == ["Share of the row", "fraud", "not fraud", "0.03"]
    header, *rows = table(made("errors", 2))
    assert rows == [
        ["Rows", "Clear", "1204"],
        ["Rows", "Rain", "611"],
        ["Rows", "Fog", "133"],
        ["Rows", "Thunderstorm", ""],
    ]
    rows_of = [Parallel(name="p", rows=[[1.0, "x"]])]
    axes = [Axis(title="n", unit="km"), Axis(title="")]
    panel = Panel(title="", x=Axis(title=""), y=Axis(title=""), series=list(rows_of), axes=axes)
    assert table(panel) == [["series", "n (km)", "axis 1"], ["p", "1.0", "x"]]
