"""Which run a screen is about; in the address, so that a link leads to the same one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from core.batch import Alias
from core.runs import RunSummary
from ui import formats


def draw(
    runs: Sequence[RunSummary],
    key: str = "run",
    label: str = "Run",
    default: int | None = None,
    bare: bool = False,
) -> RunSummary:
    """A menu of runs, newest first; the champion unless another one is chosen."""
    index = _champion(runs) if default is None else default
    names = [name(run) for run in runs]
    chosen = st.selectbox(
        label,
        names,
        index=index,
        key=key,
        bind="query-params",
        label_visibility="collapsed" if bare else "visible",
    )
    return runs[names.index(chosen)] if chosen in names else runs[index]


def champion(run: RunSummary) -> bool:
    """Whether it answers requests."""
    return Alias.CHAMPION in run.aliases


def name(run: RunSummary) -> str:
    """What a run is called; it never changes, so that addresses stay good."""
    version = f"Version {run.version}" if run.version is not None else f"Run {run.run_id[:8]}"
    return f"{version}, {run.title or run.recipe}" if run.recipe else version


def badges(run: RunSummary) -> str:
    """Aliases, age, rows and the link, as Markdown."""
    said = [f":{'blue' if one == 'champion' else 'gray'}-badge[{one.capitalize()}]" for one in run.aliases]
    said.append(f":gray[trained {formats.since(run.started, datetime.now(UTC))} ago]")
    if run.rows:
        said.append(f":gray[{formats.count(sum(run.rows.values()))} rows]")
    if run.threshold is not None:
        said.append(f":gray[threshold {formats.share(run.threshold)}]")
    if run.run_url:
        said.append(f"[:material/experiment: MLflow run]({run.run_url})")
    return "&ensp;".join(said)


def _champion(runs: Sequence[RunSummary]) -> int:
    return next((n for n, run in enumerate(runs) if champion(run)), 0)
