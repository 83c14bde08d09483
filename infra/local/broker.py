"""The local broker: Apache Kafka in KRaft mode, one node, from the jars of the Maven file.

In a cluster this is Redpanda; both speak the same protocol.
"""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterable

import tenacity
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from core.applications import APPLICATIONS
from core.connect.kafka import admin
from core.names import Stream, topic
from core.settings import Settings
from infra.local.program import JARS, Program

_HEAP = ("-Xmx320m", "-Xms128m", "-XX:+UseSerialGC", "-XX:MaxMetaspaceSize=128m")

_LEADER_SECONDS = 30

_NO_LEADER_YET = {
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}

_CLASS_PATH = f"{JARS / 'kafka'}/*"

_LOG4J = """\
Configuration:
  status: warn
  Appenders:
    Console:
      name: out
      PatternLayout:
        pattern: "%d{ISO8601} %p %c{1} %m%n"
  Loggers:
    Root:
      level: warn
      AppenderRef:
        ref: out
"""


def properties(settings: Settings) -> str:
    """The broker's configuration file."""
    host, _, port = settings.broker.url.rpartition(":")
    home = settings.var.resolve() / "kafka"
    controller = f"{host}:{settings.broker.controller_port}"
    return "\n".join(
        f"{name}={value}"
        for name, value in {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.bootstrap.servers": controller,
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://{controller}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": home / "data",
            "num.partitions": settings.broker.partitions,
            "auto.create.topics.enable": "false",
            "default.replication.factor": 1,
            "min.insync.replicas": 1,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            # Flink holds a transaction open from checkpoint to checkpoint, and over a restart.
            "transaction.max.timeout.ms": 900_000,
            "group.initial.rebalance.delay.ms": 0,
            "log.cleaner.dedupe.buffer.size": 4_194_304,
            "log.segment.bytes": 67_108_864,
            "log.retention.hours": settings.broker.retention_hours,
            "log.retention.bytes": settings.broker.retention_mib * 2**20,
        }.items()
    )


def program(settings: Settings) -> Program:
    """The broker as a supervised process."""
    home = settings.var.resolve() / "kafka"
    logging = f"-Dlog4j2.configurationFile={home / 'log4j2.yaml'}"
    return Program(
        "broker",
        ["java", *_HEAP, logging, "-cp", _CLASS_PATH, "kafka.Kafka", str(home / "server.properties")],
        ports={
            "MILLRACE_BROKER__URL": int(settings.broker.url.rpartition(":")[2]),
            "MILLRACE_BROKER__CONTROLLER_PORT": settings.broker.controller_port,
        },
        stop_seconds=30,
        wave=0,
    )


def prepare(settings: Settings) -> None:
    """Writes the configuration and, on the first start, formats the broker's storage."""
    home = settings.var.resolve() / "kafka"
    home.mkdir(parents=True, exist_ok=True)
    (home / "server.properties").write_text(properties(settings))
    (home / "log4j2.yaml").write_text(_LOG4J)
    if (home / "data" / "meta.properties").exists():
        return
    cluster = str(uuid.uuid4())
    command = ["java", *_HEAP, "-cp", _CLASS_PATH, "kafka.tools.StorageTool", "format"]
    command += ["-t", cluster, "--standalone", "-c", str(home / "server.properties")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"the broker's storage could not be formatted: {(done.stderr or done.stdout)[-2000:]}"
        )


def missing_topics(present: Iterable[str]) -> list[str]:
    """The declared topics that the broker does not have yet."""
    return sorted({topic(app, stream) for app in APPLICATIONS for stream in Stream} - set(present))


def topic_config(name: str) -> dict[str, str]:
    """What one topic has otherwise than the broker's default of 1 MiB per message.

    A dead letter is a raw message with headers: the largest message that `events` takes must fit with them,
    or the job `ingest` would meet it again at every restart. An event is dated by the broker's clock, by
    which `ingest` knows what lies ahead of time: a producer's own clock may be as wrong as its events.
    """
    if name.endswith(f".{Stream.DLQ}"):
        return {"max.message.bytes": str(2 * 2**20)}
    return {"message.timestamp.type": "LogAppendTime"} if name.endswith(f".{Stream.EVENTS}") else {}


def create_topics(settings: Settings) -> list[str]:
    """Makes the topics that are missing and returns their names once all can be read and written.

    Raises KafkaException on refusal.
    """
    client = admin(settings.broker.url)
    missing = missing_topics(client.list_topics(timeout=10).topics)
    if missing:
        wanted = [
            NewTopic(name, settings.broker.partitions, 1, config=topic_config(name)) for name in missing
        ]
        for done in client.create_topics(wanted).values():
            done.result()
        end_offsets(client, missing)
    return missing


def message_count(settings: Settings, application: str) -> int:
    """How many events were ever produced to an application's topic (its end offsets, summed)."""
    return end_offsets(admin(settings.broker.url), [topic(application, Stream.EVENTS)])


def _without_leader(error: BaseException) -> bool:
    return isinstance(error, KafkaException) and error.args[0].code() in _NO_LEADER_YET


@tenacity.retry(
    retry=tenacity.retry_if_exception(_without_leader),
    wait=tenacity.wait_exponential(multiplier=0.05, max=1),
    stop=tenacity.stop_after_delay(_LEADER_SECONDS),
    reraise=True,
)
def end_offsets(client: AdminClient, topics: Iterable[str]) -> int:
    """The end offsets of all partitions of topics, summed.

    A topic is made, and a broker is up, a moment before its partitions have a leader who answers: that moment
    is waited for. Raises KafkaException on everything else.
    """
    known = client.list_topics(timeout=10).topics
    partitions = []
    for name in topics:
        if name not in known or not known[name].partitions:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, f"topic {name}"))
        partitions += [TopicPartition(name, number) for number in known[name].partitions]
    newest = OffsetSpec.latest()
    ends = client.list_offsets(dict.fromkeys(partitions, newest)) if partitions else {}
    return sum(int(end.result().offset) for end in ends.values())
