"""Artifacts in stores that MLflow's server does not stand before: through the full client, which knows them.

It takes seconds to import and 175 MB, so only such set-ups pay for it. Every call raises what MLflow raises.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


def keep(url: str, root: str, path: str, content: bytes) -> None:
    """Stores an artifact below a root, such as a run's `artifact_uri`."""
    folder, _, name = path.rpartition("/")
    with TemporaryDirectory() as home:
        made = Path(home) / name
        made.write_bytes(content)
        _repository(url, root).log_artifact(str(made), folder or None)


def fetch(url: str, root: str, path: str) -> bytes:
    """An artifact below a root."""
    with TemporaryDirectory() as home:
        return Path(_repository(url, root).download_artifacts(path, home)).read_bytes()


def drop(url: str, root: str, path: str) -> None:
    """Deletes an artifact below a root."""
    _repository(url, root).delete_artifacts(path)


def _repository(url: str, root: str) -> Any:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    return get_artifact_repository(root, tracking_uri=url)
