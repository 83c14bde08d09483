"""Which checkpoint is the newest, and which id a job gets."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.names import Job
from flink_jobs.checkpoints import Restore, job_id, newest, remove, settled, stem, superseded, used
from flink_jobs.cluster import Folders


def checkpoint(folder: Path, second: int, complete: bool = True) -> Path:
    folder.mkdir(parents=True)
    if complete:
        (folder / "_metadata").write_bytes(b"x")
        os.utime(folder / "_metadata", (second, second))
    return folder


@pytest.fixture
def roots(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "checkpoints", tmp_path / "savepoints"


def test_no_folder_and_no_complete_checkpoint_give_none(roots: tuple[Path, Path]) -> None:
    assert newest(*roots, Job.INGEST) is None
    checkpoint(roots[0] / job_id(Job.INGEST) / "chk-9", 100, complete=False)
    (roots[0] / job_id(Job.INGEST) / "shared").mkdir()
    assert newest(*roots, Job.INGEST) is None


def test_the_newest_complete_one_wins_over_all_runs_of_the_job(roots: tuple[Path, Path]) -> None:
    first = job_id(Job.INGEST)
    second = job_id(Job.INGEST, {first})
    checkpoint(roots[0] / first / "chk-99", 100)
    wanted = checkpoint(roots[0] / second / "chk-7", 200)
    checkpoint(roots[0] / second / "chk-8", 300, complete=False)
    checkpoint(roots[0] / job_id(Job.LAKEHOUSE) / "chk-1000", 900)
    assert newest(*roots, Job.INGEST) == Restore(wanted, owned=True)


def test_equal_times_are_told_apart_by_number(roots: tuple[Path, Path]) -> None:
    home = roots[0] / job_id(Job.INGEST)
    checkpoint(home / "chk-9", 100)
    wanted = checkpoint(home / "chk-10", 100)
    found = newest(*roots, Job.INGEST)
    assert found is not None
    assert found.path == wanted


def test_a_later_savepoint_wins_and_stays_its_owners(roots: tuple[Path, Path]) -> None:
    checkpoint(roots[0] / job_id(Job.INGEST) / "chk-9", 100)
    wanted = checkpoint(roots[1] / f"savepoint-{stem(Job.INGEST)[:6]}-0123456789ab", 200)
    checkpoint(roots[1] / f"savepoint-{stem(Job.LAKEHOUSE)[:6]}-0123456789ab", 300)
    found = newest(*roots, Job.INGEST)
    assert found == Restore(wanted, owned=False)
    assert found.claim_mode == "no_claim"


def test_every_submission_has_an_id_of_its_own() -> None:
    ids: list[str] = []
    for _ in range(20):
        ids.append(job_id(Job.INGEST, ids))
    assert len(set(ids)) == 20
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in ids)
    assert job_id(Job.INGEST, ids[:3]) == job_id(Job.INGEST, reversed(ids[:3])) == ids[3]
    assert len({stem(job)[:6] for job in Job}) == len(Job)
    assert job_id(Job.LAKEHOUSE, ids) == job_id(Job.LAKEHOUSE)


def test_ids_in_use_are_read_from_the_folders(tmp_path: Path) -> None:
    first = job_id(Job.INGEST)
    for name in (first, job_id(Job.LAKEHOUSE), f"{first}.old", "other"):
        (tmp_path / name).mkdir()
    assert used(tmp_path, Job.INGEST) == {first}


RETAINED = 3


@dataclass
class Runs:
    """The folders of a cluster in which a job ran three times; the last run is the one that goes on."""

    folders: Folders
    ids: list[str]

    @property
    def now(self) -> str:
        """The id of the last run."""
        return self.ids[-1]

    def file(self, run: int, name: str, text: bytes = b"x") -> Path:
        path = self.folders.checkpoints / self.ids[run] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
        return path

    def checkpoint(self, run: int, number: int, *named: Path) -> Path:
        """A complete checkpoint that names these files."""
        text = b"\x00".join(path.as_uri().encode() for path in named)
        return self.file(run, f"chk-{number}/_metadata", text).parent

    def left(self) -> list[Path]:
        return superseded(self.folders, Job.INGEST, self.now)


@pytest.fixture
def runs(roots: tuple[Path, Path]) -> Runs:
    ids: list[str] = []
    for _ in range(3):
        ids.append(job_id(Job.INGEST, ids))
    return Runs(Folders(*roots, RETAINED), ids)


def test_nothing_is_superseded_before_the_run_is_settled(runs: Runs) -> None:
    runs.checkpoint(1, 40)
    for number in range(41, 41 + RETAINED):
        assert runs.left() == []
        assert not settled(runs.folders, runs.now)
        runs.checkpoint(2, number)
    assert settled(runs.folders, runs.now)
    assert runs.left() == [runs.folders.checkpoints / runs.ids[1] / "chk-40"]


def test_checkpoints_and_shared_files_of_former_runs_are_superseded(runs: Runs) -> None:
    old = [
        runs.checkpoint(0, 7),
        runs.file(0, "shared/aaaa-1"),
        runs.checkpoint(1, 8),
        runs.file(1, "chk-9/half-written").parent,
        runs.file(1, "shared/bbbb-1"),
        runs.file(1, "taskowned/cccc-1"),
    ]
    for number in range(10, 10 + RETAINED):
        runs.checkpoint(2, number, runs.file(2, f"shared/dddd-{number}"))
    other = runs.folders.checkpoints / job_id(Job.LAKEHOUSE) / "chk-1"
    checkpoint(other, 1)
    assert runs.left() == old
    for path in old:
        remove(path)
    remove(old[0])
    assert runs.left() == []
    assert (other / "_metadata").exists()
    assert used(runs.folders.checkpoints, Job.INGEST) == set(runs.ids), "no id is used twice"


def test_what_a_kept_checkpoint_names_stays(runs: Runs) -> None:
    """Incremental checkpoints of a run that claimed one of a former run go on with that run's files."""
    claimed, shared = runs.file(0, "chk-12/state"), runs.file(0, "shared/aaaa-1")
    merged = runs.file(1, "shared/job_1_tm_2/bbbb-1")
    similar, dropped = runs.checkpoint(0, 1), runs.file(1, "shared/cccc-1")
    runs.checkpoint(2, 20, claimed)
    runs.checkpoint(2, 21, shared)
    runs.checkpoint(2, 22, merged)
    assert runs.left() == [similar, dropped]


def test_what_a_savepoint_names_stays(runs: Runs) -> None:
    shared = runs.file(1, "shared/aaaa-1")
    for number in range(RETAINED):
        runs.checkpoint(2, number)
    assert runs.left() == [shared]
    folder = checkpoint(runs.folders.savepoints / f"savepoint-{stem(Job.INGEST)[:6]}-0123456789ab", 1)
    (folder / "_metadata").write_bytes(shared.as_uri().encode())
    assert runs.left() == []


def test_files_of_a_later_run_are_not_touched(runs: Runs) -> None:
    runs.ids.append(job_id(Job.INGEST, runs.ids))
    runs.checkpoint(3, 1)
    for number in range(RETAINED):
        runs.checkpoint(2, number)
    assert superseded(runs.folders, Job.INGEST, runs.ids[2]) == []
