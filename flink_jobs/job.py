"""The program that `flink run` executes in its client: builds one job and hands it to the cluster.

flink run ... -py flink_jobs/job.py <job> [--rewind]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.names import Job
from core.settings import Settings, settings
from flink_jobs import features, ingest, lakehouse

REWIND = "--rewind"
"""There is no checkpoint to go on from: read the topics from their beginning."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What a job is made of."""

    options: Callable[[Settings], dict[str, str]]
    build: Callable[[Any, Settings], Any]
    rewind: Callable[[Settings], None]


DEFINITIONS: dict[Job, Definition] = {
    module.JOB: Definition(module.options, module.build, module.rewind)
    for module in (ingest, lakehouse, features)
}


def run(job: Job, rewind: bool) -> None:
    """Submits `job` to the cluster that the client was started for; raises what Flink raises."""
    from pyflink.table import EnvironmentSettings, TableEnvironment

    definition = DEFINITIONS[job]
    if rewind:
        definition.rewind(settings())
    environment = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    config = environment.get_config()
    config.set("pipeline.name", job)
    config.set("parallelism.default", str(settings().flink.parallelism))
    for name, value in definition.options(settings()).items():
        config.set(name, value)
    definition.build(environment, settings()).execute()


if __name__ == "__main__":
    run(Job(sys.argv[1]), REWIND in sys.argv[2:])
