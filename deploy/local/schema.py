"""What an installation needs in its database and its broker before a service can start."""

import secrets
from dataclasses import dataclass
from pathlib import Path

import psycopg

import services
import shared
from deploy.local.installation import CLI_KEY_SCOPES, Installation, write_private
from deploy.local.process import LocalError
from shared.auth import store
from shared.contracts.topics import TOPICS
from shared.kafka.admin import create_topics
from shared.postgres import connect, migrate

ADMINISTRATOR = "admin@localhost"


def migration_folders() -> list[tuple[str, Path]]:
    """(schema, folder of numbered SQL files), the shared schema first: services may refer to it."""
    folders = [("auth", Path(shared.__path__[0]) / "auth" / "migrations")]
    found = sorted(Path(services.__path__[0]).glob("*/sql/migrations"))
    return folders + [(folder.parent.parent.name, folder) for folder in found if any(folder.glob("*.sql"))]


def migrate_all(url: str) -> list[str]:
    """Bring every schema up to date; returns the names applied, as `schema/file`."""
    return [
        f"{schema}/{name}" for schema, folder in migration_folders() for name in migrate(url, schema, folder)
    ]


def make_topics(bootstrap: str, prefix: str) -> list[str]:
    """Create the topics that are missing; returns their names."""
    wanted = {topic.name: (topic.partitions, topic.config) for topic in TOPICS}
    return create_topics(bootstrap, wanted, prefix=prefix)


def claim_database(url: str, kind: str) -> None:
    """Mark the database as one of `real` or `demo` data. Raises LocalError when it is of the other kind."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS public.eclaireur_installation"
            " (one boolean PRIMARY KEY DEFAULT true CHECK (one), kind text NOT NULL)"
        )
        connection.execute(
            "INSERT INTO public.eclaireur_installation (kind) VALUES (%s) ON CONFLICT DO NOTHING", [kind]
        )
        row = connection.execute("SELECT kind FROM public.eclaireur_installation").fetchone()
    if row and row[0] != kind:
        raise LocalError(
            f"this database holds {row[0]} data, not {kind} data: set DATABASE_URL to another one"
        )


@dataclass(frozen=True, slots=True)
class Administrator:
    """The first person, with the password that is shown once and stored nowhere."""

    email: str
    password: str


def first_administrator(url: str) -> Administrator | None:
    """Create the administrator when the database holds nobody yet."""
    with connect(url, schema=store.SCHEMA) as connection:
        if store.has_people(connection):
            return None
        administrator = Administrator(ADMINISTRATOR, secrets.token_urlsafe(12))
        store.create_person(
            connection,
            email=administrator.email,
            name="Administrator",
            role="admin",
            password=administrator.password,
        )
    return administrator


def cli_key(url: str, installation: Installation) -> str:
    """The API key of this installation's own command line, made when the database knows none."""
    file = installation.cli_key_file
    with connect(url, schema=store.SCHEMA) as connection:
        if file.exists():
            token = file.read_text(encoding="utf-8").strip()
            key = store.key_by_hash(connection, store.token_hash(token))
            if key is not None and key.scopes >= set(CLI_KEY_SCOPES):
                return token
        token = store.create_key(connection, name="command line", scopes=CLI_KEY_SCOPES)
    write_private(file, token)
    return token
