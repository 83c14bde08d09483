"""How many threads the loops of scikit-learn take."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

FEW = 20_000
"""Below so many rows a second thread costs more than it brings: threads wait for one another many times per
tree or step, and on a busy machine each time for as long as the other has no core."""


def limited(threads: int, rows: int) -> AbstractContextManager[Any]:
    """Within it, they take at most `threads`, and one for few rows."""
    # Only what is loaded can be limited.
    import sklearn.ensemble  # noqa: F401
    from threadpoolctl import threadpool_limits

    limit: AbstractContextManager[Any] = threadpool_limits(limits=threads if rows >= FEW else 1)
    return limit
