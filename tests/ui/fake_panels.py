"""Panels of every kind from seeded arrays: what the diagnostics look like before there are any."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from core.diagnostics.shapes import Axis, Bars, Cell, Heat, Lines, Mark, Panel, Parallel, Points

NAMES = [
    "estimated_distance_km",
    "hour_of_day",
    "trips_of_driver_last_30_min",
    "mean_delay_of_vehicle_last_2_h",
    "weather",
    "temperature_celsius",
    "driver_rating",
    "vehicle_type",
    "share_of_night_trips_last_7_d",
]


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def roc() -> list[Panel]:
    x = np.linspace(0, 1, 120)
    y = x**0.18
    curve = Lines(name="Model", x=cells(x), y=cells(y), low=cells(y - 0.03 * (1 - x)), high=cells(y))
    chance = Lines(name="Chance", x=[0, 1], y=[0, 1], reference=True)
    mark = Mark(text="threshold 0.118", x=0.032, y=0.56)
    return [
        Panel(
            title="ROC curve",
            x=share("False alarms among negatives"),
            y=share("Positives found"),
            series=[curve, chance],
            marks=[mark],
            square=True,
        ),
        Panel(
            title="Precision over recall",
            x=share("Recall"),
            y=share("Precision"),
            series=[
                Lines(name="Model", x=cells(x), y=cells(1 - 0.92 * x**3), step=True),
                Lines(name="Share of positives", x=[0, 1], y=[0.021, 0.021], reference=True),
            ],
            square=True,
        ),
    ]


def confusion() -> list[Panel]:
    return [
        Panel(
            title="Truth and answer",
            x=Axis(title="Answer", scale="category", categories=["fraud", "not fraud"]),
            y=Axis(title="Truth", scale="category", categories=["fraud", "not fraud"]),
            series=[
                Heat(
                    name="Share of the row",
                    values=[[0.56, 0.44], [0.03, 0.97]],
                    text=[["238\n56.0 %", "187\n44.0 %"], ["664\n3.0 %", "21,411\n97.0 %"]],
                    low=0,
                    high=1,
                )
            ],
        ),
        Panel(
            title="What was said of each class",
            x=Axis(title="Rows", low=0),
            y=Axis(title="", scale="category", categories=["fraud", "not fraud"]),
            series=[
                Bars(name="said fraud", values=[238, 664], stack="all"),
                Bars(name="said not fraud", values=[187, 21_411], stack="all"),
            ],
        ),
    ]


def cloud() -> list[Panel]:
    random = rng()
    made = []
    for n, (name, size) in enumerate((("Not fraud", 1_400), ("Fraud", 120), ("Missed", 40))):
        spots = random.normal([(n - 1) * 1.8, n * 0.9], 1.0, (size, 2))
        made.append(
            Points(
                name=name,
                x=cells(spots[:, 0]),
                y=cells(spots[:, 1]),
                text=[f"{name}: transaction {k}" for k in range(size)] if n else [],
            )
        )
    return [
        Panel(
            title="Principal components",
            x=Axis(title="First component, 31 % of the variance"),
            y=Axis(title="Second component, 18 %"),
            series=list(made),
            wide=True,
        )
    ]


def importance() -> list[Panel]:
    random = rng()
    values = np.sort(random.gamma(1.2, 0.1, len(NAMES)))[::-1]
    spread = 0.1 * values + 0.004
    lying = Panel(
        title="Loss of AUC when a column is shuffled",
        x=Axis(title="Loss of ROC AUC"),
        y=Axis(title="", scale="category", categories=NAMES),
        series=[
            Bars(name="Loss", values=cells(values), low=cells(values - spread), high=cells(values + spread))
        ],
    )
    signed = Panel(
        title="Correlation with the label",
        x=Axis(title="Pearson correlation", low=-1, high=1),
        y=Axis(title="", scale="category", categories=NAMES),
        series=[Bars(name="Correlation", values=cells(random.uniform(-0.7, 0.8, len(NAMES))))],
    )
    return [lying, signed]


def upright() -> list[Panel]:
    hours = [str(hour) for hour in range(24)]
    random = rng()
    error = 240 + 90 * np.sin(np.arange(24) / 3.5) + random.normal(0, 9, 24)
    groups = ["Clear", "Rain", "Fog", "Thunderstorm"]
    low, high = cells(error[:4] - 30), cells(error[:4] + 34)
    return [
        Panel(
            title="Error by hour",
            x=Axis(title="Hour of the day", scale="category", categories=hours),
            y=Axis(title="MAE", unit="s"),
            series=[Bars(name="Model", values=cells(error))],
            marks=[Mark(text="all rows 241 s", y=241.0)],
            wide=True,
        ),
        Panel(
            title="Error by weather",
            x=Axis(title="Weather", scale="category", categories=groups),
            y=Axis(title="MAE", unit="s"),
            series=[
                Bars(name="Model", values=cells(error[:4]), low=low, high=high),
                Bars(
                    name="Naive", values=cells(error[:4] * 1.9), low=cells(error[:4] * 1.8), high=[None] * 4
                ),
            ],
        ),
        Panel(
            title="Rows by weather",
            x=Axis(title="Weather", scale="category", categories=groups),
            y=Axis(title="Rows"),
            series=[Bars(name="Rows", values=[1_204, 611, 133, None])],
        ),
    ]


def calibration() -> list[Panel]:
    said = np.array([0.008, 0.034, 0.07, 0.14, 0.24, 0.35, 0.46, 0.57, 0.68, 0.83])
    happened = np.clip(said + 0.05 * np.sin(9 * said), 0, 1)
    return [
        Panel(
            title="Reliability",
            x=share("Said"),
            y=share("Happened"),
            series=[
                Lines(
                    name="Model",
                    x=cells(said),
                    y=cells(happened),
                    low=cells(happened * 0.8),
                    high=cells(np.minimum(1, happened * 1.2)),
                ),
                Lines(name="Perfect", x=[0, 1], y=[0, 1], reference=True),
            ],
            square=True,
        ),
        Panel(
            title="How often each probability was said",
            x=Axis(title="Probability", scale="category", categories=[f"{10 * n} %" for n in range(10)]),
            y=Axis(title="Rows", scale="log"),
            series=[Bars(name="Rows", values=[15_200, 4_310, 1_670, 720, 310, 140, 72, 44, 22, 0])],
        ),
    ]


def boundary() -> list[Panel]:
    random = rng()
    xs, ys = np.linspace(0, 900, 48), np.linspace(0, 1_800, 48)
    wide, tall = np.meshgrid(xs, ys)
    risk = 1 / (1 + np.exp(-(wide - 420 - 0.1 * tall) / 70))
    return [
        Panel(
            title="Answer over two inputs",
            x=Axis(title="Amount", unit="USD"),
            y=Axis(title="Account age", unit="d"),
            series=[
                Heat(
                    name="Probability",
                    values=[cells(row) for row in risk],
                    x=xs.tolist(),
                    y=ys.tolist(),
                    low=0,
                    high=1,
                ),
                Points(
                    name="Not fraud",
                    x=cells(random.uniform(0, 500, 200)),
                    y=cells(random.uniform(0, 1_800, 200)),
                ),
                Points(
                    name="Fraud",
                    x=cells(random.uniform(400, 900, 30)),
                    y=cells(random.uniform(0, 900, 30)),
                ),
            ],
            square=True,
            note="All other inputs at their median.",
        )
    ]


def correlation() -> list[Panel]:
    random = rng()
    matrix = np.asarray(np.corrcoef(random.normal(size=(len(NAMES), 12))))
    return [
        Panel(
            title="Correlation of the inputs",
            x=Axis(title="", scale="category", categories=NAMES),
            y=Axis(title="", scale="category", categories=NAMES),
            series=[
                Heat(
                    name="Pearson",
                    values=[cells(row) for row in matrix],
                    text=[[f"{value:.2f}" for value in row] for row in matrix],
                    both_sides=True,
                )
            ],
            wide=True,
        )
    ]


def parallel() -> list[Panel]:
    random = rng()
    weather = ["Clear", "Rain", "Fog"]
    axes = [Axis(title=name) for name in NAMES[:4]]
    axes.append(Axis(title="weather", scale="category", categories=weather))
    groups = []
    for n, name in enumerate(("Short trips", "Long trips")):
        numbers = random.normal(n, 0.6, (90, 4))
        rows: list[list[Cell]] = [[*cells(row), weather[int(random.integers(3))]] for row in numbers]
        groups.append(Parallel(name=name, rows=rows))
    return [
        Panel(
            title="Rows over their inputs",
            x=Axis(title=""),
            y=Axis(title=""),
            series=list(groups),
            axes=axes,
            wide=True,
        )
    ]


def over_time() -> list[Panel]:
    start = datetime(2026, 11, 20, 6, tzinfo=UTC)
    random = rng()
    times: list[Cell] = [(start + timedelta(minutes=5 * n)).isoformat() for n in range(200)]
    value = 0.07 + 0.02 * np.sin(np.arange(200) / 25) + random.normal(0, 0.002, 200)
    score: list[Cell] = [None if 60 <= n < 70 else float(v) for n, v in enumerate(value)]
    return [
        Panel(
            title="Log loss over time",
            x=Axis(title="Event time (UTC)", scale="time"),
            y=Axis(title="Log loss"),
            series=[
                Lines(name="hoeffding_adaptive_tree", x=times, y=score),
                Lines(name="logistic_regression", x=times, y=cells(value * 1.15)),
                Lines(name="Naive", x=times, y=[0.102] * 200, reference=True),
            ],
            marks=[Mark(text="drift: price", x=times[88]), Mark(text="drift: error", x=times[140])],
            wide=True,
        )
    ]


def learning() -> list[Panel]:
    sizes = [200, 600, 1_200, 2_400, 6_000]
    train, held = np.array([0.99, 0.97, 0.95, 0.94, 0.93]), np.array([0.71, 0.78, 0.82, 0.85, 0.87])
    return [
        Panel(
            title="Learning curve",
            x=Axis(title="Rows trained on", scale="log"),
            y=Axis(title="ROC AUC"),
            series=[
                Lines(name="Training rows", x=list(sizes), y=cells(train)),
                Lines(
                    name="Held-out rows",
                    x=list(sizes),
                    y=cells(held),
                    low=cells(held - 0.03),
                    high=cells(held + 0.03),
                ),
            ],
            wide=True,
        )
    ]


MADE: dict[str, Callable[[], list[Panel]]] = {
    "roc": roc,
    "confusion": confusion,
    "calibration": calibration,
    "errors": upright,
    "importance": importance,
    "projection": cloud,
    "boundary": boundary,
    "correlation": correlation,
    "parallel": parallel,
    "score_over_time": over_time,
    "learning_curve": learning,
}


def share(title: str) -> Axis:
    return Axis(title=title, share=True, low=0, high=1)


def cells(values: Any) -> list[Any]:
    return [float(value) for value in values]
