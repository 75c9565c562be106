"""Ingest, scoring, their workers and the console of one installation, as real processes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx

from tests.harness.platform import Installation, Platform, new_installation
from tests.harness.processes import free_port, servers, worker


@dataclass(frozen=True, slots=True)
class Stack:
    """Where each of the services that run answers."""

    installation: Installation
    urls: Mapping[str, str]

    def client(self, service: str, *scopes: str) -> httpx.Client:
        """An API client with a new key."""
        headers = {"Authorization": f"Bearer {self.installation.key(*scopes)}"}
        return httpx.Client(base_url=self.urls[service], headers=headers, timeout=30)

    def signed_in(self, service: str, role: str, name: str = "Léa Martin") -> httpx.Client:
        """An API client of a new person of this role."""
        person = self.installation.person(role, f"{uuid4().hex}@example.fr", name)
        headers = {"Authorization": f"Bearer {self.installation.person_token(person)}"}
        return httpx.Client(base_url=self.urls[service], headers=headers, timeout=30)


@contextmanager
def serving(service: str, platform: Platform, folder: Path) -> Iterator[Stack]:
    """A new installation of which one service's HTTP server runs; its log is in `folder`."""
    with (
        new_installation(platform) as installation,
        servers((service,), installation.environment, folder) as urls,
    ):
        yield Stack(installation, urls)


@contextmanager
def running_stack(installation: Installation, folder: Path) -> Iterator[Stack]:
    """All of them, until the end of the block; what they write is in `folder`. No responder: nothing
    answers at its address."""
    environment = installation.environment | {
        "INGEST_IMPORT_FOLDER": str(folder / "imports"),
        "RESPONDER_URL": f"http://127.0.0.1:{free_port()}",
    }
    with (
        worker("ingest", environment, folder / "ingest-worker.log"),
        worker("scoring", environment, folder / "scoring-worker.log"),
        servers(("ingest", "scoring", "console"), environment, folder) as urls,
    ):
        yield Stack(installation, urls)
