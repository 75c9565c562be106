"""The APIs against their own descriptions: whatever comes, an answer that was promised, never a 500."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
)
from schemathesis.specs.openapi.checks import status_code_conformance

from services.ingest.app import create_app as ingest_app
from services.ingest.settings import IngestSettings
from services.responder.app import create_app as responder_app
from services.responder.settings import ResponderSettings
from services.scoring.app import create_app as scoring_app
from services.scoring.settings import ScoringSettings
from shared.auth.scopes import SCOPES
from shared.http import close
from shared.openapi.pages import operations
from tests.harness.platform import Installation

MAKERS: dict[str, tuple[Callable[[Any], Flask], type[Any]]] = {
    "ingest": (ingest_app, IngestSettings),
    "scoring": (scoring_app, ScoringSettings),
    "responder": (responder_app, ResponderSettings),
}
CHECKED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
HOSTILE = (
    "\0",
    "a\0b",
    "\ud800".encode("utf-8", "surrogatepass"),
    "é" * 5000,
    "%",
    "'; --",
    "9" * 400,
    "-1",
    "NaN",
    "2026-03-14T09:00:00+23:59",
    "9999-12-31T23:59:59-15:00",
)


@pytest.fixture(params=MAKERS)
def app(request: pytest.FixtureRequest, installation: Installation, tmp_path: Any) -> Iterator[Flask]:
    make, settings_class = MAKERS[request.param]
    given_settings = {
        "database_url": installation.database_url,
        "kafka_bootstrap_servers": installation.platform.bootstrap,
        "topic_prefix": installation.topic_prefix,
        "token_secret": installation.token_secret,
    }
    if settings_class is IngestSettings:
        given_settings["ingest_import_folder"] = str(tmp_path / "imports")
    made = make(settings_class(**given_settings))
    yield made
    close(made)


def fuzz(app: Flask, token: str, examples: int) -> None:
    """Each operation with `examples` calls that schemathesis makes of the description."""
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
    failures: list[str] = []
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy())
        def holds(case: schemathesis.Case) -> None:
            case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKED)

        try:
            holds()
        except* Exception as group:
            failures.append(f"{operation.label}: {group.exceptions[0]}")
    assert not failures, "\n\n".join(failures)


def test_a_few_calls_of_each_route_get_what_its_description_promises(
    app: Flask, installation: Installation
) -> None:
    fuzz(app, installation.key(*SCOPES), 4)


@pytest.mark.long
def test_many_calls_of_each_route_get_what_its_description_promises(
    app: Flask, installation: Installation
) -> None:
    fuzz(app, installation.key(*SCOPES), 200)


def test_no_hostile_value_in_a_query_or_path_is_an_error(app: Flask, installation: Installation) -> None:
    """U+0000 in `owner` of the queue was a 500: Postgres holds no such text."""
    client = app.test_client()
    headers = {"Authorization": f"Bearer {installation.key(*SCOPES)}"}
    wrong = []
    for method, path, operation in operations(client.get("/openapi.json").json):
        for parameter in operation.get("parameters", ()):
            for value in HOSTILE:
                address = path
                if parameter["in"] == "path":
                    address = path.replace("{" + parameter["name"] + "}", quote(value))
                    query = ""
                else:
                    query = f"?{parameter['name']}={quote(value)}"
                answer = client.open(address + query, method=method, headers=headers, json={})
                if answer.status_code >= 500 and answer.status_code != 503:
                    wrong.append(f"{method} {path} {parameter['name']}={value!r}: {answer.status_code}")
    assert not wrong
