"""Where compiled loops are kept: one folder per state of the code.

numba looks at the file of a loop alone: a change in another one that it calls would go on running old code.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from infra.local.program import JARS, REPO

SETTING = "NUMBA_CACHE_DIR"


def cache(folders: tuple[Path, ...] = (REPO / "models", REPO / "learners")) -> Path:
    """The folder for loops compiled from these sources as they are now."""
    digest = sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return JARS / "compiled" / digest.hexdigest()[:16]
