"""Ends a job with a savepoint, so that its next run goes on from there: the first half of an upgrade.

running job -> savepoint -> ended -> (the keeper, or `submit`) a new run from the savepoint
"""

from __future__ import annotations

import time
from pathlib import Path

from core.names import Job
from flink_jobs.cluster import Cluster, SavepointFailed

POLL_SECONDS = 0.5


class NotStopped(RuntimeError):
    """The job does not run, or took no savepoint; it is as it was."""


def stop(cluster: Cluster, job: Job, seconds: float) -> Path:
    """The savepoint of the job, which has ended with it.

    Raises NotStopped, and httpx.HTTPError when the cluster does not answer.
    """
    views = [view for view in cluster.jobs() if view.name == job and view.alive]
    if not views or views[0].state != "RUNNING":
        state = views[0].state if views else "not submitted"
        raise NotStopped(f"job {job} is {state}; only a job that is RUNNING can be stopped")
    jid = views[0].jid
    request = cluster.stop(jid)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            found = cluster.savepoint(jid, request)
        except SavepointFailed as error:
            raise NotStopped(f"job {job} took no savepoint: {error}") from None
        if found is not None:
            return found
        time.sleep(POLL_SECONDS)
    raise NotStopped(f"job {job} took no savepoint within {seconds:.0f} s; it may still do so")
