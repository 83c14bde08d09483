"""The command line behind scripts/up, down, status and logs."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import deque
from pathlib import Path
from typing import Annotated, Any

import httpx
import msgspec
import typer

from core.connect.supervisor import PartState, parts
from core.settings import Settings, SettingsError, load
from infra.local import readiness, supervise
from infra.local.program import stop_order
from infra.local.programs import programs
from infra.local.supervise import StackError, log_file
from infra.local.up import up as bring_up

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

FOLLOW_SECONDS = 10.0


def _fail(message: str, code: int = 1) -> typer.Exit:
    typer.secho(message, fg="red", err=True)
    return typer.Exit(code)


def _settings() -> Settings:
    try:
        return load()
    except SettingsError as error:
        raise _fail(str(error), 2) from None


@app.command()
def up(
    detach: Annotated[bool, typer.Option(help="Return when everything is ready.")] = False,
    since: Annotated[float, typer.Option(hidden=True)] = 0.0,
) -> None:
    """Start the whole system, wait until it is ready, print the addresses. Ctrl-C stops it all."""
    settings = _settings()
    signal.signal(signal.SIGTERM, _interrupt)
    if supervise.running(settings):
        typer.echo("Millrace is already running here:")
        _print_status(settings)
        raise typer.Exit(0)
    left = supervise.orphans(settings)
    if left:
        raise _fail(f"{len(left)} processes of an earlier start are still here; run scripts/down first")
    began = since or time.time()
    try:
        bring_up(settings, typer.echo, began)
    except StackError as error:
        raise _fail(str(error)) from None
    except KeyboardInterrupt:
        raise _fail("Interrupted; everything is stopped.", 130) from None
    typer.echo(f"Ready after {time.time() - began:.0f} s.\n\n{_addresses(settings)}")
    if detach:
        return
    typer.echo("\nCtrl-C stops everything.")
    _follow(settings)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _addresses(settings: Settings) -> str:
    rows = (
        ("Dashboard", f"http://{settings.ui.host}:{settings.ui.port}"),
        ("HTTP API", f"{settings.serving.url}/docs"),
        ("Flink", f"http://{settings.flink.host}:{settings.flink.port}"),
        ("MLflow", settings.mlflow.url),
        ("Broker", settings.broker.url),
        ("Redis", settings.redis.url),
        ("Tables", settings.lake_uri),
        ("Logs", str(log_file(settings, "x").parent)),
    )
    return "\n".join(f"  {name:<10} {address}" for name, address in rows)


def _follow(settings: Settings) -> None:
    try:
        while supervise.running(settings):
            time.sleep(FOLLOW_SECONDS)
            typer.echo(_pulse(settings))
    except KeyboardInterrupt:
        typer.echo("Stopping.")
        _stop(settings)


def _pulse(settings: Settings) -> str:
    """One line on what the applications do."""
    try:
        answer = httpx.get(f"{settings.serving.url}/api/v1/status", headers=settings.api_headers, timeout=5)
        status = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        return f"the API does not answer: {error}"
    return "   ".join(_pulse_of(name, one) for name, one in status["applications"].items())


def _pulse_of(name: str, one: dict[str, Any]) -> str:
    counts = f"{one['produced']} produced, {one['delta_rows']} stored, {one['taught']} taught"
    return f"{name}: {one['learner']['state']}, {counts}"


@app.command()
def down() -> None:
    """Stop everything that `up` started, and nothing else. Data stay."""
    settings = _settings()
    ended = _stop(settings)
    typer.echo(f"Stopped {len(ended)} parts." if ended else "Nothing was running.")


def _stop(settings: Settings) -> list[str]:
    return supervise.stop_all(settings, stop_order(programs(settings)))


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show each part: state, pid, memory, readiness, last error. Exit 1 when any is not ready."""
    settings = _settings()
    if not supervise.running(settings):
        raise _fail("Millrace is not running here; start it with scripts/up")
    ready = _print_status(settings, as_json)
    raise typer.Exit(0 if ready else 1)


def _print_status(settings: Settings, as_json: bool = False) -> bool:
    present = parts(settings.var)
    waits = {
        name: readiness.CHECKS[name](settings) if one.pid else one.state for name, one in present.items()
    }
    if as_json:
        shown = {name: msgspec.to_builtins(one) | {"waits_for": waits[name]} for name, one in present.items()}
        typer.echo(json.dumps(shown))
    else:
        typer.echo(_table(present, waits))
    return not any(waits.values())


def _table(present: dict[str, PartState], waits: dict[str, str]) -> str:
    rows = [f"{'part':<16} {'state':<9} {'pid':>7} {'MiB':>7}  ready"]
    for name, one in present.items():
        note = waits[name] + (f" ({one.error})" if one.error else "")
        memory = f"{one.rss_mb:7.0f}" if one.rss_mb is not None else f"{'-':>7}"
        rows.append(f"{name:<16} {one.state.lower():<9} {one.pid or '-':>7} {memory}  {note or 'yes'}")
    total = sum(one.rss_mb or 0 for one in present.values())
    return "\n".join((*rows, f"{'in all':<16} {'':<9} {'':>7} {total:7.0f}"))


@app.command()
def logs(
    part: Annotated[
        str, typer.Argument(help="A part's name as scripts/status prints it; without it, all.")
    ] = "",
    lines: Annotated[int, typer.Option("-n", "--lines", min=1, help="Lines from the end.")] = 20,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as lines are written.")] = False,
) -> None:
    """Show the end of the parts' logs."""
    settings = _settings()
    folder = log_file(settings, "x").parent
    files = sorted(folder.glob("*.log")) if not part else [log_file(settings, part)]
    missing = [file.stem for file in files if not file.exists()]
    if missing or not files:
        there = ", ".join(sorted(file.stem for file in folder.glob("*.log"))) or "none yet"
        raise _fail(f"no log of {part!r}; there are: {there}", 2)
    for file in files:
        with file.open(errors="replace") as log:
            for line in deque(log, maxlen=lines):
                typer.echo(f"{file.stem:<16} {line.rstrip()}")
    if follow:
        sys.stdout.flush()
        os.execvp("tail", ["tail", "-n", "0", "-F", *(str(Path(file)) for file in files)])  # noqa: S606, S607


if __name__ == "__main__":
    app()
