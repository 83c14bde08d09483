"""How many threads the loops of scikit-learn take."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

FEW = 20_000
"""Below so many rows a second thread costs more than it brings: on a busy machine threads wait for one another
many times per fit, with 12,000 rows twenty times as long as one thread takes for all of it."""


def limited(threads: int, rows: int) -> AbstractContextManager[Any]:
    """Within it, they take at most `threads`, and one for few rows."""
    from threadpoolctl import threadpool_limits

    limit: AbstractContextManager[Any] = threadpool_limits(limits=threads if rows >= FEW else 1)
    return limit
