"""The job's process with toys for work: what a request's parameters say is done."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from batch.progress import Progress
from batch.work import main
from core.batch import Diagnose, JobReport, Stage, Train
from core.settings import Settings


class Refused(ValueError):
    """As our own errors are."""


Refused.__module__ = "batch.toys"


def toy(settings: Settings, request: Any, progress: Progress, report: JobReport) -> dict[str, Any]:
    asked = request.parameters
    progress.stage(Stage.FITTING, 10)
    progress.line(f"pid {os.getpid()}", pid=os.getpid())
    (settings.var / f"begun-{os.getpid()}").touch()
    if "hang_until" in asked:
        _hang(Path(str(asked["hang_until"])))
    if "sleep" in asked:
        time.sleep(float(asked["sleep"]))
    if "mib" in asked:
        _take(int(asked["mib"]))
    if "lines" in asked:
        for number in range(int(asked["lines"])):
            progress.line("iteration", iteration=number)
    if asked.get("fail") == "ours":
        raise Refused("the table holds 3 rows; at least 100 are needed")
    if asked.get("fail") == "theirs":
        raise ZeroDivisionError("division by zero")
    if asked.get("fail") == "result":
        return {"score": object()}
    progress.line("fitted")
    return {"pid": os.getpid()}


def _hang(let_go: Path) -> None:
    """As a fit in C++ that looks at nothing."""
    while not let_go.exists():
        time.sleep(0.05)


def _take(mib: int) -> None:
    held = []
    for _ in range(mib // 64):
        held.append(b"\x01" * (64 * 2**20))
        time.sleep(0.02)
    time.sleep(30)


if __name__ == "__main__":
    main({Train: toy, Diagnose: toy})
