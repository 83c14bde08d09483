"""The SQL that declared windows become. That its answers are right is shown end to end, against DuckDB."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from core.applications import APPLICATIONS
from core.declaration import Application, Category, Entity, Flag, Group
from core.features import features
from core.windows import Count, Distinct, Share, SinceLast, Switches, Window
from flink_jobs import aggregates, windows

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=list(APPLICATIONS))
ANY = next(iter(APPLICATIONS.values()))

SECOND = timedelta(seconds=1)


def stack(application: Application) -> list[tuple[str, str]]:
    return windows.views(application, "source")


@EVERY
def test_one_range_per_view_and_the_longest_first(application: Application) -> None:
    views = stack(application)
    assert all(len(re.findall(" OVER w ", query)) and query.count("WINDOW w") == 1 for _, query in views[1:])
    spans = [one.span for one in application.windows if isinstance(one, Window)]
    lengths = [query.rpartition("INTERVAL ")[2] for _, query in views if "RANGE" in query]
    wanted = [aggregates.interval(span) for span in sorted(spans, reverse=True)]
    assert [f"INTERVAL {one.partition(' PRECEDING')[0]}" for one in lengths] == wanted


@EVERY
def test_each_view_reads_the_one_before_and_late_rows_go_around(application: Application) -> None:
    views = stack(application)
    assert "FROM `source` WHERE (CURRENT_WATERMARK" in views[0][1]
    for (before, _), (_, query) in pairwise(views):
        assert f"FROM `{before}`" in query
    insert = windows.insert(application, "source", views, "sink")
    assert f"FROM `{views[-1][0]}`)" in insert
    assert "FROM `source` WHERE NOT (CURRENT_WATERMARK" in insert
    assert insert.count("CAST(NULL AS") == len(features(application))


@EVERY
def test_the_sink_has_every_feature_and_the_source_only_what_they_need(application: Application) -> None:
    sink = windows.sink_ddl(application, "sink", {})
    assert all(
        f"`{one.name}` {'BIGINT' if one.integer else 'DOUBLE'}" in sink for one in features(application)
    )
    source = windows.source_ddl(application, "source", SECOND, {"note": "it's"})
    assert "'note' = 'it''s'" in source
    assert application.identifier.name not in source
    if application.label:
        assert application.label not in source
    assert len(windows.inputs(application)) < len(application.fields)


def test_intervals() -> None:
    assert aggregates.interval(timedelta(hours=24)) == "INTERVAL '1 00:00:00.000' DAY(3) TO SECOND(3)"
    assert aggregates.interval(timedelta(minutes=10)) == "INTERVAL '0 00:10:00.000' DAY(3) TO SECOND(3)"
    assert aggregates.interval(timedelta(seconds=1.5)) == "INTERVAL '0 00:00:01.500' DAY(3) TO SECOND(3)"


def test_nested_fields_flags_and_quotes() -> None:
    group = Group("device", (Category("system", ("it's",)), Flag("rooted")))
    take = (Share("device.system", "it's"), Share("device.rooted", True))
    changed = replace(ANY, fields=(*ANY.fields, group), windows=(Window(ANY.key, SECOND, take),))
    assert "`device` ROW<`system` STRING, `rooted` BOOLEAN>" in windows.source_ddl(changed, "t", SECOND, {})
    (_, first), *_, (_, last) = stack(changed)
    assert "`device`.`system` AS `device_system`" in first
    assert "COUNT(CASE WHEN `device_system` = 'it''s' THEN 1 END)" in last
    assert "COUNT(CASE WHEN `device_rooted` IS TRUE THEN 1 END)" in last


def test_two_windows_of_one_entity_and_span_share_a_view() -> None:
    changed = replace(
        ANY,
        windows=(
            SinceLast(ANY.key),
            Window(ANY.key, SECOND, (Count(),)),
            Window(ANY.key, SECOND, (Distinct(ANY.key),)),
        ),
    )
    assert len(stack(changed)) == 3


@EVERY
def test_a_level_hands_on_what_is_still_read_and_nothing_else(application: Application) -> None:
    """Every row of a range lies in the state, in full."""
    (_, last), *_ = reversed(stack(application))
    handed = re.findall(r"`(\w+)`", last[: last.index(" FROM (")].replace(" AS ", " "))
    own = {aggregates.TIME, "source_partition", "source_offset", application.key}
    taken = set(aggregates.levels(application)[-1].takes)
    assert set(handed) - taken == own | {one.name for one in features(application)}


def test_a_switch_is_seen_in_the_order_of_the_key() -> None:
    other = Entity("other")
    category = next(one.name for one in ANY.fields if isinstance(one, Category))
    changed = replace(
        ANY, fields=(*ANY.fields, other), windows=(Window("other", SECOND, (Switches(category),)),)
    )
    pair, window = aggregates.levels(changed)
    assert pair.by == (ANY.key, "other")
    assert pair.takes == {f"pair_values_{category}": f"COUNT(DISTINCT `{category}`)"}
    assert window.by == ("other",)
    assert window.reads == set(pair.makes)
