"""The trained models: side by side on the same rows, the best of those marked, two compared, one promoted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

import streamlit as st

from core.api.batch import RunsAnswer
from core.declaration import Application
from core.metrics import Metric, batch_metrics
from core.runs import Evaluated, RunSummary, Span, Window, comparable
from ui import formats

SHOWN: Final = 3
"""Scores in the table."""


def table(application: Application, known: RunsAnswer) -> None:
    """One line per run. Scores of one window only are compared: others stay empty."""
    judged = latest(known.runs)
    leading = batch_metrics(application.task)[:SHOWN]
    st.dataframe(
        [_row(run, leading, judged, known.best) for run in known.runs],
        hide_index=True,
        placeholder=formats.UNKNOWN,
        column_config={
            "Trained (UTC)": st.column_config.DatetimeColumn(format="MMM DD, HH:mm"),
            "Rows": st.column_config.NumberColumn(help="That it was trained on", format="localized"),
            "Run": st.column_config.LinkColumn("MLflow", display_text="open"),
        }
        | {
            metric.title: st.column_config.NumberColumn(
                metric.title, help=f"{metric.explanation} On the latest window."
            )
            for metric in leading
        },
        key=f"{application.name}:runs",
        alt=f"Trained models of {application.title}",
    )
    st.caption(_told(leading[0], known, judged))


def latest(runs: Sequence[RunSummary]) -> Evaluated | None:
    """The newest evaluation of any run: others are comparable when they are on the same rows."""
    judged = [run.evaluated for run in runs if run.evaluated is not None]
    return max(judged, key=lambda one: (one.window.end, one.window.start), default=None)


def on(run: RunSummary, judged: Evaluated | None) -> dict[str, float | None]:
    """A run's scores on the rows of an evaluation; empty where it was not evaluated there."""
    if run.evaluated is None or judged is None or run.evaluated.window != judged.window:
        return {}
    return run.evaluated.scores


def compare(application: Application, one: RunSummary, other: RunSummary) -> None:
    """Every score of two runs, and by how much the first is better."""
    same = comparable(one, other)
    left, right = (_scores(one, same), _scores(other, same))
    names = (f"Version {one.version}", f"Version {other.version}")
    st.table(
        [
            _line(metric, left.get(metric.id), right.get(metric.id), names)
            for metric in batch_metrics(application.task)
        ],
        border="horizontal",
        hide_index=True,
    )
    if same and one.evaluated is not None:
        judged = one.evaluated.window
        st.caption(f"Both on the same {formats.count(judged.rows)} rows, {span(judged)}.")
    else:
        st.caption(
            ":orange[:material/warning:] Each on its own test rows, from different times: the difference may "
            "come from the rows. Evaluate both on the latest window to compare them."
        )


def gain(metric: Metric, one: float | None, other: float | None) -> float | None:
    """By how much the first is better; negative where it is worse."""
    if one is None or other is None:
        return None
    return one - other if metric.better == "higher" else other - one


def span(window: Span | Window | None) -> str:
    """From when to when."""
    if window is None:
        return "a time that is not known"
    return f"{formats.utc(window.start)} to {formats.utc(window.end)} UTC"


def _scores(run: RunSummary, same: bool) -> dict[str, float | None]:
    return run.evaluated.scores if same and run.evaluated is not None else run.scores


def _line(metric: Metric, one: float | None, other: float | None, names: tuple[str, str]) -> dict[str, str]:
    better = gain(metric, one, other)
    color = "" if not better else "green" if better > 0 else "red"
    delta = formats.UNKNOWN if one is None or other is None else f"{one - other:+,.{metric.digits}f}"
    return {
        "Score": metric.title,
        names[0]: formats.score(metric, one),
        names[1]: formats.score(metric, other),
        "Difference": f":{color}[{delta}]" if color else delta,
        "": f":gray[{metric.better} is better]",
    }


def _row(
    run: RunSummary, leading: Sequence[Metric], judged: Evaluated | None, best: str | None
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "Version": run.version,
        "Role": ", ".join([*run.aliases, *(["best"] if run.run_id == best else [])]) or None,
    }
    for metric in leading:
        value = on(run, judged).get(metric.id)
        row[metric.title] = None if value is None else round(value, metric.digits)
    return row | {
        "Model": run.title or formats.words(run.recipe),
        "Trained (UTC)": run.started.astimezone(UTC).replace(tzinfo=None),
        "Rows": run.rows.get("train"),
        "Run": run.run_url or None,
    }


def _told(metric: Metric, known: RunsAnswer, judged: Evaluated | None) -> str:
    if judged is None:
        return "No run was evaluated on a common window yet: their own test rows are from different times."
    number = sum(bool(on(run, judged)) for run in known.runs)
    marked = f", marked by {metric.title}" if known.best else ""
    return f"Scores of the {number} runs evaluated on {span(judged.window)}{marked}; others are not compared."
