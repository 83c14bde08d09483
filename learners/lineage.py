"""Where a run's models come from, as tags: code, shape of the events, offsets, version of the table."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from core import names
from core.lineage import code_version
from core.snapshots import Header, schema_hash
from learners.learner import Learner

CODE = ("core", "learners", "models")


def at_start(learner: Learner) -> dict[str, str]:
    """What is known when a run begins; offsets by partition of the valid topic."""
    return {
        "code_version": code_version(*CODE),
        "schema_hash": schema_hash(learner.application),
        "asked_offsets_at_start": _offsets(learner.next_offsets),
        "taught_at_start": str(learner.taught),
    }


def of_contest(learner: Learner) -> dict[str, str]:
    """Who answers, and the latest changes, newest last."""
    told = [
        f"{one.taught} labels: {one.before} -> {one.after} {one.reason}"
        for one in learner.contest.history[-5:]
    ]
    return {
        "champion": learner.contest.champion,
        "champion_chosen": "by hand" if learner.contest.pinned else "by rule",
        "promotions": "; ".join(told) or "none",
    }


def of_snapshot(header: Header, lake_uri: str) -> dict[str, str]:
    """What the snapshot that was kept last has seen."""
    version = table_version(lake_uri, header.application)
    table = {} if version is None else {"events_table_version": str(version)}
    return table | {
        "asked_offsets": _offsets(header.asked_offsets),
        "taught_offsets": _offsets(header.taught_offsets),
    }


def table_version(lake_uri: str, application: str) -> int | None:
    """The newest version of the table of events, by the names in its log; None of a lake not on this disk."""
    log = Path(lake_uri) / names.table_path(application, names.Table.EVENTS) / "_delta_log"
    if "://" in lake_uri or not log.is_dir():
        return None
    found = [re.fullmatch(r"(\d{20})\.json", one.name) for one in log.iterdir()]
    return max((int(one[1]) for one in found if one), default=None)


def _offsets(offsets: Mapping[int, int]) -> str:
    return json.dumps({str(p): offset for p, offset in sorted(offsets.items())})
