"""Jobs as text: a table, and a job's log as it comes with a bar below it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from core import jobs
from core.batch import JobReport

if TYPE_CHECKING:
    from redis import Redis

POLL_SECONDS = 0.25

BAR = 30

LINE = "{:16}  {:19}  {:12}  {:9}  {:9}  {:15}  {}"

LONGEST = 200


def table(reports: Iterable[JobReport]) -> Iterator[str]:
    """One line per job, newest first, below a heading."""
    yield LINE.format("id", "made", "application", "kind", "state", "stage", "what became of it")
    for one in reports:
        became = one.error or ", ".join(
            f"{name} {shown(value)}" for name, value in one.result.items() if value
        )
        stage = f"{one.stage} {one.percent:.0f}%" if one.percent < 100 else one.stage
        made = f"{one.made.astimezone():%Y-%m-%d %H:%M:%S}"
        line = (
            f"{one.id:16}  {made:19}  {one.application:12}  {one.kind:9}  {one.state:9}  {stage:11}  {became}"
        )
        yield line[:200]


def watch(redis: Redis, job: str) -> JobReport:
    """Writes a job's log until the job has ended, and returns the job; on a terminal, with a bar below.

    Ctrl-C ends the watching; the job goes on.
    """
    bar = sys.stdout.isatty()
    after = ""
    while True:
        report = jobs.read(redis, job)  # before the lines: none that the end brings is missed
        told, after = jobs.lines(redis, job, after)
        if bar:
            sys.stdout.write("\r\033[K")
        for line in told:
            sys.stdout.write(f"{line.at.astimezone():%H:%M:%S}  {line.text}\n")
        if report.state in jobs.ENDED:
            sys.stdout.write(_end(report))
            return report
        if bar:
            sys.stdout.write(_bar(report))
        sys.stdout.flush()
        time.sleep(POLL_SECONDS)


def _bar(report: JobReport) -> str:
    full = round(report.percent / 100 * BAR)
    attempt = f", attempt {report.attempt}" if report.attempt > 1 else ""
    return f"[{'#' * full}{'.' * (BAR - full)}] {report.percent:3.0f}%  {report.stage}{attempt}"


def _end(report: JobReport) -> str:
    lines = [f"{report.kind} {report.application} {report.id}: {report.state}"]
    if report.error:
        lines.append(f"  {report.error}")
    lines += [f"  {name}: {shown(value)}" for name, value in report.result.items()]
    return "\n".join(lines) + "\n"


def shown(value: Any) -> str:
    """A result, or a part of it, in one line: numbers to four digits, what is unknown as a dash."""
    match value:
        case dict():
            return ", ".join(f"{name} {shown(one)}" for name, one in value.items()) or "-"
        case list():
            return ", ".join(map(shown, value)) or "-"
        case float():
            return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
        case None | "":
            return "-"
    return str(value)
