"""`python -m serving.features`: keeps the latest features in Redis until SIGTERM or Ctrl-C."""

from __future__ import annotations

import signal
import sys

import typer

from core.settings import SettingsError, settings
from core.telemetry import configure
from serving.features.writer import Writer


def write() -> None:
    """Keep the latest features of every entity in Redis, as the Flink job `features` computes them."""
    try:
        found = settings()
    except SettingsError as error:
        sys.exit(str(error))
    configure("features", found.log_level)
    writer = Writer(found)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: writer.stop())
    writer.run()


if __name__ == "__main__":
    typer.run(write)
