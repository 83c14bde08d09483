"""The versions of a Delta table: which there are, and the files of each.

log folder -> versions that can be rebuilt -> the one at a number or a time -> TableState
"""

from __future__ import annotations

import json
import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyarrow.fs import FileSystem

KEPT = 16
"""States of older versions that are remembered."""

_LOG = "_delta_log"
_DIGITS = 20


class NoVersion(LookupError):
    """The table has no such version, or its files are gone; the message says what there is."""


@dataclass(frozen=True, slots=True)
class TableState:
    """A table at one version."""

    version: int
    rows: int
    files: tuple[str, ...]
    records: tuple[int, ...] = ()
    """Rows of each file."""


def state_of(table: DeltaTable) -> TableState:
    """The state of an open table, from its log alone: no file is read."""
    actions = table.get_add_actions(flatten=True)
    named = zip(actions["path"].to_pylist(), actions["num_records"].to_pylist(), strict=True)
    # A file's own name is unique, however the two lists spell its folder.
    records = {path.rpartition("/")[2]: int(n or 0) for path, n in named}
    files = tuple(table.file_uris())
    return TableState(
        version=table.version(),
        rows=sum(records.values()),
        files=files,
        records=tuple(records.get(uri.rpartition("/")[2], 0) for uri in files),
    )


class Versions:
    """The older versions of the table at `uri`, called `name` in messages; safe to share."""

    def __init__(self, uri: str, name: str) -> None:
        self._uri = uri
        self._name = name
        self._lock = threading.Lock()
        self._states: OrderedDict[int, TableState] = OrderedDict()

    def at(self, version: int, newest: TableState) -> TableState:
        """The table at a version; raises NoVersion."""
        if version == newest.version:
            return newest
        if version > newest.version:
            raise NoVersion(f"{self._name} has no version {version} yet; {self._range(newest)}")
        first = self._logged(newest.version)[0]
        if version < first:
            raise NoVersion(f"{self._name} has no version {version} any more; {self._range(newest)}")
        state = self._state(version)
        if not _whole(state):
            raise NoVersion(
                f"the files of version {version} of {self._name} are no longer kept; {self._range(newest)}"
            )
        return state

    def as_of(self, time: datetime, newest: TableState) -> TableState:
        """The newest version that was committed at `time` or before; raises NoVersion."""
        if time > datetime.now(UTC):
            raise NoVersion(f"{_shown(time)} lies in the future; {self._range(newest)}")
        versions = self._logged(newest.version)
        committed = self._commits()
        # Commit times grow with the version: a handful of commits is read, not all.
        found = bisect_right(versions, time, key=committed)
        if not found:
            raise NoVersion(f"{self._name} was not there yet at {_shown(time)}; {self._range(newest)}")
        return self.at(versions[found - 1], newest)

    def _range(self, newest: TableState) -> str:
        """What there is, in words: the versions whose files all exist, with their times."""
        versions = self._logged(newest.version)
        # The older a version, the more of its files are gone: look for the first that is whole.
        low, high = 0, len(versions) - 1
        while low < high:
            middle = (low + high) // 2
            if _whole(self._state(versions[middle])):
                high = middle
            else:
                low = middle + 1
        committed = self._commits()
        first, last = versions[low], newest.version
        return (
            f"there are versions {first} ({_shown(committed(first))}) to {last} ({_shown(committed(last))})"
        )

    def _state(self, version: int) -> TableState:
        from deltalake import DeltaTable

        with self._lock:
            known = self._states.get(version)
            if known is not None:
                self._states.move_to_end(version)
                return known
        state = state_of(DeltaTable(self._uri, version=version))
        with self._lock:
            self._states[version] = state
            while len(self._states) > KEPT:
                self._states.popitem(last=False)
        return state

    def _logged(self, newest: int) -> list[int]:
        """The versions that the log can rebuild, ascending, with a commit of their own to date them by."""
        from pyarrow.fs import FileSelector

        commits, checkpoints = set(), set()
        for info in _files(self._uri).get_file_info(FileSelector(_LOG)):
            digits, _, kind = info.base_name.partition(".")
            if len(digits) != _DIGITS or not digits.isdigit():
                continue
            if kind == "json":
                commits.add(int(digits))
            elif kind.startswith("checkpoint"):
                checkpoints.add(int(digits))
        first = newest
        while first - 1 in commits:
            first -= 1
        bases = [base for base in checkpoints | {0} if first <= base <= newest]
        start = min(bases, default=newest)
        return list(range(start, newest + 1))

    def _commits(self) -> Any:
        """A function from a version to the time of its commit; each is read once."""
        files, known = _files(self._uri), dict[int, datetime]()

        def committed(version: int) -> datetime:
            if version not in known:
                known[version] = _committed(files, version)
            return known[version]

        return committed


def _files(uri: str) -> FileSystem:
    from deltalake.fs import DeltaStorageHandler
    from pyarrow.fs import PyFileSystem

    return PyFileSystem(DeltaStorageHandler(uri))


def _committed(files: FileSystem, version: int) -> datetime:
    """When a version was committed: as the commit says, else as its file's time does."""
    path = f"{_LOG}/{version:0{_DIGITS}d}.json"
    with files.open_input_file(path) as file:
        for line in file.read().splitlines():
            said = json.loads(line).get("commitInfo", {}).get("timestamp")
            if isinstance(said, int):
                return datetime.fromtimestamp(said / 1000, UTC)
    [info] = files.get_file_info([path])
    at: datetime = info.mtime
    return at


def _whole(state: TableState) -> bool:
    """Whether all files of a version still exist. Elsewhere than on disk the engine finds out."""
    return all("://" in file or os.path.exists(file) for file in state.files)


def _shown(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
