"""Starting an installation: database and broker, what the services need in them, then the services."""

import os
from collections.abc import Mapping

import psycopg
from rich.console import Console

from deploy import provision
from deploy.demo import house
from deploy.local import checks, health, kafka, kafka_jars, postgres, settings_report
from deploy.local.installation import (
    Installation,
    compose_environment,
    is_set,
    own_secrets,
    setting,
    write_environment,
)
from deploy.local.process import LocalError, tethered, wait_until
from deploy.local.screen import step
from deploy.local.supervise import Program, Supervisor, service_programs
from shared.postgres import MigrationChanged

SERVICES_TIMEOUT_S = 240.0  # the embedding model alone takes a minute on a cold and busy disk


def start(
    installation: Installation, supervisor: Supervisor, caller: Mapping[str, str], screen: Console
) -> dict[str, str]:
    """Start everything that the caller has not of their own; returns the environment the services run in.

    Raises LocalError when a part does not come up; what was started until then is the caller's to stop.
    """
    made = own_secrets(installation) | {"INGEST_STATE_DIR": str(installation.root / "ingest")}
    if installation.demo:
        made |= house.SETTINGS
    programs: list[Program] = []
    own_postgres = None
    if not is_set("DATABASE_URL", caller):
        with step(screen, "Preparing Postgres"):
            own_postgres = postgres.prepare(installation.root / "postgres")
        made["DATABASE_URL"] = own_postgres.url()
        programs.append(_postgres_program(installation, own_postgres))
    if not is_set("KAFKA_BOOTSTRAP_SERVERS", caller):
        with step(screen, "Preparing Kafka" if kafka_jars.cached() else "Downloading Kafka (only once)"):
            own_kafka = kafka.prepare(installation.root / "kafka")
        made["KAFKA_BOOTSTRAP_SERVERS"] = own_kafka.bootstrap
        programs.append(_kafka_program(installation, own_kafka))
    known = frozenset(settings_report.fields())
    environment = compose_environment(installation, caller=caller, made=made, known=known)
    write_environment(installation, environment)

    supervisor.start([*programs, *service_programs(installation)], as_root=os.geteuid() == 0)
    for program in programs:
        supervisor.start_program(program.name)
    with step(screen, "Starting Postgres" if own_postgres else "Reaching your Postgres"):
        _ready_database(installation, environment, own_postgres)
    with step(screen, "Starting Kafka" if "KAFKA_BOOTSTRAP_SERVERS" in made else "Reaching your Kafka"):
        _ready_broker(environment)
    with step(screen, "Starting the services") as waiting_for:
        supervisor.start_services()
        health.wait_for_services(
            supervisor, environment, installation.logs, timeout_s=SERVICES_TIMEOUT_S,
            progress=lambda names: waiting_for(", ".join(names)),
        )  # fmt: skip
    return environment


def _ready_database(
    installation: Installation, environment: Mapping[str, str], own: postgres.PostgresServer | None
) -> None:
    url = setting("DATABASE_URL", environment) or ""
    if own:
        wait_until(lambda: postgres.is_ready(own), timeout_s=postgres.READY_TIMEOUT_S, what="Postgres")
        postgres.create_database(own)
    else:
        problem = checks.failures([checks.own_database(url)])
        if problem:
            raise LocalError(problem)
    try:
        provision.claim_database(url, installation.kind)
        provision.migrate_all(url)
    except (psycopg.Error, MigrationChanged) as error:
        raise LocalError(f"the database cannot be brought up to date: {error}") from error


def _ready_broker(environment: Mapping[str, str]) -> None:
    bootstrap = setting("KAFKA_BOOTSTRAP_SERVERS", environment) or ""
    wait_until(
        lambda: kafka.is_ready(bootstrap), timeout_s=kafka.READY_TIMEOUT_S, what=f"Kafka at {bootstrap}"
    )
    provision.make_topics(bootstrap, environment.get("TOPIC_PREFIX", ""))


def _postgres_program(installation: Installation, server: postgres.PostgresServer) -> Program:
    command = tethered(
        server.command, signal_name="SIGINT", user=server.os_user, pid_file=installation.pids / "postgres.pid"
    )
    return Program("postgres", command, priority=10, stop_signal="INT")


def _kafka_program(installation: Installation, server: kafka.KafkaServer) -> Program:
    return Program("kafka", tethered(server.command, pid_file=installation.pids / "kafka.pid"), priority=20)
