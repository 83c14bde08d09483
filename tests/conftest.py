"""What holds for every test."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import settings

from infra.local import compiled

if TYPE_CHECKING:
    from tests.tracking import Trained

# Before any test imports what numba compiles: loops of an older state of the code must not run.
os.environ.setdefault(compiled.SETTING, str(compiled.cache()))

# A busy machine takes its time: how long one example takes is no property of what is tested. The same code
# gets the same examples, so that no change is refused for another's fault; `--hypothesis-profile=explore`
# looks for new ones.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1_000, print_blob=True)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def mlflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tracking server keeps what it is given."""
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture(scope="session")
def mlflow_url(mlflow_home: Path) -> Iterator[str]:
    """A real tracking server, shared by all tests: it takes seconds to start."""
    from tests.tracking import mlflow_server

    with mlflow_server(mlflow_home) as url:
        yield url


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, mlflow_url: str) -> Trained:
    """Two trainings of every application; tests change neither them nor the aliases of their versions."""
    from tests.tracking import trained

    return trained(tmp_path_factory.mktemp("trained"), mlflow_url)


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A test that sets up a process's logs must not leave a handler on an output that is closed by then."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    if root.handlers != handlers:
        root.handlers, root.level = handlers, level
        structlog.reset_defaults()
