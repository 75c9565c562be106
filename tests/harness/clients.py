"""A service's API in this process, on an installation's Postgres and Kafka."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from flask import Flask
from flask.testing import FlaskClient
from pydantic_settings import BaseSettings
from werkzeug.serving import make_server
from werkzeug.test import run_wsgi_app

from shared.http import close
from tests.harness.platform import Installation

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

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


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The app behind real HTTP, in threads of this process; its address.

    Each body is read whole before it is sent: where a browser leaves a page in the middle of a file,
    werkzeug's server would leave the file open.
    """

    def whole(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        body, status, headers = run_wsgi_app(app, environ, buffered=True)
        start_response(status, headers.to_wsgi_list())
        return body

    server = make_server("127.0.0.1", 0, whole, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
