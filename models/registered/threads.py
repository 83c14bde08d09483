"""How many threads the loops of scikit-learn take."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

FEW = 200_000
"""Below so many rows a second thread costs more than it brings: threads wait for one another many times per
tree or step, and on a busy machine each time for as long as the other has no core."""


def limited(threads: int | None, rows: int) -> AbstractContextManager[Any]:
    """Within it, they take at most `threads` (None: as many as they like), and one for few rows."""
    if rows < FEW:
        threads = 1
    return nullcontext() if threads is None else _loaded().limit(limits=threads)


@cache
def _loaded() -> Any:
    """What can be limited: only what is loaded, so the libraries come first."""
    import sklearn.ensemble  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
