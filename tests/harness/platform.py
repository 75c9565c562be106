"""A real Postgres and a real Kafka for the whole test session; a fresh installation on them for each test."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import psycopg

from deploy.provision import migrate_all
from shared.auth import store
from shared.auth.verify import PersonTokens
from shared.contracts.topics import TOPICS
from shared.kafka.admin import create_topics
from shared.postgres import Connection, connect
from tests.harness.embedded import running_kafka, running_postgres

PARTITIONS = 3
TEMPLATE = "eclaireur_template"
PASSWORD = "a long enough password"


@dataclass(frozen=True, slots=True)
class Platform:
    """The servers of a test session. `url(database)` gives a libpq URL."""

    base_url: str
    bootstrap: str

    def url(self, database: str) -> str:
        return self.base_url.replace("/eclaireur?", f"/{database}?")

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def running_platform() -> Iterator[Platform]:
    """Start both servers in a new folder, with a migrated template database; stop them at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="eclaireur-") as folder,
        running_postgres(Path(folder) / "postgres") as postgres,
        running_kafka(Path(folder) / "kafka") as kafka,
    ):
        platform = Platform(postgres.server.url(), kafka.server.bootstrap)
        platform.execute(f"CREATE DATABASE {TEMPLATE}")
        migrate_all(platform.url(TEMPLATE))
        yield platform


@dataclass(frozen=True, slots=True)
class Installation:
    """One installation for one test: its own database and its own topics."""

    platform: Platform
    database: str
    topic_prefix: str
    token_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def database_url(self) -> str:
        return self.platform.url(self.database)

    @property
    def environment(self) -> dict[str, str]:
        """What a service of this installation finds in its environment."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONUNBUFFERED": "1",
            "DATABASE_URL": self.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.platform.bootstrap,
            "TOPIC_PREFIX": self.topic_prefix,
            "TOKEN_SECRET": self.token_secret,
            "COMPANY_NAME": "Hydromeca",
            "OMP_NUM_THREADS": "1",
        }

    def connect(self, schema: str) -> Connection:
        return connect(self.database_url, schema=schema, autocommit=True)

    def key(self, *scopes: str, source: str | None = None, person_id: UUID | None = None) -> str:
        """The token of a new API key."""
        with self.connect(store.SCHEMA) as connection:
            return store.create_key(
                connection, name="test", scopes=list(scopes), source=source, person_id=person_id
            )

    def person(
        self, role: str = "rep", email: str = "lea@example.fr", name: str = "Léa Martin"
    ) -> store.Person:
        """A new person; their password is `PASSWORD`."""
        with self.connect(store.SCHEMA) as connection:
            person_id = store.create_person(connection, email=email, name=name, role=role, password=PASSWORD)
            person = store.person_by_id(connection, str(person_id))
        assert person is not None
        return person

    def person_token(self, person: store.Person) -> str:
        return PersonTokens(self.token_secret).issue(person)


@contextmanager
def new_installation(platform: Platform) -> Iterator[Installation]:
    """Clone the template database and create topics under a prefix of their own."""
    name = f"t{secrets.token_hex(6)}"
    platform.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    # Fewer partitions than an installation has: enough to tell them apart, and quick to make.
    topics = {topic.name: (PARTITIONS, topic.config) for topic in TOPICS}
    create_topics(platform.bootstrap, topics, prefix=f"{name}.")
    try:
        yield Installation(platform, name, f"{name}.")
    finally:
        platform.execute(f"DROP DATABASE {name} WITH (FORCE)")
