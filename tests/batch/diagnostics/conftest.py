"""What holds for tests of diagnostics."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from models.registered.threads import limited


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As `compute` has it: on a busy machine more threads take longer."""
    with limited(1, rows=0):
        yield
