"""The console on stand-ins: services in memory behind real HTTP, people in a dictionary."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from services.console.app import create_app
from services.console.sessions import Parts, People, PeopleUnavailable
from services.console.settings import ConsoleSettings
from shared.auth.store import Person
from tests.unit.console.fake_services import SECRET, FakeServices

PASSWORD = "a long enough password"


class PeopleInMemory(People):
    """People by address; all have one password."""

    def __init__(self) -> None:
        self.known: dict[UUID, Person] = {}
        self.unavailable = False
        self.add("sarah@example.fr", "Sarah Lebrun", "rep")
        self.add("ivan@example.fr", "Ivan Petit", "integrator")
        self.add("marie@example.fr", "Marie Le Bris", "marketing")

    def add(self, email: str, name: str, role: str) -> None:
        person = Person(uuid4(), email, name, role, None)
        self.known[person.person_id] = person

    def sign_in(self, email: str, password: str) -> Person | None:
        self._check()
        return next((p for p in self.known.values() if p.email == email and password == PASSWORD), None)

    def by_id(self, person_id: str) -> Person | None:
        self._check()
        return self.known.get(UUID(person_id))

    def set_language(self, person_id: UUID, language: str) -> None:
        self.known[person_id] = replace(self.known[person_id], language=language)

    def answer(self) -> bool:
        return not self.unavailable

    def _check(self) -> None:
        if self.unavailable:
            raise PeopleUnavailable


def settings(services: FakeServices, **changes: object) -> ConsoleSettings:
    return ConsoleSettings.model_validate(
        {
            "database_url": "postgresql://127.0.0.1/none",
            "kafka_bootstrap_servers": "127.0.0.1:1",
            "token_secret": SECRET,
            "ingest_url": services.url,
            "scoring_url": services.url,
            "responder_url": services.url,
        }
        | changes
    )


@pytest.fixture
def services() -> Iterator[FakeServices]:
    with FakeServices() as running:
        yield running


@pytest.fixture
def people() -> PeopleInMemory:
    return PeopleInMemory()


@pytest.fixture
def make_console(services: FakeServices, people: PeopleInMemory) -> Iterator[Callable[..., Flask]]:
    made: list[Flask] = []

    def make(**changes: object) -> Flask:
        app = create_app(settings(services, **changes), people=people)
        made.append(app)
        return app

    yield make
    for app in made:
        parts: Parts = app.extensions["console"]
        parts.connections.close()


@pytest.fixture
def console(make_console: Callable[..., Flask]) -> Flask:
    return make_console()


def csrf(html: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert found
    return found[1]


def sign_in(
    client: FlaskClient, email: str = "sarah@example.fr", language: str = "en", **fields: str
) -> FlaskClient:
    """Sign in as a browser would, its language first."""
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = language
    token = csrf(client.get("/login").text)
    answer = client.post("/login", data={"csrf_token": token, "email": email, "password": PASSWORD, **fields})
    assert answer.status_code == 302
    return client


@pytest.fixture
def rep(console: Flask) -> FlaskClient:
    """A rep, signed in, reading English."""
    return sign_in(console.test_client())
