"""Where compiled loops are kept: one folder per state of the code.

numba looks at the file of a loop alone: a change in another one that it calls would go on running old code.
"""

from __future__ import annotations

import subprocess
from hashlib import sha256
from pathlib import Path

from infra.local.program import APP_PYTHON, JARS, REPO

SETTING = "NUMBA_CACHE_DIR"


def cache(folders: tuple[Path, ...] = (REPO / "models", REPO / "learners")) -> Path:
    """The folder for loops compiled from these sources as they are now."""
    digest = sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return JARS / "compiled" / digest.hexdigest()[:16]


def start() -> subprocess.Popen[str] | None:
    """Begins to compile all loops where that was not done yet, so that not every learner does it for itself.

    A compiler leaves fifty megabytes behind in the process that used it.
    """
    if cache().exists():
        return None
    return subprocess.Popen(
        [str(APP_PYTHON), "-m", "learners", "compile-loops", str(cache())],
        cwd=REPO,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
