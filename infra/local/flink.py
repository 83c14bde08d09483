"""The local Flink cluster: a JobManager and a TaskManager from the PyFlink wheel, and the keeper of the jobs.

    settings -> config.yaml, logging, a folder of jars -> bin/*.sh start-foreground, under the supervisor

In a cluster this is the Flink Kubernetes operator; the jobs are the same.
"""

from __future__ import annotations

from pathlib import Path

from core.settings import Settings
from infra.local.program import APP_PYTHON, FLINK_PYTHON, JARS, REPO, Program

_LOG_PATTERN = "%d{ISO8601} %-5p %c{1} - %m%n"

_LOG4J = f"""\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = {_LOG_PATTERN}
logger.kafka.name = org.apache.kafka
logger.kafka.level = WARN
logger.shadedkafka.name = org.apache.flink.kafka.shaded.org.apache.kafka
logger.shadedkafka.level = WARN
logger.pekko.name = org.apache.pekko
logger.pekko.level = WARN
# Lines that every checkpoint would repeat.
logger.checkpoints.name = org.apache.flink.runtime.checkpoint
logger.checkpoints.level = WARN
logger.sinks.name = org.apache.flink.connector.kafka.sink
logger.sinks.level = WARN
# Flink's own sinks register one metric twice.
logger.metrics.name = org.apache.flink.metrics.MetricGroup
logger.metrics.level = ERROR
logger.sources.name = org.apache.flink.runtime.source.coordinator
logger.sources.level = WARN
"""

_LOG4J_CLIENT = f"""\
rootLogger.level = INFO
rootLogger.appenderRef.file.ref = File
appender.file.name = File
appender.file.type = FILE
appender.file.append = false
appender.file.fileName = ${{sys:log.file}}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = {_LOG_PATTERN}
logger.kafka.name = org.apache.flink.kafka.shaded.org.apache.kafka
logger.kafka.level = WARN
"""

# Flink reaches into packages that Java 17 closes; this is the list of the wheel's own configuration.
_OPENED = (
    *(f"java.base/java.{name}" for name in ("lang", "net", "io", "nio", "lang.reflect", "text", "time")),
    *("java.base/sun.nio.ch", "java.base/java.util"),
    *("java.base/java.util.concurrent", "java.base/java.util.concurrent.atomic"),
    "java.base/java.util.concurrent.locks",
)
_EXPORTED = (
    "java.rmi/sun.rmi.registry",
    *(f"jdk.compiler/com.sun.tools.javac.{name}" for name in ("api", "file", "parser", "tree", "util")),
    "java.security.jgss/sun.security.krb5",
)

_PROMETHEUS = "org.apache.flink.metrics.prometheus.PrometheusReporterFactory"

JAVA_OPTIONS = " ".join(
    [f"--add-exports={name}=ALL-UNNAMED" for name in _EXPORTED]
    + [f"--add-opens={name}=ALL-UNNAMED" for name in _OPENED]
)


def home(settings: Settings) -> Path:
    """The cluster's part of the state folder."""
    return settings.var.resolve() / "flink"


def distribution() -> Path:
    """Flink inside the wheel; raises FileNotFoundError when the Flink environment is not installed."""
    found = sorted(FLINK_PYTHON.parents[1].glob("lib/python3.*/site-packages/pyflink"))
    if not found:
        raise FileNotFoundError(
            f"no pyflink below {FLINK_PYTHON.parents[1]}: the Flink environment is not installed"
        )
    return found[0]


def flink_config(settings: Settings, metrics_ports: str = "") -> str:
    """The cluster's config.yaml.

    Everything binds to the host of the settings; ports other than REST and RPC are ephemeral, so two stacks
    run side by side. `metrics_ports`, a range such as "9249-9260", turns on the Prometheus reporter: it
    listens on every interface, because Flink's reporter takes a port and no address.
    """
    lines = _network(settings) | _memory(settings) | _checkpoints(settings) | _housekeeping(settings)
    if metrics_ports:
        lines |= {
            "metrics.reporters": "prom",
            "metrics.reporter.prom.factory.class": _PROMETHEUS,
            "metrics.reporter.prom.port": metrics_ports,
        }
    return "".join(f"{name}: {_scalar(value)}\n" for name, value in lines.items())


Scalar = str | int | float | bool


def _scalar(value: Scalar) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    return "'" + value.replace("'", "''") + "'"


def _network(settings: Settings) -> dict[str, Scalar]:
    host = settings.flink.host
    return {
        "rest.address": host,
        "rest.bind-address": host,
        "rest.port": settings.flink.port,
        "rest.bind-port": str(settings.flink.port),
        "jobmanager.rpc.address": host,
        "jobmanager.rpc.port": settings.flink.rpc_port,
        "jobmanager.bind-host": host,
        "blob.server.port": "0",
        "metrics.internal.query-service.port": "0",
        "taskmanager.host": host,
        "taskmanager.bind-host": host,
        "taskmanager.rpc.port": "0",
        "taskmanager.data.port": 0,
        # One name over restarts: the JobManager then knows at once that the former one is gone.
        "taskmanager.resource-id": "taskmanager-1",
        # Jobs come from the keeper; the web UI shows, and changes nothing.
        "web.submit.enable": False,
        "web.cancel.enable": False,
    }


def _memory(settings: Settings) -> dict[str, Scalar]:
    return {
        "jobmanager.memory.process.size": f"{settings.flink.jobmanager_mib}m",
        "taskmanager.memory.process.size": f"{settings.flink.taskmanager_mib}m",
        "taskmanager.memory.managed.fraction": 0.05,
        "taskmanager.memory.network.min": "64m",
        "taskmanager.memory.network.max": "64m",
        "taskmanager.numberOfTaskSlots": settings.flink.slots,
        "parallelism.default": settings.flink.parallelism,
        "env.java.opts.all": JAVA_OPTIONS,
        "env.java.opts.client": "-Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    }


def _checkpoints(settings: Settings) -> dict[str, Scalar]:
    root = home(settings)
    return {
        "execution.checkpointing.interval": f"{round(settings.flink.checkpoint_seconds * 1000)} ms",
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "execution.checkpointing.num-retained": 3,
        "execution.checkpointing.max-concurrent-checkpoints": 1,
        "execution.checkpointing.min-pause": f"{round(settings.flink.checkpoint_seconds * 250)} ms",
        "execution.checkpointing.timeout": "2 min",
        "execution.checkpointing.tolerable-failed-checkpoints": 3,
        "execution.checkpointing.storage": "filesystem",
        "execution.checkpointing.dir": (root / "checkpoints").as_uri(),
        "execution.checkpointing.savepoint-dir": (root / "savepoints").as_uri(),
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.initial-backoff": "1 s",
        "restart-strategy.exponential-delay.max-backoff": "30 s",
        "restart-strategy.exponential-delay.backoff-multiplier": 2.0,
        "restart-strategy.exponential-delay.reset-backoff-threshold": "2 min",
    }


def _housekeeping(settings: Settings) -> dict[str, Scalar]:
    root = home(settings)
    return {
        "jobmanager.execution.failover-strategy": "region",
        # A dead TaskManager is noticed within seconds; a busy one has half a minute.
        "heartbeat.interval": "3 s",
        "heartbeat.timeout": "30 s",
        "pekko.ask.timeout": "30 s",
        # PyFlink's classes come from the cluster's own folder, though each job brings them as well: a class
        # loader per job leaks at every restart, and is closed under tasks that outlive their JobManager.
        "classloader.resolve-order": "parent-first",
        "io.tmp.dirs": str(root / "tmp"),
        "web.tmpdir": str(root / "tmp"),
        "blob.storage.directory": str(root / "tmp"),
    }


def prepare(settings: Settings, metrics_ports: str = "") -> None:
    """Writes the configuration and makes the folder of jars: the wheel's, PyFlink's own, the connector."""
    root = home(settings)
    for name in ("conf", "lib", "log", "pid", "tmp", "checkpoints", "savepoints"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "conf" / "config.yaml").write_text(flink_config(settings, metrics_ports))
    (root / "conf" / "log4j-console.properties").write_text(_LOG4J)
    (root / "conf" / "log4j-cli.properties").write_text(_LOG4J_CLIENT)
    for old in (root / "lib").iterdir():
        old.unlink()
    for folder, pattern in (
        (distribution() / "lib", "*.jar"),
        (distribution() / "opt", "flink-python-*.jar"),
        (JARS / "flink", "*.jar"),
    ):
        for jar in folder.glob(pattern):
            (root / "lib" / jar.name).symlink_to(jar)


def environment(settings: Settings) -> dict[str, str]:
    """Where Flink's scripts find their folders."""
    root = home(settings)
    return {
        "FLINK_HOME": str(distribution()),
        "FLINK_CONF_DIR": str(root / "conf"),
        "FLINK_LIB_DIR": str(root / "lib"),
        "FLINK_LOG_DIR": str(root / "log"),
        "FLINK_PID_DIR": str(root / "pid"),
        "FLINK_IDENT_STRING": "millrace",
    }


def jobmanager(settings: Settings) -> Program:
    """The JobManager: REST, web UI, and who does what."""
    script = distribution() / "bin" / "jobmanager.sh"
    return Program(
        "jobmanager",
        [str(script), "start-foreground"],
        env=environment(settings),
        ports={
            "MILLRACE_FLINK__PORT": settings.flink.port,
            "MILLRACE_FLINK__RPC_PORT": settings.flink.rpc_port,
        },
        wave=1,
    )


def taskmanager(settings: Settings) -> Program:
    """The TaskManager: runs the tasks, and starts their Python workers."""
    script = distribution() / "bin" / "taskmanager.sh"
    conf = str(home(settings) / "conf")
    return Program(
        "taskmanager",
        [str(APP_PYTHON), "-m", "infra.local.taskmanager", conf, str(script)],
        env=environment(settings) | {"PYTHONPATH": str(REPO)},
        wave=1,
    )


def programs(settings: Settings) -> list[Program]:
    """The cluster's processes, in the order in which they start."""
    return [jobmanager(settings), taskmanager(settings)]


def keeper(settings: Settings) -> Program:
    """The keeper submits the jobs and watches over them; it hands these folders on to `flink run`."""
    return Program(
        "flink-jobs",
        [str(FLINK_PYTHON), "-m", "flink_jobs", "keeper"],
        env=environment(settings) | {"PYTHONPATH": str(REPO)},
    )
