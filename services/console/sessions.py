"""Who is signed in, in which language, and what calls the services in their name."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, TypeVar
from uuid import UUID

import psycopg
from flask import Flask, current_app, g, request, session
from flask_login import LoginManager, UserMixin, current_user
from psycopg_pool import PoolTimeout

from services.console.services import Connections, Ingest, Responder, Scoring
from shared.auth import store
from shared.auth.store import Person
from shared.auth.verify import PersonTokens
from shared.postgres import Connection, Pool

T = TypeVar("T")
LANGUAGES: Final = ("fr", "en")


class PeopleUnavailable(Exception):
    """People cannot be looked up for now: Postgres does not answer."""


class People:
    """The people who may sign in. Raises PeopleUnavailable from every method."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def sign_in(self, email: str, password: str) -> Person | None:
        return self._ask(lambda connection: store.sign_in(connection, email, password))

    def by_id(self, person_id: str) -> Person | None:
        return self._ask(lambda connection: store.person_by_id(connection, person_id))

    def set_language(self, person_id: UUID, language: str) -> None:
        self._ask(lambda connection: store.set_language(connection, person_id, language))

    def answer(self) -> bool:
        """Whether Postgres answers."""
        try:
            self._ask(store.has_people)
        except PeopleUnavailable:
            return False
        return True

    def _ask(self, query: Callable[[Connection], T]) -> T:
        try:
            with self._pool.connection() as connection:
                return query(connection)
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise PeopleUnavailable from error


class SignedIn(UserMixin):  # type: ignore[misc]
    """A person, as Flask-Login wants to hold one."""

    def __init__(self, person: Person) -> None:
        self.person = person

    def get_id(self) -> str:
        return str(self.person.person_id)

    def may(self, scope: str) -> bool:
        return scope in self.person.scopes


@dataclass(frozen=True, slots=True)
class Parts:
    """What the composition root made for the views."""

    people: People
    tokens: PersonTokens
    connections: Connections
    replies_are_sent: bool


def session_secret(token_secret: str) -> str:
    """The key of the session cookie, derived so that it signs nothing else and needs no further setting."""
    return hmac.new(token_secret.encode(), b"eclaireur console session", sha256).hexdigest()


def parts() -> Parts:
    made: Parts = current_app.extensions["console"]
    return made


def language() -> str:
    """The person's language, else what was chosen here, else the browser's, else French."""
    if current_user and current_user.is_authenticated and current_user.person.language in LANGUAGES:
        return str(current_user.person.language)
    if session.get("language") in LANGUAGES:
        return str(session["language"])
    return request.accept_languages.best_match(LANGUAGES, "fr") or "fr"


def _token() -> str:
    if "person_token" not in g:
        g.person_token = parts().tokens.issue(current_user.person)
    token: str = g.person_token
    return token


def ingest() -> Ingest:
    """The ingest service, in the name of the person signed in."""
    return parts().connections.ingest(_token(), language())


def scoring() -> Scoring:
    """The scoring service, in the name of the person signed in."""
    return parts().connections.scoring(_token(), language())


def responder() -> Responder:
    """The responder, in the name of the person signed in."""
    return parts().connections.responder(_token(), language())


def install_sign_in(app: Flask) -> None:
    manager = LoginManager(app)
    manager.session_protection = "basic"

    @manager.user_loader  # type: ignore[untyped-decorator]
    def load(person_id: str) -> SignedIn | None:
        try:
            person = parts().people.by_id(person_id)
        except PeopleUnavailable:
            # Said by the page's rule, not here: the page that tells of it asks for the person too.
            g.people_unavailable = True
            return None
        return SignedIn(person) if person else None
