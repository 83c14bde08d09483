"""What learners say of their models: scores over time, drift, scores by the delay of the label."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from batch.diagnostics.arrays import cells, thinned
from batch.diagnostics.live_traces import Live, Point, history, logged, report
from batch.diagnostics.subject import Found, Unanswerable
from core.diagnostics.shapes import Axis, Bars, Cell, Fact, Lines, Mark, Panel, Points, Sample
from core.metrics import Metric, metrics, rolling
from core.records import DriftEvent, LearnerReport

MARKS = 12
"""Changes that are marked on a curve: the newest."""

LARGEST_DOT = 4.0


def scores(live: Live, chosen: Mapping[str, Any]) -> Found:
    """The champion's scores over event time, the roster's where MLflow has them, and naive; with marks."""
    points, now = history(live), report(live)
    leading, late = metrics(live.application.task)[0], rolling(live.application.task)
    others, note = _others(live, now, points, late)
    marks = _marks(now, points)
    panels = [
        _over_time(late, points, marks, others),
        _over_time(leading, points, marks, []),
        _standings(now, late),
    ]
    facts = [
        Fact(title="Champion", value=now.champion),
        Fact(title=f"{late.title} now", value=_known(now.scores.get(late.id)), unit=late.unit),
        Fact(title=f"{late.title}, naive", value=_known(now.naive.get(late.id)), unit=late.unit),
        Fact(title="Labels known", value=now.taught),
        Fact(title="Changes found in the error", value=now.drifts.get("error", 0)),
    ]
    return Found(panels=panels, facts=facts, sample=_sample(points), note=note)


def _sample(points: list[Point]) -> Sample:
    return Sample(rows=len(points), available=len(points), split="live", how="scores that the learner left")


def _over_time(metric: Metric, points: list[Point], marks: list[Mark], others: list[Lines]) -> Panel:
    times = [one.clock or one.time for one in points]
    seconds = np.array([one.timestamp() for one in times])
    lines = []
    for name, values, reference in (
        ("champion", [one.scores.get(metric.id) for one in points], False),
        ("naive", [one.naive.get(metric.id) for one in points], True),
    ):
        y = np.array([_value(value) for value in values])
        kept = thinned(seconds, y)
        x: list[Cell] = [_iso(times[place]) for place in kept]
        lines.append(Lines(name=name, x=x, y=cells(y[kept]), reference=reference))
    share = metric.high == 1 and metric.low == 0 and not metric.unit
    return Panel(
        title=f"{metric.title} over event time",
        x=Axis(title="Event time", scale="time"),
        y=Axis(title=metric.title, unit=metric.unit, high=1 if share else None),
        series=[*lines, *others],
        marks=marks,
        note=metric.explanation,
        wide=True,
    )


def _others(live: Live, now: LearnerReport, points: list[Point], metric: Metric) -> tuple[list[Lines], str]:
    """The curves of the models that are not champion, from MLflow; and what to say where there are none."""
    import httpx

    names = [one.name for one in now.models if not one.champion and not one.naive]
    if not names:
        return [], ""
    if not now.run_id:
        return [], "The learner has no run in MLflow: the curves of the other models are missing."
    lines = []
    try:
        for name in names:
            live.progress.check()
            found = logged(live, now.run_id, f"{name}/{metric.id}")
            if found:
                lines.append(_moved(name, found, points))
    except httpx.HTTPError as error:
        return [], f"MLflow gives no answer, so the curves of the other models are missing: {error}"
    return lines, "" if lines else "MLflow holds no curves of the other models yet."


def _moved(name: str, found: list[tuple[datetime, float]], points: list[Point]) -> Lines:
    """A curve over wall clock moved to event time, by the points that know both."""
    wall = np.array([one.time.timestamp() for one in points])
    clock = np.array([(one.clock or one.time).timestamp() for one in points])
    inside = [(time.timestamp(), value) for time, value in found if wall[0] <= time.timestamp() <= wall[-1]]
    x = np.interp([time for time, _ in inside], wall, clock)
    y = np.array([value for _, value in inside])
    kept = thinned(x, y) if len(x) else np.zeros(0, dtype=np.int64)
    times: list[Cell] = [_iso(datetime.fromtimestamp(one, UTC)) for one in x[kept].tolist()]
    return Lines(name=name, x=times, y=cells(y[kept]))


def _marks(now: LearnerReport, points: list[Point]) -> list[Mark]:
    """Changes that were found in the error, and changes of champion, within the curves."""
    start = points[0].clock
    found = [(one.time, f"drift: {_what(one)}") for one in now.drift if not one.feature]
    found += [(one.time, f"champion: {one.after}") for one in now.promotions if one.time]
    inside = [each for each in sorted(found) if start is None or each[0] >= start]
    return [Mark(text=text, x=_iso(time)) for time, text in inside[-MARKS:]]


def _what(one: DriftEvent) -> str:
    return one.feature or f"error of {one.model}"


def _standings(now: LearnerReport, metric: Metric) -> Panel:
    """How each model of the roster does now, on the events that all of them had."""
    models = now.models
    roles = {(True, False): " (champion)", (False, True): " (naive)"}
    titles = [one.name + roles.get((one.champion, one.naive), "") for one in models]
    values = [one.scores.get(metric.id) for one in models]
    return Panel(
        title=f"{metric.title} of every model now",
        x=Axis(title=metric.title, unit=metric.unit),
        y=Axis(title="Model", scale="category", categories=titles),
        series=[Bars(name="now", values=cells(map(_value, values)))],
    )


def drift(live: Live, chosen: Mapping[str, Any]) -> Found:
    """When and where changes were found on the stream, and how large they were."""
    now = report(live)
    events = now.drift
    counted = ", ".join(f"{count} of {kind}" for kind, count in now.drifts.items()) or "none"
    facts = [
        Fact(title="Changes found so far", value=counted),
        Fact(title="Told here, the newest", value=len(events)),
    ]
    sample = Sample(rows=len(events), available=sum(now.drifts.values()), split="live", how="the newest")
    watched = list(dict.fromkeys(_what(one) for one in events))
    if not events:
        note = f"No change was found in {now.asked:,} {live.application.noun} and {now.taught:,} labels."
        return Found(panels=[], facts=facts, sample=sample, note=note)
    largest = max(abs(one.magnitude) for one in events) or 1.0
    series = []
    for name, rises in (("rose", True), ("fell", False)):
        mine = [one for one in events if (one.after >= one.before) == rises]
        if not mine:
            continue
        series.append(
            Points(
                name=name,
                x=[_iso(one.time) for one in mine],
                y=[_what(one) for one in mine],
                size=[float(f"{1 + LARGEST_DOT * abs(one.magnitude) / largest:.3g}") for one in mine],
                text=[
                    f"{_what(one)}: {one.before:.4g} to {one.after:.4g} "
                    f"({one.magnitude:+.2f} sd, {one.detector})"
                    for one in mine
                ],
            )
        )
    panel = Panel(
        title="Changes that were found",
        x=Axis(title="Event time", scale="time"),
        y=Axis(title="Where", scale="category", categories=watched),
        series=list(series),
        note="Larger dots are larger changes, in standard deviations of the values before.",
        wide=True,
    )
    return Found(panels=[panel], facts=facts, sample=sample)


def by_delay(live: Live, chosen: Mapping[str, Any]) -> Found:
    """The leading scores by how long the label took to come, for champion and naive."""
    now = report(live)
    models = [one for one in now.models if one.by_delay and (one.champion or one.naive)]
    if not models:
        raise Unanswerable(f"no score by delay is known for {live.application.name} yet")
    bins = models[0].by_delay
    titles = [f"{_span(one.low_s, one.high_s)} (n = {one.count:,})" for one in bins]
    known = {one.id: one for one in metrics(live.application.task)}
    panels = []
    for metric in (known[name] for name in bins[0].scores if name in known):
        bars = [
            Bars(
                name=f"{one.name}{' (naive)' if one.naive else ''}",
                values=cells(_value(each.scores.get(metric.id)) for each in one.by_delay),
            )
            for one in models
        ]
        panels.append(
            Panel(
                title=f"{metric.title} by the delay of the label",
                x=Axis(title="The label came after", scale="category", categories=titles),
                y=Axis(title=metric.title, unit=metric.unit),
                series=list(bars),
                note=metric.explanation,
            )
        )
    rows = sum(one.count for one in bins)
    facts = [Fact(title="Champion", value=now.champion), Fact(title="Labels known", value=now.taught)]
    sample = Sample(rows=rows, available=now.taught, split="live", how="all labels so far")
    return Found(panels=panels, facts=facts, sample=sample)


def _span(low: float, high: float | None) -> str:
    return f"over {_time(low)}" if high is None else f"{_time(low)} to {_time(high)}"


def _time(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def _value(value: float | None) -> float:
    return np.nan if value is None else value


def _known(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(f"{value:.4g}")


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
