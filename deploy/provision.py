"""What an installation needs in its database and its broker before a service can start."""

from dataclasses import dataclass
from pathlib import Path

import psycopg

import services
import shared
from shared.auth import store
from shared.contracts.topics import TOPICS
from shared.errors import UserError
from shared.kafka.admin import create_topics
from shared.postgres import connect, migrate

ADMINISTRATOR = "admin@localhost"
CLI_KEY_SCOPES = [
    "events:write", "events:history", "imports:read", "imports:write", "rejected:read", "rejected:write",
    "dry-runs:run", "status:read",
    "leads:read", "score:run",
    "models:read", "models:write", "drafts:read", "knowledge:read", "knowledge:write", "deliveries:read",
    "quality:read",
    "sources:read", "sources:write",
]  # fmt: skip


class OtherKind(UserError):
    """The database holds data of the other kind: what is real and what is invented never meet."""


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
    """Mark the database as one of `real` or `demo` data. Raises OtherKind."""
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
        raise OtherKind(
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
        administrator = Administrator(ADMINISTRATOR, store.new_password())
        store.create_person(
            connection,
            email=administrator.email,
            name="Administrator",
            role="admin",
            password=administrator.password,
        )
    return administrator


def command_line_key(url: str, kept: str | None) -> str:
    """The command line's own API key: the one `kept` while the database knows it, else a new one."""
    with connect(url, schema=store.SCHEMA) as connection:
        if kept:
            key = store.key_by_hash(connection, store.token_hash(kept))
            if key is not None and key.scopes >= set(CLI_KEY_SCOPES):
                return kept
        return store.create_key(connection, name="command line", scopes=CLI_KEY_SCOPES)
