"""A service's API in this process, on an installation's Postgres and Kafka."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from flask import Flask
from flask.testing import FlaskClient
from pydantic_settings import BaseSettings

from shared.http import close
from tests.harness.platform import Installation

S = TypeVar("S", bound=BaseSettings)


@contextmanager
def running_api(
    create_app: Callable[[S], Flask], settings: type[S], installation: Installation, token: str = ""
) -> Iterator[FlaskClient]:
    """A client whose calls carry `token`, if any, until the end of the block."""
    values = {name.lower(): value for name, value in installation.environment.items()}
    app = create_app(settings.model_validate(values))
    client: FlaskClient = app.test_client()
    if token:
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    try:
        yield client
    finally:
        close(app)
