"""Artifacts in stores that MLflow's server does not stand before: through the full client, which knows them.

It takes seconds to import and 175 MB, so only such set-ups pay for it.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory


def keep(url: str, run: str, path: str, content: bytes) -> None:
    """Stores an artifact of a run; raises what MLflow raises."""
    from mlflow import MlflowClient

    folder, _, name = path.rpartition("/")
    with TemporaryDirectory() as home:
        made = Path(home) / name
        made.write_bytes(content)
        MlflowClient(tracking_uri=url).log_artifact(run, str(made), folder or None)


def fetch(url: str, run: str, path: str) -> bytes:
    """An artifact of a run; raises what MLflow raises."""
    from mlflow.artifacts import download_artifacts

    with TemporaryDirectory() as home:
        made = download_artifacts(run_id=run, artifact_path=path, dst_path=home, tracking_uri=url)
        return Path(made).read_bytes()


def drop(url: str, run: str, path: str) -> None:
    """Deletes an artifact of a run; raises what MLflow raises."""
    from mlflow import MlflowClient
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    root = MlflowClient(tracking_uri=url).get_run(run).info.artifact_uri
    get_artifact_repository(root, tracking_uri=url).delete_artifacts(path)  # type: ignore[no-untyped-call]
