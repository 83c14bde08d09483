"""The batch worker with toys for work, and with less patience."""

from __future__ import annotations

import sys

from batch import slot, worker
from core.settings import load
from core.telemetry import configure

slot.LOST_SECONDS = 5  # a busy machine must not seem dead
slot.SWEEP_SECONDS = 1

if __name__ == "__main__":
    configure("batch")
    worker.run(load(), [sys.executable, "-m", "tests.batch.jobs.toy_work"])
