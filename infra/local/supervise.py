"""The process supervisor (supervisord): its configuration, and starting and stopping parts through it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from core.connect.supervisor import control, parts, socket_path
from core.settings import Settings
from infra.local.program import APP_PYTHON, REPO, Program

LOG_BYTES = "10MB"

STACK_MARK = "SUPERVISED_STACK"
"""In the environment of every part: the state folder of its stack, so that none is left behind unseen."""

# A UNIX socket's address holds 108 bytes with its end.
LONGEST_SOCKET = 107


class StackError(RuntimeError):
    """The stack can't be started or stopped; the text says what is wrong and what to do."""


def run_folder(settings: Settings) -> Path:
    """Where configuration, socket and pid of the supervisor lie."""
    return settings.var.resolve() / "run"


def log_file(settings: Settings, part: str) -> Path:
    """Where a part's output goes."""
    return settings.var.resolve() / "logs" / f"{part}.log"


def config(settings: Settings, programs: Iterable[Program]) -> str:
    """The supervisor's configuration: nothing starts by itself, whatever ends is started again.

    Parts inherit the environment of `scripts/up`, so its MILLRACE_ settings hold for all of them.
    """
    run = run_folder(settings)
    sections = [
        "[supervisord]",
        f"pidfile={run / 'supervisord.pid'}",
        f"logfile={log_file(settings, 'supervisor')}",
        f"directory={REPO}",
        "minfds=1024",
        "[unix_http_server]",
        f"file={socket_path(settings.var)}",
        "chmod=0700",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        # For the operator: supervisorctl stops and starts single parts.
        "[supervisorctl]",
        f"serverurl=unix://{socket_path(settings.var)}",
    ]
    for program in programs:
        sections += _section(settings, program)
    return "\n".join(sections) + "\n"


def _section(settings: Settings, program: Program) -> list[str]:
    ours = {"PYTHONPATH": str(REPO), "PYTHONUNBUFFERED": "1", STACK_MARK: str(settings.var.resolve())}
    variables = ours | dict(program.env)
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in variables.items())
    return [
        f"[program:{program.name}]",
        f"command={' '.join(_quoted(_escaped(word)) for word in program.command)}",
        f"environment={pairs}",
        "autostart=false",
        "autorestart=true",
        "startsecs=2",
        "startretries=1000000",  # a part waits for its dependencies for ever; it must not be given up
        f"stopwaitsecs={program.stop_seconds}",
        "stopasgroup=false",
        "killasgroup=true",
        "redirect_stderr=true",
        f"stdout_logfile={log_file(settings, program.name)}",
        f"stdout_logfile_maxbytes={LOG_BYTES}",
        "stdout_logfile_backups=2",
    ]


def _escaped(text: str) -> str:
    return text.replace("%", "%%").replace('"', '\\"')


def _quoted(word: str) -> str:
    return f"'{word}'" if any(sign in word for sign in " *;$") else word


def launch(settings: Settings, programs: list[Program]) -> None:
    """Starts the supervisor in the background; raises StackError when it does not come up."""
    for folder in (run_folder(settings), log_file(settings, "x").parent):
        folder.mkdir(parents=True, exist_ok=True)
    if len(str(socket_path(settings.var))) > LONGEST_SOCKET:
        raise StackError(
            f"the state folder's path is too long for a socket: {settings.var.resolve()}; "
            "set MILLRACE_VAR to a shorter one"
        )
    file = run_folder(settings) / "supervisord.conf"
    file.touch(mode=0o600)
    file.write_text(config(settings, programs))
    command = [str(APP_PYTHON), "-m", "supervisor.supervisord", "-c", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StackError(f"the supervisor did not start: {(done.stderr or done.stdout).strip()}")
    until = time.monotonic() + 10
    while not running(settings):
        if time.monotonic() > until:
            raise StackError(f"the supervisor does not answer; see {log_file(settings, 'supervisor')}")
        time.sleep(0.1)


def running(settings: Settings) -> bool:
    """Whether a supervisor of this state folder answers."""
    return bool(parts(settings.var))


def start(settings: Settings, *names: str) -> None:
    """Starts parts without waiting for them to be ready."""
    with control(settings.var) as supervisor:
        for name in names:
            supervisor.startProcess(name, False)


def stop_all(settings: Settings, waves: Iterable[Iterable[str]]) -> list[str]:
    """Stops the parts wave by wave, then the supervisor; returns what was ended.

    A part that ignores its signal is killed after its time. So is whatever a killed supervisor left
    behind: processes of this stack are known by their mark, and no other is touched.
    """
    ended = []
    if parts(settings.var):
        with control(settings.var) as supervisor:
            for wave in waves:
                ended += _stop_wave(settings, supervisor, set(wave))
            supervisor.shutdown()
    pid = _supervisor_pid(settings)
    if pid:
        psutil.wait_procs([psutil.Process(pid)], timeout=15)
    return ended + _end_orphans(settings)


def _stop_wave(settings: Settings, supervisor: Any, wave: set[str]) -> list[str]:
    """Stops some parts together and waits for the last of them; the supervisor kills who is too slow."""
    alive = [name for name, one in parts(settings.var).items() if name in wave and one.pid]
    for name in alive:
        supervisor.stopProcess(name, False)
    while any(one.pid for name, one in parts(settings.var).items() if name in wave):
        time.sleep(0.1)
    return alive


def _supervisor_pid(settings: Settings) -> int | None:
    try:
        pid = int((run_folder(settings) / "supervisord.pid").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if psutil.pid_exists(pid) else None


def orphans(settings: Settings) -> list[psutil.Process]:
    """Processes that bear the mark of this stack."""
    mark = str(settings.var.resolve())
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(STACK_MARK) == mark:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # gone, or another user's: not ours
    return found


def _end_orphans(settings: Settings) -> list[str]:
    left = orphans(settings)
    for process in left:
        with suppress(psutil.NoSuchProcess):  # it may end between the look and the signal
            process.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=10)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return [f"process {process.pid}" for process in left]
