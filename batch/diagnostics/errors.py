"""Where and when the answers are wrong: by slice, over time, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from batch.diagnostics import explanation, worst
from batch.diagnostics.arrays import cells, mean_interval, moments, short
from batch.diagnostics.effects import importance
from batch.diagnostics.slices import LEAST_ROWS, Slice, Told, all_slices, measured_slices, slices, told
from batch.diagnostics.subject import Computation, Found, Subject, Unanswerable
from core.declaration import Classification, Regression
from core.diagnostics.shapes import Axis, Bars, Fact, Lines, Mark, Panel

SHOWN = 20
"""Slices that are shown when those of all inputs are compared."""

SPANS = 20
LEADING = 3
"""Inputs that residuals are shown over when none was chosen."""

_SLICED = "Slices with fewer than {least} rows are left out; whiskers are 95 % intervals."


def _by_segment(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """The loss of each slice of an input, or the worst slices of all inputs."""
    one, bins, name = told(subject), int(chosen["bins"]), str(chosen["input"])
    if name:
        single = subject.input(name)
        cut = slices(single, one.drawn.dataset.frame[name], bins)
        found = list(measured_slices(one, cut))
        if not cut.ordered:
            found.sort(key=lambda each: -each.loss)
        title, note = f"{one.title} by {name}", ""
    else:
        ranked = sorted(all_slices(subject, one, bins), key=lambda each: -_surely(each[1]))
        found = [each._replace(title=f"{of}: {each.title}") for of, each in ranked[:SHOWN]]
        title = "Worst slices of all inputs"
        note = f"Ordered by the lower end of the interval. {_SLICED.format(least=LEAST_ROWS)}"
    if not found:
        raise Unanswerable(f"no slice has {LEAST_ROWS} of the {len(one.truth):,} test rows: take more rows")
    overall = float(one.loss.mean())
    panels = [_loss_panel(one, found, title, overall), _bias_panel(subject, found), _rows_panel(found)]
    worst_one = max(found, key=_surely)
    facts = [
        Fact(title=f"{one.title}, all rows", value=short(overall), unit=one.unit),
        Fact(title="Worst slice", value=worst_one.title),
        Fact(title=f"{one.title} there", value=short(worst_one.loss), unit=one.unit),
    ]
    return Found(panels=panels, facts=facts, sample=one.drawn.sample, note=note)


def _surely(one: Slice) -> float:
    return one.low if np.isfinite(one.low) else -1.0


def _titles(found: list[Slice]) -> Axis:
    titles = [f"{one.title} (n = {one.rows:,})" for one in found]
    return Axis(title="Slice", scale="category", categories=titles)


def _loss_panel(one: Told, found: list[Slice], title: str, overall: float) -> Panel:
    return Panel(
        title=title,
        x=Axis(title=one.title, unit=one.unit),
        y=_titles(found),
        series=[
            Bars(
                name="model",
                values=cells(each.loss for each in found),
                low=cells(each.low for each in found),
                high=cells(each.high for each in found),
            ),
            Bars(name="naive", values=cells(each.naive for each in found)),
        ],
        marks=[Mark(text="all rows", x=short(overall))],
        wide=True,
    )


def _bias_panel(subject: Subject, found: list[Slice]) -> Panel:
    share = isinstance(subject.application.task, Classification)
    unit = "" if share else getattr(subject.application.task, "unit", "")
    return Panel(
        title="Bias: what happened less what was answered, on average",
        x=Axis(title="Actual minus answered", unit=unit, share=share),
        y=_titles(found),
        series=[Bars(name="bias", values=cells(each.bias for each in found))],
        marks=[Mark(text="none", x=0)],
    )


def _rows_panel(found: list[Slice]) -> Panel:
    return Panel(
        title="Rows",
        x=Axis(title="Test rows"),
        y=_titles(found),
        series=[Bars(name="rows", values=cells(each.rows for each in found))],
    )


def _over_time(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """The loss, and what happened and was answered, in spans of the test period."""
    one = told(subject)
    times = one.drawn.dataset.times.astype("datetime64[us]").astype(np.int64)
    edges = np.linspace(times.min(), times.max(), SPANS + 1)
    of = np.clip(np.searchsorted(edges, times, side="right") - 1, 0, SPANS - 1)
    used = np.unique(of)
    middles = moments(((edges[used] + edges[used + 1]) / 2).astype(np.int64).astype("datetime64[us]"))
    losses = [mean_interval(one.loss[of == place]) for place in used]
    naive = [float(one.naive[of == place].mean()) for place in used]
    axis = Axis(title="Time", scale="time")
    loss = Panel(
        title=f"{one.title} over the test period",
        x=axis,
        y=Axis(title=one.title, unit=one.unit, low=0),
        series=[
            Lines(
                name="model",
                x=middles,
                y=cells(each.value for each in losses),
                low=cells(max(0.0, each.low) for each in losses),
                high=cells(each.high for each in losses),
            ),
            Lines(name="naive", x=middles, y=cells(naive), reference=True),
        ],
        marks=[Mark(text="mean", y=short(float(one.loss.mean())))],
        wide=True,
    )
    early, late = (mean_interval(one.loss[half]) for half in (of < SPANS // 2, of >= SPANS // 2))
    facts = [
        Fact(title=f"{one.title}, first half", value=short(early.value), unit=one.unit),
        Fact(title=f"{one.title}, second half", value=short(late.value), unit=one.unit),
    ]
    panels = [loss, _levels(subject, one, of, used, middles)]
    note = f"The test period is cut into {SPANS} spans of equal length; bands are 95 % intervals."
    return Found(panels=panels, facts=facts, sample=one.drawn.sample, note=note)


def _levels(subject: Subject, one: Told, of: Any, used: Any, middles: list[Any]) -> Panel:
    """What happened and what was answered, on average per span."""
    share = isinstance(subject.application.task, Classification)
    label = (subject.application.label or "").rpartition(".")[2].replace("_", " ")
    means = [
        [float(values[of == place].mean()) for place in used] for values in (one.truth, one.drawn.answers)
    ]
    return Panel(
        title="What happened, and what was answered",
        x=Axis(title="Time", scale="time"),
        y=Axis(title=f"Share of {label}" if share else f"Mean {label}", unit=one.unit, share=share),
        series=[
            Lines(name="happened", x=middles, y=cells(means[0])),
            Lines(name="answered", x=middles, y=cells(means[1])),
        ],
        wide=True,
    )


def _naive_wins(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """The slices in which the model is worth least against the answer that costs nothing."""
    one = told(subject)
    ranked = [
        (name, each)
        for name, each in all_slices(subject, one, int(chosen["bins"]))
        if np.isfinite(each.worth_high)
    ]
    if not ranked:
        raise Unanswerable(f"no slice has {LEAST_ROWS} of the {len(one.truth):,} test rows: take more rows")
    ranked.sort(key=lambda each: each[1].worth_high)
    shown = [each._replace(title=f"{name}: {each.title}") for name, each in ranked[:SHOWN]]
    overall = 1 - float(one.loss.mean()) / (float(one.naive.mean()) or float("nan"))
    panel = Panel(
        title="How much smaller the error is than that of the naive answer",
        x=Axis(title="Saved share of the naive error", share=True),
        y=_titles(shown),
        series=[
            Bars(
                name="saved",
                values=cells(each.worth for each in shown),
                low=cells(each.worth_low for each in shown),
                high=cells(each.worth_high for each in shown),
            )
        ],
        marks=[Mark(text="as good as naive", x=0), Mark(text="all rows", x=short(overall))],
        wide=True,
    )
    losses = _loss_panel(one, shown, "Errors there", float(one.loss.mean()))
    facts = [
        Fact(title="Saved over all rows", value=short(overall)),
        Fact(title="Slices compared", value=len(ranked)),
        Fact(title="Slices where naive is better", value=sum(each.worth < 0 for _, each in ranked)),
        Fact(title="of them beyond doubt", value=sum(each.worth_high < 0 for _, each in ranked)),
    ]
    note = f"The naive answer is {_naive_words(subject)}. {_SLICED.format(least=LEAST_ROWS)}"
    return Found(panels=[panel, losses], facts=facts, sample=one.drawn.sample, note=note)


def _naive_words(subject: Subject) -> str:
    task = subject.application.task
    return f"the event's own {task.naive!r}" if isinstance(task, Regression) else "the training rows' share"


def _residuals_by(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """Residuals over an input, or over the three that matter most."""
    one, name = told(subject), str(chosen["input"])
    names = [subject.input(name).name] if name else list(importance(subject))[:LEADING]
    residuals = one.truth - one.drawn.answers
    panels = [_residual_panel(subject, one, each, residuals, int(chosen["bins"])) for each in names]
    facts = [Fact(title="Mean residual", value=short(float(residuals.mean())), unit=one.unit)]
    note = "" if name else "The inputs that matter most to this model, by mean |SHAP value|."
    return Found(panels=panels, facts=facts, sample=one.drawn.sample, note=note)


def _residual_panel(subject: Subject, one: Told, name: str, residuals: Any, bins: int) -> Panel:
    """Median and the middle 80 % of the residuals in each slice of an input."""
    cut = slices(subject.input(name), one.drawn.dataset.frame[name], bins)
    used = [place for place in range(len(cut.titles)) if np.any(cut.of == place)]
    low, middle, high = np.array(
        [np.quantile(residuals[cut.of == place], [0.1, 0.5, 0.9]) for place in used]
    ).T
    titles = [f"{cut.titles[place]} (n = {int((cut.of == place).sum()):,})" for place in used]
    return Panel(
        title=f"Residuals by {name}",
        x=Axis(title="Actual minus predicted, median and the middle 80 %", unit=one.unit),
        y=Axis(title=name, scale="category", categories=titles),
        series=[Bars(name="median residual", values=cells(middle), low=cells(low), high=cells(high))],
        marks=[Mark(text="no error", x=0)],
        wide=len(titles) > SHOWN,
    )


COMPUTATIONS: dict[str, Computation] = {
    "errors_by_segment": _by_segment,
    "errors_over_time": _over_time,
    "naive_wins": _naive_wins,
    "residuals_by_input": _residuals_by,
    "worst_answers": worst.worst_answers,
    "shap_summary": explanation.summary,
    "shap_row": explanation.one_row,
}
