"""The calls of MLflow's model registry that the suite makes: versions of a registered model, and aliases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from core.connect.mlflow import Mlflow, pairs

PAGE = 1000


class Version(NamedTuple):
    """A version of a registered model."""

    number: int
    run_id: str
    source: str


class Registered(NamedTuple):
    """A registered model: its aliases with the number of the version that each is given to."""

    aliases: dict[str, int]


def registered(mlflow: Mlflow, name: str) -> Registered | None:
    """A registered model; None when there is none of this name."""
    found = mlflow.known("registered-models/get", {"name": name})
    if found is None:
        return None
    given = found["registered_model"].get("aliases", [])
    return Registered({one["alias"]: int(one["version"]) for one in given})


def make(mlflow: Mlflow, name: str, description: str) -> None:
    """Makes a registered model where there is none."""
    if registered(mlflow, name) is None:
        mlflow.call("POST", "registered-models/create", {"name": name, "description": description})


def versions(mlflow: Mlflow, name: str, run_id: str = "") -> list[Version]:
    """Versions that are ready to be used, the newest first; of one run, or all."""
    wanted = f"name = '{name}'" + (f" AND run_id = '{run_id}'" if run_id else "")
    asked: dict[str, Any] = {"filter": wanted, "max_results": PAGE, "order_by": ["version_number DESC"]}
    found: list[Version] = []
    while True:
        page = mlflow.call("GET", "model-versions/search", asked)
        found += [
            Version(int(one["version"]), one.get("run_id", ""), one.get("source", ""))
            for one in page.get("model_versions", [])
            if one.get("status", READY) == READY
        ]
        if not page.get("next_page_token"):
            return found
        asked["page_token"] = page["next_page_token"]


READY = "READY"


def add(
    mlflow: Mlflow,
    name: str,
    source: str,
    run_id: str,
    model_id: str,
    tags: Mapping[str, str],
    description: str,
) -> int:
    """A new version; gives its number."""
    asked = {
        "name": name,
        "source": source,
        "run_id": run_id,
        "tags": pairs(tags),
        "description": description,
    }
    asked |= {"model_id": model_id} if model_id else {}
    return int(mlflow.call("POST", "model-versions/create", asked)["model_version"]["version"])


def give(mlflow: Mlflow, name: str, alias: str, version: int) -> None:
    """Gives an alias to a version, whoever had it."""
    asked = {"name": name, "alias": alias, "version": str(version)}
    mlflow.call("POST", "registered-models/alias", asked)


def take(mlflow: Mlflow, name: str, alias: str) -> None:
    """Takes an alias away from whoever has it; one that nobody has is no error."""
    mlflow.known("registered-models/alias", {"name": name, "alias": alias}, "DELETE")
