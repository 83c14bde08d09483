"""What holds for every test."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

from infra.local import compiled

# Before any test imports what numba compiles: loops of an older state of the code must not run.
os.environ.setdefault(compiled.SETTING, str(compiled.cache()))

# A busy machine takes its time: how long one example takes is no property of what is tested.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A test that sets up a process's logs must not leave a handler on an output that is closed by then."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    if root.handlers != handlers:
        root.handlers, root.level = handlers, level
        structlog.reset_defaults()
