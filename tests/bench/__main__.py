"""The command line behind scripts/bench."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any

import psutil
import typer

from tests.bench import batch as batch_bench
from tests.bench import drift as drift_bench
from tests.bench import features as features_bench
from tests.bench import growth as growth_bench
from tests.bench import ingest as ingest_bench
from tests.bench import latency as latency_bench
from tests.bench import learners as learners_bench
from tests.bench import learning as learning_bench
from tests.bench import rosters as rosters_bench
from tests.bench import serving as serving_bench
from tests.bench import sql as sql_bench
from tests.bench import start as start_bench
from tests.bench import streams as streams_bench
from tests.bench import validation as validation_bench

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, last, on standard output.")]

_RATES = [200.0, 2000.0]

_SIZES = [10_000, 100_000]

_SEEDS = [2, 3, 4]
"""The detectors' constants were chosen on seed 1."""

_VERSIONS = ("confluent-kafka", "deltalake", "duckdb", "msgspec", "numpy", "river", "streamlit")


def say(text: str) -> None:
    """A line for people: on standard error, so that standard output is the JSON alone."""
    typer.echo(text, err=True)


def _print(figures: dict[str, Any], baseline: str, as_json: bool, table: Sequence[str] | None = None) -> None:
    """`table`: the lines for people; otherwise the figures stand there as they are."""
    for line in table or (f"{name:<28} {json.dumps(value)}" for name, value in figures.items()):
        say(line)
    say(f"{'baseline':<28} {baseline}")
    if not as_json:
        return
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607
    machine = {
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _VERSIONS},
    }
    known = {"machine": machine, "commit": commit.stdout.strip(), "baseline": baseline}
    sys.stdout.write(json.dumps(known | figures) + "\n")


@app.command()
def validation(
    events: Annotated[int, typer.Option(min=1000, help="Events per application.")] = 100_000,
    as_json: AsJson = False,
) -> None:
    """The check of events on one core, against parsing the same bytes with orjson and no check."""
    _print(validation_bench.measure(events, say), validation_bench.BASELINE, as_json)


@app.command()
def learners(
    events: Annotated[int, typer.Option(min=6000, help="Events per application.")] = 30_000,
    as_json: AsJson = False,
) -> None:
    """The online models, asked then taught, one event at a time, against the reference's model and loop."""
    _print(learners_bench.measure(events, say), learners_bench.BASELINE, as_json)


@app.command()
def learning(
    events: Annotated[int, typer.Option(min=10_000, help="Events per application.")] = 200_000,
    as_json: AsJson = False,
) -> None:
    """The learner's loop, in memory and through a real broker; snapshots and memory. Takes minutes."""
    _print(learning_bench.measure(events, say), learning_bench.BASELINE, as_json)


@app.command()
def growth(
    events: Annotated[int, typer.Option(min=10_000, help="Events per application.")] = 100_000,
    as_json: AsJson = False,
) -> None:
    """Memory and snapshots of a learner's process after 10,000 events, 100,000 and so on. Takes minutes."""
    _print(growth_bench.measure(events, say), growth_bench.BASELINE, as_json)


@app.command()
def rosters(
    events: Annotated[int, typer.Option(min=6000, help="Events per stream.")] = 40_000,
    seed: Annotated[int, typer.Option(help="Of the streams.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Every model of every roster, labels late, at the rates of live and of history. Takes minutes."""
    _print(rosters_bench.measure(events, seed, say), rosters_bench.BASELINE, as_json)


@app.command()
def drift(
    hours: Annotated[float, typer.Option(min=3, help="Live hours of the usual world per seed.")] = 8,
    seed: Annotated[list[int], typer.Option(help="Of the stream; repeatable.")] = _SEEDS,
    as_json: AsJson = False,
) -> None:
    """Drift on the stream: false alarms a day, and per scenario the delay in events. Takes minutes."""
    _print(drift_bench.measure(hours, seed, say), drift_bench.BASELINE, as_json)


@app.command()
def batch(
    rows: Annotated[list[int], typer.Option(min=2000, help="Rows to train on; repeatable.")] = _SIZES,
    table: Annotated[int, typer.Option(help="Rows in the table, if more.")] = 100_000,
    diagnostics: Annotated[bool, typer.Option(help="Every diagnostic of the smallest run.")] = True,
    as_json: AsJson = False,
) -> None:
    """Training from Delta to a registered version, stage by stage, and every diagnostic. Takes minutes."""
    figures = batch_bench.measure(sorted(rows), table, diagnostics, say)
    _print(figures, batch_bench.BASELINE, as_json, batch_bench.table(figures))


@app.command()
def streams(
    events: Annotated[int, typer.Option(min=20_000, help="Events per stream.")] = 100_000,
    as_json: AsJson = False,
) -> None:
    """What there is to learn: AUC of frauds by amount, row, row with windows; the trips' noise floor."""
    _print(streams_bench.measure(events, say), streams_bench.BASELINE, as_json)


@app.command()
def features(
    events: Annotated[int, typer.Option(min=1000, help="Events per application.")] = 667_000,
    state: Annotated[str, typer.Option(help="rocksdb or hashmap.")] = "rocksdb",
    as_json: AsJson = False,
) -> None:
    """The Flink job `features` over a preloaded topic, every row compared with DuckDB. Takes minutes."""
    _print(features_bench.measure(events, state, say), features_bench.BASELINE, as_json)


@app.command()
def ingest(
    events: Annotated[int, typer.Option(min=1000, help="Events per application.")] = 667_000,
    as_json: AsJson = False,
) -> None:
    """Preloaded raw messages through the jobs ingest and lakehouse into Delta. Takes minutes."""
    _print(ingest_bench.measure(events, say), ingest_bench.BASELINE, as_json)


@app.command()
def latency(
    rate: Annotated[
        list[float], typer.Option(min=1, help="Events/s over all applications; repeatable.")
    ] = _RATES,
    seconds: Annotated[float, typer.Option(min=10, help="How long each rate is measured.")] = 60,
    state: Annotated[str, typer.Option(help="Of the job features: rocksdb or hashmap.")] = "rocksdb",
    as_json: AsJson = False,
) -> None:
    """From event to valid, to features, to prediction, on a whole stack at several rates. Takes minutes."""
    _print(latency_bench.measure(rate, seconds, state, say), latency_bench.BASELINE, as_json)


@app.command()
def serving(
    rate: Annotated[float, typer.Option(min=1, help="Requests/s over all applications.")] = 200,
    seconds: Annotated[float, typer.Option(min=2, help="How long the rate is held.")] = 30,
    lessons: Annotated[int, typer.Option(min=3000, help="Per application, before the start.")] = 10_000,
    teaching: Annotated[float, typer.Option(min=1, help="Lessons/s per application, beside.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Predictions with look-up of features over HTTP, one worker beside a running learner; throughput."""
    _print(serving_bench.measure(rate, seconds, lessons, teaching, say), serving_bench.BASELINE, as_json)


@app.command()
def sql(
    rows: Annotated[int, typer.Option(min=10_000, help="Rows of the table.")] = 5_800_000,
    repeats: Annotated[int, typer.Option(min=3, help="Queries; the median counts.")] = 25,
    as_json: AsJson = False,
) -> None:
    """A declared GROUP BY over a large Delta table: in the engine, through HTTP, and a query's first time."""
    _print(sql_bench.measure(rows, repeats, say), sql_bench.BASELINE, as_json)


@app.command()
def start(as_json: AsJson = False) -> None:
    """A first start with an empty state folder, then a warm one; memory of each part. Takes minutes."""
    _print(start_bench.measure(say), start_bench.BASELINE, as_json)


if __name__ == "__main__":
    app()
