"""The embedded Kafka: one KRaft node, broker and controller in one process, on loopback only."""

import base64
import json
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from deploy.local import kafka_jars
from deploy.local.kafka_jars import java
from deploy.local.process import LocalError, free_ports, port_is_free

HEAP = "384m"
READY_TIMEOUT_S = 90.0  # after a kill -9 the broker waits out its own old session, 12 to 15 s

SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
# One node: nothing can be replicated.
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# Few groups: fewer internal partitions open, fewer files, a faster start.
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
# A misspelt topic must fail.
auto.create.topics.enable=false
# The default of 128 MB is a third of this heap; this holds some 600,000 keys a pass.
log.cleaner.dedupe.buffer.size=16777216
"""

LOG4J_PROPERTIES = """\
log4j.rootLogger=WARN, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=%d{ISO8601} %-5p %c{1}: %m%n
log4j.logger.kafka.server.KafkaRaftServer=INFO
log4j.logger.kafka.server.BrokerLifecycleManager=INFO
"""


@dataclass(frozen=True, slots=True)
class KafkaServer:
    """A formatted node and how to run it."""

    folder: Path
    port: int
    controller_port: int
    jars: tuple[Path, ...]

    @property
    def bootstrap(self) -> str:
        """What KAFKA_BOOTSTRAP_SERVERS is to be."""
        return f"127.0.0.1:{self.port}"

    @property
    def command(self) -> list[str]:
        """The broker in the foreground, logging to its standard output. SIGTERM stops it cleanly."""
        return [*_java(self.folder, self.jars), "kafka.Kafka", str(self.folder / "server.properties")]


def prepare(folder: Path) -> KafkaServer:
    """Make a node under `folder` unless it is there, choose its ports and write its settings.

    The ports of the last start are taken again when they are free: other programs may use them.
    Downloads Kafka on the first start of a machine. An interrupted first start leaves nothing half-formatted.
    """
    java()  # missing packages are told before anything is written
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    port, controller_port = _ports(folder / "ports.json")
    server = KafkaServer(folder, port, controller_port, tuple(kafka_jars.resolve()))
    (folder / "log4j.properties").write_text(LOG4J_PROPERTIES, encoding="utf-8")
    data = folder / "data"
    if not data.exists():
        _write_properties(server, folder / "data.new")
        _format(server)
        (folder / "data.new").rename(data)
    _write_properties(server, data)
    return server


def is_ready(bootstrap: str) -> bool:
    """Whether a broker is registered and open to clients; a port that accepts is not enough."""
    from kafka import KafkaAdminClient  # noqa: PLC0415 - slow to import, and not needed to read a command line
    from kafka.errors import KafkaError  # noqa: PLC0415

    host, _, port = bootstrap.split(",", maxsplit=1)[0].rpartition(":")
    if host == "127.0.0.1" and port_is_free(int(port)):
        return False  # spares the client its retries
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap, bootstrap_timeout_ms=3_000, request_timeout_ms=3_000
        )
    except (KafkaError, OSError):
        return False
    try:
        return bool(admin.describe_cluster().get("brokers"))
    except (KafkaError, OSError):
        return False
    finally:
        admin.close()


def _java(folder: Path, jars: tuple[Path, ...]) -> list[str]:
    return [
        str(java()), f"-Xmx{HEAP}", "-XX:+UseSerialGC", "-Djava.awt.headless=true",
        "--enable-native-access=ALL-UNNAMED",
        f"-Dlog4j.configuration=file:{folder / 'log4j.properties'}", "-cp", ":".join(map(str, jars)),
    ]  # fmt: skip


def _ports(file: Path) -> tuple[int, int]:
    if file.exists():
        port, controller_port = json.loads(file.read_text(encoding="ascii"))
        if port_is_free(port) and port_is_free(controller_port):
            return port, controller_port
    port, controller_port = free_ports(2)
    file.write_text(json.dumps([port, controller_port]), encoding="ascii")
    return port, controller_port


def _write_properties(server: KafkaServer, data: Path) -> None:
    text = SERVER_PROPERTIES.format(port=server.port, controller_port=server.controller_port, data=data)
    (server.folder / "server.properties").write_text(text, encoding="utf-8")


def _format(server: KafkaServer) -> None:
    shutil.rmtree(server.folder / "data.new", ignore_errors=True)
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    if cluster_id.startswith("-"):  # the tool would read it as an option
        cluster_id = "A" + cluster_id[1:]
    line = [
        *_java(server.folder, server.jars), "kafka.tools.StorageTool", "format",
        "-t", cluster_id, "-c", str(server.folder / "server.properties"),
    ]  # fmt: skip
    done = subprocess.run(line, capture_output=True, text=True, check=False)  # noqa: S603 - our own command line
    if done.returncode:
        raise LocalError(f"Kafka could not format {server.folder}:\n{(done.stdout + done.stderr).strip()}")
