"""Which code and which commit something was made by: for the tags of runs."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from functools import cache
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]

LONGEST_S = 5


@cache
def code_version(*folders: str) -> str:
    """A short hash of the source files of some folders: the same for the same code, with or without git."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted((REPO / folder).rglob("*.py")):
            digest.update(path.relative_to(REPO).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def commit() -> str:
    """The commit that is checked out; empty where that is not known."""
    git = shutil.which("git")
    if git is None:
        return ""
    command = [git, "-C", str(REPO), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
