from __future__ import annotations

import zlib
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from core.applications import APPLICATIONS
from core.snapshots import Header, seal
from learners import memory
from learners.learner import Learner
from learners.source import Kept, LostOffsets
from learners.start import UnusableSnapshot, learner, opened, plan
from tests.learners.planted import having, plant
from tests.learners.streams import batch

APP = APPLICATIONS["tfd"]
SHARE = 0.2
KEPT = {0: Kept(0, 100), 1: Kept(0, 100)}


def saved(changes: dict[str, str] | None = None) -> bytes:
    one = Learner.fresh(APP, SHARE)
    one.step(batch(APP, 50))
    header, payload = memory.snapshot(one, datetime.now(UTC), "run")
    header = msgspec.structs.replace(header, **(changes or {}))
    return seal(header, payload, b"key")


def test_resumes_a_snapshot_that_fits() -> None:
    made, resumed = learner(APP, opened(APP, saved(), b"key"), SHARE)
    assert resumed
    assert made.asked == 50


def test_without_a_snapshot_it_is_fresh() -> None:
    made, resumed = learner(APP, opened(APP, None, b"key"), SHARE)
    assert not resumed
    assert made.asked == 0
    assert made.champion.name == APP.online[0]
    assert list(made.entrants) == list(APP.online)


@pytest.mark.parametrize("blob", [b"", b"junk", saved()[:-1] + b"\x01"])
def test_a_changed_snapshot_stops_the_start_and_says_what_to_do(blob: bytes) -> None:
    with pytest.raises(UnusableSnapshot, match=r"millrace:tfd:snapshot.*MILLRACE_SECRET.*delete"):
        opened(APP, blob, b"key")


def test_a_snapshot_of_another_key_stops_the_start() -> None:
    with pytest.raises(UnusableSnapshot, match="another key"):
        opened(APP, saved(), b"other")


@pytest.mark.parametrize("changes", [{"schema": "0" * 16}, {"model": "oracle"}, {"application": "eta"}])
def test_a_snapshot_of_another_shape_is_passed_over(changes: dict[str, str]) -> None:
    made, resumed = learner(APP, opened(APP, saved(changes), b"key"), SHARE)
    assert not resumed
    assert made.asked == 0


def test_bytes_of_another_version_of_the_code_are_passed_over() -> None:
    found = opened(APP, saved(), b"key")
    assert found is not None
    header, payload = found
    other = dict.fromkeys(payload.models, b"x")
    older = zlib.compress(msgspec.msgpack.encode(["loop.1"]))
    others: list[dict[str, Any]] = [{"models": other}, {"models": {}}, {"loop": b"x"}, {"loop": older}]
    for changes in others:
        broken = msgspec.structs.replace(payload, **changes)
        made, resumed = learner(APP, (header, broken), SHARE)
        assert not resumed
        assert made.asked == 0


def test_slow_models_take_their_share() -> None:
    application = having(APP, *APP.online, "heavy_drifter")
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        made, _ = learner(application, None, 0.07)
        assert made.entrants["heavy_drifter"].share == 0.07
        assert made.champion.share == 1.0


def test_header_knows_what_serving_shows() -> None:
    found = opened(APP, saved(), b"key")
    assert found is not None
    header: Header = found[0]
    assert header.model == APP.online[0]
    assert set(header.scores) >= {"roc_auc", "f2"}


def test_a_fresh_learner_begins_at_the_oldest_event() -> None:
    made = plan("t", {}, {}, {0: Kept(5, 9), 1: Kept(0, 0)}, "stop")
    assert made.begin == {0: 5, 1: 0}
    assert made.again == {}


def test_a_resumed_one_reads_the_awaited_again() -> None:
    made = plan("t", {0: 50, 1: 60}, {0: 40, 1: 60}, KEPT, "stop")
    assert made.begin == {0: 40, 1: 60}
    assert made.again == {0: 50}


def test_a_gap_stops_with_the_offsets() -> None:
    kept = {0: Kept(70, 100), 1: Kept(0, 100)}
    with pytest.raises(
        LostOffsets, match=r"partition 0 should go on at 50, the log holds 70 to 100.*ON_LOST_OFFSETS"
    ):
        plan("t", {0: 50, 1: 60}, {0: 40, 1: 60}, kept, "stop")


def test_or_is_skipped_when_allowed() -> None:
    kept = {0: Kept(70, 100), 1: Kept(45, 100)}
    made = plan("t", {0: 50, 1: 60}, {0: 40, 1: 40}, kept, "skip")
    # All of partition 0 up to 70 is lost; of partition 1 only some awaited labels are.
    assert made.begin == {0: 70, 1: 45}
    assert made.again == {1: 60}
    assert "partition 0" in made.problem


def test_a_log_that_ends_before_the_offset_is_another_log() -> None:
    kept = {0: Kept(0, 10), 1: Kept(0, 100)}
    with pytest.raises(LostOffsets, match="the log holds 0 to 10"):
        plan("t", {0: 50, 1: 60}, {0: 50, 1: 60}, kept, "stop")
    made = plan("t", {0: 50, 1: 60}, {0: 50, 1: 60}, kept, "skip")
    assert made.replaced == [0]
    assert made.begin == {0: 0, 1: 60}


def test_partitions_added_since_begin_at_their_oldest_event() -> None:
    made = plan("t", {0: 50}, {0: 50}, {0: Kept(0, 100), 1: Kept(3, 9)}, "stop")
    assert made.begin == {0: 50, 1: 3}
