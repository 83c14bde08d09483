"""Which id a job runs under, and from which checkpoint it goes on. Pure, but for a look at a folder.

<root>/<job id>/chk-<n>/_metadata   a complete checkpoint; without the file it is not one
<savepoints>/savepoint-<first 6 of the id>-<random>/_metadata
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.names import Job
from flink_jobs.cluster import Folders

METADATA = "_metadata"
_STEM = 24


@dataclass(frozen=True, slots=True)
class Restore:
    """Where a job goes on. A savepoint belongs to whoever took it; a checkpoint passes to the new job."""

    path: Path
    owned: bool

    @property
    def claim_mode(self) -> str:
        """The word of `flink run -cm`."""
        return "claim" if self.owned else "no_claim"


def stem(job: Job) -> str:
    """What all ids of a job begin with."""
    return hashlib.md5(f"millrace:{job}".encode(), usedforsecurity=False).hexdigest()[:_STEM]


def job_id(job: Job, taken: Iterable[str] = ()) -> str:
    """32 hex digits: the job's stem, and a number after the highest among the ids in `taken`.

    Every submission needs an id of its own. A JobManager takes none that has ended before, and a
    TaskManager that outlived its JobManager refuses the code of a new run under the old id. Two keepers
    would still choose the same id, so that Flink itself refuses a second copy of a job.
    """
    first = stem(job)
    numbers = [int(one[_STEM:], 16) for one in taken if one.startswith(first)]
    return f"{first}{max(numbers, default=-1) + 1:08x}"


def used(checkpoints: Path, job: Job) -> set[str]:
    """The ids under which a job has run: each left a folder."""
    return {
        path.name for path in checkpoints.glob(f"{stem(job)}*") if re.fullmatch("[0-9a-f]{32}", path.name)
    }


def newest(checkpoints: Path, savepoints: Path, job: Job) -> Restore | None:
    """The newest complete checkpoint or savepoint of a job, whichever of its ids it ran under.

    An older one would write rows twice into the topics, so only the newest will do.
    """
    first = stem(job)
    found = [(_age(m), Restore(m.parent, owned=True)) for m in checkpoints.glob(f"{first}*/chk-*/{METADATA}")]
    found += [
        (_age(m), Restore(m.parent, owned=False))
        for m in savepoints.glob(f"savepoint-{first[:6]}-*/{METADATA}")
    ]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def settled(folders: Folders, jid: str) -> bool:
    """Whether a run has as many checkpoints of its own as the cluster keeps."""
    return len(list((folders.checkpoints / jid).glob(f"chk-*/{METADATA}"))) >= folders.retained


def remove(path: Path) -> None:
    """Removes a file or a folder with all that is in it; what is gone already is no error."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def superseded(folders: Folders, job: Job, jid: str) -> list[Path]:
    """What former runs of a job left and the run `jid` does not need: checkpoints, and files they shared.

    Empty until the run is settled; by then Flink itself has let go of the one it began with. A checkpoint
    may hold on to files that former runs wrote (RocksDB writes what changed). It names them in its metadata,
    and what is named there stays.
    """
    if not settled(folders, jid):
        return []
    own = (folders.checkpoints / jid).glob(f"chk-*/{METADATA}")
    taken = folders.savepoints.glob(f"savepoint-{stem(job)[:6]}-*/{METADATA}")
    try:
        named = [metadata.read_bytes() for metadata in (*own, *taken)]
    except FileNotFoundError:  # a newer one took its place while we looked; the next look finds that
        return []
    former = [one for one in used(folders.checkpoints, job) if int(one[_STEM:], 16) < int(jid[_STEM:], 16)]
    left = [
        path
        for one in sorted(former)
        for pattern in ("chk-*", "shared/*", "taskowned/*")
        for path in sorted((folders.checkpoints / one).glob(pattern))
    ]
    return [path for path in left if not any(_mark(path) in metadata for metadata in named)]


def _mark(path: Path) -> bytes:
    """How metadata name a file or what lies in a folder; the end keeps chk-1 from being found in chk-12."""
    return f"{path.parent.name}/{path.name}{'/' if path.is_dir() else ''}".encode()


def _age(metadata: Path) -> tuple[int, int]:
    """Time of writing, then the checkpoint's number where two share it."""
    number = metadata.parent.name.removeprefix("chk-")
    try:
        written = metadata.stat().st_mtime_ns
    except FileNotFoundError:  # Flink dropped it while we looked: a newer one is there
        written = 0
    return written, int(number) if number.isdigit() else 0
