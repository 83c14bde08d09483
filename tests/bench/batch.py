"""Batch training from a table in Delta to a registered version, and every diagnostic of it.

events, features -> Delta tables -> train (load, fit, evaluate, log) in a process of its own -> MLflow
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import duckdb

from batch import diagnose
from batch.progress import Silent
from batch.train import train
from core.applications import APPLICATIONS
from core.batch import Diagnose, Rows, Take, Train
from core.declaration import Application, Category, Entity, leaves
from core.diagnostics import Cost, Tab, diagnostics
from core.names import Table
from core.settings import Mlflow, Redis, Settings
from flink_jobs.tables import table_uri
from tests.batch import lakes
from tests.producers.streams import stream
from tests.tracking import mlflow_server

BASELINE = "loading as an earlier system did: ranks of every category over the whole table, then LIMIT"

GAP_S = 1.0
"""Between events, as when they are live."""

MEDIANS = tuple(f"median_{cost}_s" for cost in Cost)

STAGES = {"load_s": "loading", "fit_s": "fitting", "evaluate_s": "evaluating", "log_s": "logging"}

Say = Callable[[str], None]


def measure(sizes: Sequence[int], table_rows: int, all_diagnostics: bool, say: Say) -> dict[str, Any]:
    """Per application and size the seconds per stage, peak memory and scores; then seconds per diagnostic."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        home = Path(folder)
        (home / "mlflow").mkdir()
        with mlflow_server(home / "mlflow") as url:
            settings = lakes.settings(home, mlflow=Mlflow(url=url), redis=Redis(url="redis://127.0.0.1:1/0"))
            for name, application in APPLICATIONS.items():
                say(f"{name}: making {max(table_rows, *sizes)} rows")
                _fill(settings, application, max(table_rows, *sizes))
                figures[name] = _application(settings, application, sizes, all_diagnostics, say)
    return figures


def table(figures: Mapping[str, Any]) -> list[str]:
    """The figures of `measure` for people: a line per training and one per application's diagnostics."""
    columns = (*STAGES, "total_s", "peak_mb")
    lines = [f"{'application':<12} {'training':<36}" + "".join(f"{name:>12}" for name in columns)]
    for application, found in figures.items():
        for what, one in found.items():
            told = "".join(f"{one.get(name, '-'):>12}" for name in columns)
            medians = "".join(f"   {name} {one[name]:.2f}" for name in MEDIANS if name in one)
            lines.append(f"{application:<12} {what:<36}{told}{medians}")
    return lines


def _fill(settings: Settings, application: Application, rows: int) -> None:
    events, _ = stream(application.name, rows, GAP_S)
    lakes.fill(settings.lake_uri, application, events)
    stream.cache_clear()


def _application(
    settings: Settings, application: Application, sizes: Sequence[int], all_diagnostics: bool, say: Say
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for rows in sizes:
        for recipe in application.batch:
            say(f"{application.name}: {recipe} on {rows} rows")
            found[f"{recipe}, {rows} rows"] = _apart(_train, settings, application.name, recipe, rows)
        found[f"baseline, {rows} rows"] = _apart(_ranked, settings, application.name, rows)
    if all_diagnostics:
        run = found[f"{application.batch[0]}, {sizes[0]} rows"]["run_id"]
        found["diagnostics"] = _apart(_diagnosed, settings, application.name, run)
    return found


def _apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """What a fresh process makes of it: its imports are its own, and so is its peak of memory."""
    # An executor tells that its process died; a pool would start another one for ever.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def _train(settings: Settings, name: str, recipe: str, rows: int) -> dict[str, Any]:
    began = time.perf_counter()
    asked = Train(application=name, recipe=recipe, rows=Rows(take=Take.RECENT, amount=rows))
    done = train(settings, asked, Silent())
    total = time.perf_counter() - began
    known = {name: value for name, value in done["scores"].items() if value is not None}
    return {
        **{figure: round(done["seconds"].get(stage, 0.0), 2) for figure, stage in STAGES.items()},
        "total_s": round(total, 2),
        "peak_mb": _peak_mb(),
        "rows": done["rows"],
        "quality": {name: round(value, 4) for name, value in known.items()},
        "naive": {name: done["naive"].get(name) for name in known},
        "run_id": done["run_id"],
    }


def _peak_mb() -> int:
    """Most resident memory since this process began; `ru_maxrss` knows that of its parent, too."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return round(int(lines["VmHWM"].split()[0]) / 1024)


def _ranked(settings: Settings, name: str, rows: int) -> dict[str, Any]:
    """Seconds and memory of the earlier system's query, over the same files."""
    from deltalake import DeltaTable

    application = APPLICATIONS[name]
    files = DeltaTable(table_uri(settings.lake_uri, name, Table.EVENTS)).file_uris()
    texts = [path for path, leaf in leaves(application) if isinstance(leaf, Category | Entity)]
    ranks = ", ".join(f'DENSE_RANK() OVER (ORDER BY {path}) - 1 AS "{path}"' for path in texts)
    listed = ", ".join(f"'{file}'" for file in files)
    began = time.perf_counter()
    duckdb.execute(f"SELECT {ranks} FROM read_parquet([{listed}]) LIMIT {rows}").fetchall()  # noqa: S608 - our own
    return {"load_s": round(time.perf_counter() - began, 2), "peak_mb": _peak_mb()}


def _diagnosed(settings: Settings, name: str, run: str) -> dict[str, Any]:
    """Seconds of each diagnostic of a run, and their medians by cost."""
    application = APPLICATIONS[name]
    about = diagnose._subject(settings, application, run, Silent())
    seconds: dict[str, dict[str, float]] = {cost: {} for cost in Cost}
    for one in diagnostics(application):
        if one.tab != Tab.LIVE:
            asked = diagnose._asked(application, Diagnose(application=name, run_id=run, diagnostic=one.id))
            seconds[one.cost][one.id] = diagnose._computed(settings, asked, about, Silent()).seconds
    medians = {
        f"median_{cost}_s": sorted(found.values())[len(found) // 2]
        for cost, found in seconds.items()
        if found
    }
    return medians | {"peak_mb": _peak_mb(), "seconds": seconds[Cost.QUICK] | seconds[Cost.REFIT]}
