"""Applications that nobody wrote a recipe for, to see whether the generic ones serve them."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

from core.declaration import (
    Application,
    Category,
    Classification,
    Entity,
    EventTime,
    Flag,
    Identifier,
    Number,
    Query,
    Regression,
    Text,
)
from core.windows import Count, Mean, Window

_FIELDS = (
    Identifier("reading_id"),
    Entity("sensor_id"),
    EventTime("timestamp"),
    Number("pressure", 0, 100_000, form=(10, 1000)),
    Number("angle", -90, 90),
    Number("weekday", 0, 6, integer=True),
    Number("shift", 0, 2, integer=True),
    Number("expected", 0, 1000),
    Number("wear", 0, 5000),
    Category("material", ("iron", "brass", "steel")),
    Category("batch", tuple(f"batch {n}" for n in range(300)), open=True),
    Flag("sealed"),
    Flag("burst"),
    Text("remark"),
)


def _toy(task: Classification | Regression, online: tuple[str, ...]) -> Application:
    return Application(
        name=f"toy_{type(task).__name__.lower()}",
        title="Toy",
        summary="A toy.",
        noun="readings",
        icon="toys",
        task=task,
        key="sensor_id",
        label_delay=timedelta(minutes=1),
        fields=_FIELDS,
        windows=(Window("sensor_id", timedelta(hours=1), take=(Count(), Mean("pressure"))),),
        online=online,
        queries=(Query("All", "SELECT 1"),),
    )


BURSTS = _toy(Classification("burst"), ("adaptive_random_forest", "binned_linear", "prior", "last_label"))
WEAR = _toy(
    Regression("wear", "mm", 1.0, "expected"),
    ("adaptive_random_forest", "binned_linear", "own_estimate", "last_label"),
)


def readings(count: int, seed: int = 3) -> list[tuple[dict[str, Any], bool, float]]:
    """Rows, whether a burst followed, and the wear; both follow from pressure, material, seal and shift."""
    rng, made = Random(seed), []
    for _ in range(count):
        x: dict[str, Any] = {
            "sensor_id": f"sensor {rng.randrange(50)}",
            "pressure": rng.lognormvariate(4, 1),
            "angle": rng.uniform(-60, 60),
            "weekday": rng.randrange(7),
            "shift": rng.randrange(3),
            "expected": rng.uniform(10, 300),
            "material": rng.choice(("iron", "brass", "steel")),
            "batch": f"batch {rng.randrange(400)}",
            "sealed": rng.random() < 0.7,
            "remark": "none",
            "sensor_id_1h_count": rng.randrange(1, 9),
        }
        risk = 0.9 if x["pressure"] > 100 and not x["sealed"] else 0.02
        stretch = 1.5 if x["material"] == "brass" else 1.0
        stretch *= 1.4 if x["weekday"] == 2 and x["shift"] == 1 else 1.0
        made.append((x, rng.random() < risk, x["expected"] * stretch * rng.uniform(0.9, 1.1)))
    return made
