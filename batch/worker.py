"""The batch worker: `MILLRACE_BATCH__WORKERS` slots for trainings, and one more for diagnostics.

queue (rq) -> slot -> the job's own process (batch/work.py) -> report, log -> Redis
              slot -> ends the process: stopped, too much memory, too much time

Each slot is a small process of its own that waits for one queue. When a slot dies, its job's process ends
itself, and the job is taken up again as its next attempt; when the job's process dies, too. What is asked of
Redis by rq is plumbing: what people see is the report, which `core.jobs` alone changes.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from multiprocessing.process import BaseProcess

import structlog
from redis.exceptions import RedisError

from batch.slot import Slot
from core import names
from core.connect import redis as redis_connect
from core.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")

LOOK_SECONDS = 0.5

HEARTBEAT_SECONDS = 5
"""The mark that the worker runs is good for so long."""

END_SECONDS = 8.0
"""What the slots get to put their jobs back."""

COMMAND = [sys.executable, "-m", "batch.work"]
"""The job's own process; a descriptor's number is added."""


def run(settings: Settings, command: list[str] | None = None) -> None:
    """Works until SIGTERM or SIGINT; jobs in hand are put back into their queue then."""
    queues = [names.BATCH_QUEUE] * settings.batch.workers + [names.DIAGNOSTICS_QUEUE]
    fork = multiprocessing.get_context("fork")  # slots share the pages of what is imported here
    slots: list[BaseProcess | None] = [None] * len(queues)
    ended = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: ended.set())
    log.info("batch worker starts", trainings=settings.batch.workers, diagnostics=1)
    while not ended.is_set():
        for number, queue in enumerate(queues):
            before = slots[number]
            if before is None or not before.is_alive():
                if before is not None:
                    log.warning("a slot has ended and begins anew", queue=queue, status=before.exitcode)
                begun = slots[number] = fork.Process(target=_slot, args=(settings, queue, command or COMMAND))
                begun.start()
        _mark(settings, len(queues))
        ended.wait(LOOK_SECONDS)
    _end([slot for slot in slots if slot is not None])


def _slot(settings: Settings, queue: str, command: list[str]) -> None:
    """A slot's process, from fork to end."""
    parent = os.getppid()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, signal.SIG_DFL)
    logging.getLogger("rq.worker").setLevel(logging.WARNING)  # it tells of every sweep
    told = False
    with redis_connect.client(settings.redis.url) as redis:
        while os.getppid() == parent:
            try:
                slot = Slot(settings, redis, queue, command)
                break
            except RedisError as error:
                if not told:
                    log.warning("a slot waits for Redis", queue=queue, error=str(error))
                told = True
                time.sleep(1)
        else:
            return
        slot.work(logging_level=None)


def _mark(settings: Settings, slots: int) -> None:
    try:
        with redis_connect.client(settings.redis.url, retries=0) as redis:
            redis.set(names.batch_workers_key(), slots, ex=HEARTBEAT_SECONDS)
    except RedisError:
        return  # the slots tell of it


def _end(slots: list[BaseProcess]) -> None:
    for slot in slots:
        slot.terminate()
    until = time.monotonic() + END_SECONDS
    for slot in slots:
        slot.join(max(0.0, until - time.monotonic()))
        slot.kill()  # its job's process ends itself, and the job is taken up on the next start
        slot.join()
    log.info("batch worker stopped")
