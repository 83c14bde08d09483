"""Snapshots that are kept for longer: in Redis and MLflow, the newest few, found again by their number."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from redis import Redis

from core import control, names
from core.applications import APPLICATIONS
from core.connect.mlflow import Mlflow
from core.control import Place
from core.lineage import code_version
from core.snapshots import Header, Payload, seal, unseal
from learners import lineage
from learners.publish import Publisher
from learners.tracking import Tracker
from learners.versions import KEPT_IN_REDIS, KEPT_PER_RUN, Missing, Shelf, path_of
from tests.learners.fake_mlflow import FakeMlflow
from tests.learners.in_memory import Topic, light, loop_over
from tests.learners.streams import messages
from tests.learners.waiting import until

APP = light(next(iter(APPLICATIONS.values())))
KEY = b"key"


@pytest.fixture(scope="module")
def saved() -> tuple[Header, Payload]:
    stop = threading.Event()
    loop, _, _ = loop_over(APP, Topic(messages(APP, 600), stop))
    loop.run(stop)
    made = loop.snapshot()
    assert made is not None
    return made


@pytest.fixture
def publisher(store: Redis) -> Iterator[Publisher]:
    one = Publisher(APP.name, store, KEY, recent=5, version=7)
    one.start()
    yield one
    one.close(5)


def sealed(saved: tuple[Header, Payload], version: int, key: bytes = KEY) -> tuple[Header, bytes]:
    header = msgspec.structs.replace(saved[0], version=version)
    return header, seal(header, saved[1], key)


def tracker(mlflow: FakeMlflow, run_id: str = "") -> Tracker:
    made = Tracker(mlflow.url, APP.name, {}, run_id, 0.02)
    made.start()
    return made


def kept_in_mlflow(mlflow: FakeMlflow, *all_of_it: tuple[Header, bytes]) -> str:
    """A finished run that keeps these; its id."""
    one = tracker(mlflow)
    for header, blob in all_of_it:
        one.keep(header, blob)
        until(lambda: one._snapshot is None)
    assert one.close("FINISHED", 5)
    return one.run_id


def shelf(store: Redis, mlflow: FakeMlflow, key: bytes = KEY) -> Shelf:
    return Shelf(APP, store, Mlflow(mlflow.url, 2), key, 1.0)


def test_redis_keeps_the_newest_few(
    publisher: Publisher, store: Redis, saved: tuple[Header, Payload]
) -> None:
    given: list[tuple[Header, bytes]] = []
    publisher.keeper = lambda header, blob: given.append((header, blob))
    for _ in range(KEPT_IN_REDIS + 2):
        publisher.offer_checkpoint(*saved)
        assert publisher.settle(5)
    publisher.offer_snapshot(*saved)
    assert publisher.settle(5)
    assert [header.version for header, _ in given] == [8, 9, 10, 11, 12]
    blobs = store.hgetall(names.checkpoints_key(APP.name))
    assert blobs == {str(header.version).encode(): blob for header, blob in given[-KEPT_IN_REDIS:]}
    listed = control.versions(store, APP.name)
    assert [(one.version, one.place) for one in listed] == [(n, Place.REDIS) for n in (12, 11, 10)]
    assert listed[0].bytes == len(given[-1][1])
    assert (listed[0].asked, listed[0].scores) == (saved[0].asked, saved[0].scores)
    assert unseal(store.get(names.snapshot_key(APP.name)), KEY)[0].version == 13  # type: ignore[arg-type]


def test_while_redis_is_away_a_checkpoint_goes_to_mlflow_and_takes_its_number(
    store: Redis, saved: tuple[Header, Payload]
) -> None:
    away = Redis(port=1)
    one = Publisher(APP.name, away, KEY, recent=5, version=7)
    given: list[int] = []
    one.keeper = lambda header, blob: given.append(header.version)
    one.start()
    one.offer_checkpoint(*saved)
    until(lambda: given)
    one._redis = store
    until(lambda: one._snapshot is None, 20)
    one.close(5)
    assert given == [8]
    assert unseal(store.get(names.snapshot_key(APP.name)), KEY)[0].version == 9  # type: ignore[arg-type]


def test_the_publisher_hears_what_is_asked(publisher: Publisher, store: Redis) -> None:
    control.train(store, APP.name, on=False)
    until(lambda: not publisher.control.training)
    store.hset(names.control_key(APP.name), "training", b'"perhaps"')
    control.appoint(store, APP.name, "x")
    time.sleep(1.5)
    assert not publisher.control.training, "what can't be read changes nothing"
    control.train(store, APP.name, on=True)
    until(lambda: publisher.control.training)
    assert publisher.control.champion == "x"


def test_a_run_keeps_its_newest_few_and_tells_them(mlflow: FakeMlflow, saved: tuple[Header, Payload]) -> None:
    told: list[list[int]] = []
    one = Tracker(
        mlflow.url,
        APP.name,
        {},
        "",
        0.02,
        lineage=lambda header: {"asked_offsets": str(header.version)},
        told=lambda kept: told.append([version.version for version in kept]),
    )
    one.start()
    for version in range(1, KEPT_PER_RUN + 4):
        one.keep(*sealed(saved, version))
        until(lambda: one._snapshot is None)
    assert one.close("FINISHED", 5)
    newest = list(range(KEPT_PER_RUN + 3, 3, -1))
    assert told[0] == []
    assert told[-1] == newest
    assert sorted(mlflow.artifacts) == [f"1/{one.run_id}/artifacts/{path_of(n)}" for n in sorted(newest)]
    tags = mlflow.runs[one.run_id]["tags"]
    assert sorted(name for name in tags if name.startswith("checkpoint.")) == [
        f"checkpoint.{n}" for n in sorted(newest)
    ]
    assert tags["asked_offsets"] == str(newest[0])


def test_a_version_is_found_in_redis_or_in_mlflow(
    mlflow: FakeMlflow, store: Redis, publisher: Publisher, saved: tuple[Header, Payload]
) -> None:
    kept_in_mlflow(mlflow, sealed(saved, 3))
    publisher.offer_checkpoint(*saved)
    assert publisher.settle(5)
    shelved = shelf(store, mlflow)
    assert [shelved.find(version).header.version for version in (3, 8)] == [3, 8]
    assert shelved.find(3).learner.asked == saved[0].asked
    with pytest.raises(Missing, match="version 5 is kept neither in Redis nor in MLflow, which has 3"):
        shelved.find(5)
    mlflow.close()
    assert shelved.find(8).header.version == 8
    with pytest.raises(Missing, match="MLflow is away"):
        shelved.find(3)


def test_the_newest_that_can_be_used_is_taken(
    mlflow: FakeMlflow, store: Redis, saved: tuple[Header, Payload]
) -> None:
    assert shelf(store, mlflow).newest() is None
    assert not mlflow.experiments, "looking makes nothing"
    run = kept_in_mlflow(mlflow, sealed(saved, 3), sealed(saved, 12), sealed(saved, 21))
    second = kept_in_mlflow(mlflow, sealed(saved, 25, key=b"another"))
    found = shelf(store, mlflow).newest()
    assert found is not None
    assert found.header.version == 21, "25 was signed with another key"
    mlflow.artifacts[f"1/{run}/artifacts/{path_of(21)}"] = sealed(saved, 3)[1]
    found = shelf(store, mlflow).newest()
    assert found is not None
    assert found.header.version == 12, "other bytes lie where 21 should"
    mlflow.runs[second]["metrics"].append(("version", 40.0, 1))
    assert shelf(store, mlflow).counted() == 40


def test_nothing_of_a_bad_signature_is_decoded(
    mlflow: FakeMlflow, store: Redis, saved: tuple[Header, Payload], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_in_mlflow(mlflow, sealed(saved, 25, key=b"another"))
    monkeypatch.setattr("core.snapshots.msgspec.msgpack.decode", lambda *_, **__: pytest.fail("decoded"))
    with pytest.raises(Missing, match="signature"):
        shelf(store, mlflow).find(25)


def test_mlflow_away_is_told(mlflow: FakeMlflow, store: Redis) -> None:
    mlflow.close()
    with pytest.raises(httpx.HTTPError):
        shelf(store, mlflow).newest()


def test_lineage_names_code_offsets_and_table(tmp_path: Path, saved: tuple[Header, Payload]) -> None:
    assert lineage.of_snapshot(saved[0], str(tmp_path)).keys() == {"asked_offsets", "taught_offsets"}
    assert lineage.table_version("s3://lake", APP.name) is None
    log = tmp_path / names.table_path(APP.name, names.Table.EVENTS) / "_delta_log"
    log.mkdir(parents=True)
    for name in (f"{7:020}.json", f"{12:020}.json", f"{40:020}.checkpoint.parquet", "_last_checkpoint"):
        (log / name).touch()
    tags = lineage.of_snapshot(saved[0], str(tmp_path))
    assert tags["events_table_version"] == "12"
    assert msgspec.json.decode(tags["asked_offsets"]) == {
        str(p): offset for p, offset in saved[0].asked_offsets.items()
    }
    assert len(code_version(*lineage.CODE)) == 16
    assert code_version("core") != code_version("learners")
