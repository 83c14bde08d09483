"""Starts the TaskManager, after ending the Python workers that a killed one left behind.

    supervisor -> this -> end orphans -> becomes taskmanager.sh start-foreground -> becomes java

A worker may not notice that its TaskManager was killed; it would keep its 200-500 MB for ever.
"""

from __future__ import annotations

import os
import sys

import psutil

WORKER = "pyflink.fn_execution.beam.beam_boot"

CONF_DIR = "FLINK_CONF_DIR"


def workers(conf_dir: str) -> list[psutil.Process]:
    """The Python workers of the cluster whose configuration lies in `conf_dir`, wherever they hang."""
    found = []
    for process in psutil.process_iter():
        try:
            if WORKER in process.cmdline() and process.environ().get(CONF_DIR) == conf_dir:
                found.append(process)
        except psutil.Error:
            continue  # it ended meanwhile, or is another user's
    return found


def end_workers(conf_dir: str) -> list[int]:
    """Ends them and returns their process ids. For use while no TaskManager of this cluster runs."""
    ended = []
    for process in workers(conf_dir):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
        ended.append(process.pid)
    return ended


def main(conf_dir: str, script: str) -> None:
    """Does not return: this process becomes the TaskManager, so a supervisor watches the real one."""
    ended = end_workers(conf_dir)
    if ended:
        print(f"ended Python workers without a TaskManager: {ended}", flush=True)
    os.execv(script, [script, "start-foreground"])  # noqa: S606 - the script of our own installation


if __name__ == "__main__":
    main(*sys.argv[1:])
