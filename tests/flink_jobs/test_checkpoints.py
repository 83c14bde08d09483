"""Which checkpoint is the newest, and which id a job gets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.names import Job
from flink_jobs.checkpoints import Restore, job_id, newest, stem, used


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
