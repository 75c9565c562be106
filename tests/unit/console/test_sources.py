"""The pages of sources: what they say in each state, and that nothing typed is lost."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.unit.console.conftest import csrf, sign_in
from tests.unit.console.fake_services import FakeServices
from tests.unit.console.invented import iso

DEFINITION = "name: erp\nkind: webhook\n"


def row(name: str, **others: Any) -> dict[str, Any]:
    base = {"name": name, "kind": "connector", "connector": name, "version": 0, "secrets_valid": 0,
            "secrets_in_settings": 0, "makes_secrets": True, "activity": None, "pull": None,
            "address": f"https://leads.example.fr/v1/webhooks/{name}"}  # fmt: skip
    return {**base, **others}


def erp() -> dict[str, Any]:
    when = iso(timedelta(hours=2))
    versions = [{"version": n, "made_at": when, "made_by": "Ivan Petit"} for n in (2, 1)]
    secrets = [{"secret_id": "a1b2c3d4", "made_at": when, "made_by": "Ivan Petit"}]
    return row(
        "erp",
        kind="webhook",
        version=2,
        secrets_valid=1,
        activity={"accepted": 1240, "refused": 3, "last_at": when},
        definition=DEFINITION,
        sample='{"id": 1}',
        content_type="application/json",
        versions=versions,
        secrets=secrets,
    )


@pytest.fixture
def known(services: FakeServices) -> FakeServices:
    services.sources = {"erp": erp(), "hubspot": {**row("hubspot"), "definition": ""}}
    return services


@pytest.fixture
def integrator(console: Flask, known: FakeServices) -> FlaskClient:
    return sign_in(console.test_client(), email="ivan@example.fr")


def form(client: FlaskClient, **fields: str) -> dict[str, str]:
    token = csrf(client.get("/data/sources/new").text)
    return {"csrf_token": token, "definition": DEFINITION, "sample": '{"id": 1}', **fields}


def test_the_list_says_how_each_source_is_doing(integrator: FlaskClient) -> None:
    page = integrator.get("/data/sources/").text
    assert "1 source is connected" in page
    assert "3 deliveries were not understood." in page
    assert "1,240" in page
    assert "Ready to connect" in page


def test_nothing_connected_is_one_clear_next_step(integrator: FlaskClient, known: FakeServices) -> None:
    known.sources = {"hubspot": row("hubspot")}
    page = integrator.get("/data/sources/").text
    assert "No source is connected yet" in page
    assert "Choose a tool below" in page


def test_when_ingest_is_down_the_page_says_so(integrator: FlaskClient, known: FakeServices) -> None:
    known.down.add("ingest")
    page = integrator.get("/data/sources/").text
    assert "does not answer" in page
    assert "Sources cannot be read for now" in page


def test_a_rep_has_no_access_and_no_link(rep: FlaskClient, known: FakeServices) -> None:
    assert "/data/sources" not in rep.get("/data/duplicates").text
    assert rep.get("/data/sources/").status_code == 403


def test_a_source_shows_its_address_and_secrets_without_what_they_are(integrator: FlaskClient) -> None:
    page = integrator.get("/data/sources/erp").text
    assert "https://leads.example.fr/v1/webhooks/erp" in page
    assert "a1b2c3d4" in page
    assert "Bring back" in page
    assert integrator.get("/data/sources/none").status_code == 404


def test_a_sample_is_tried_in_place(integrator: FlaskClient) -> None:
    answer = integrator.post("/data/sources/try", data=form(integrator), headers={"X-Fragment": "1"})
    assert "The sample makes 1 event" in answer.text
    assert "<html" not in answer.text
    bad = form(integrator, definition="bad")
    answer = integrator.post("/data/sources/try", data=bad, headers={"X-Fragment": "1"})
    assert "1 thing to mend" in answer.text
    assert "Line 3" in answer.text


def test_what_is_refused_keeps_what_was_typed(integrator: FlaskClient) -> None:
    answer = integrator.post("/data/sources/save", data=form(integrator, definition="bad", sample="[typed]"))
    assert answer.status_code == 422
    assert "[typed]" in answer.text
    assert "Line 3" in answer.text


def test_a_new_source_shows_its_secret_this_once(integrator: FlaskClient) -> None:
    answer = integrator.post("/data/sources/save", data=form(integrator))
    assert "made-by-ingest" in answer.text
    assert "made-by-ingest" not in integrator.get("/data/sources/erp").text


def test_secrets_are_added_and_revoked(integrator: FlaskClient, known: FakeServices) -> None:
    fields = form(integrator)
    assert "made-by-ingest" in integrator.post("/data/sources/erp/rotate", data=fields).text
    assert integrator.post("/data/sources/erp/revoke/a1b2c3d4", data=fields).status_code == 302
    assert integrator.post("/data/sources/erp/restore/1", data=fields).status_code == 302
    assert integrator.post("/data/sources/erp/remove", data=fields).status_code == 302
    asked = [(method, path) for method, path, _body in known.calls if method == "DELETE"]
    assert asked == [("DELETE", "/v1/sources/erp/secrets/a1b2c3d4"), ("DELETE", "/v1/sources/erp")]
