"""Every route is described for programs and for people; one that is not, fails here."""

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from services.ingest.app import NOTES as INGEST
from services.responder.app import NOTES as RESPONDER
from services.scoring.app import NOTES as SCORING
from shared.auth.scopes import SCOPES
from shared.contracts.asyncapi import asyncapi
from shared.contracts.topics import TOPICS
from shared.openapi.describe import PROBLEM, read_notes
from shared.openapi.pages import operations
from tests.test_architecture import apps

NOTES = {"ingest": INGEST, "scoring": SCORING, "responder": RESPONDER}


@pytest.fixture(scope="module")
def services() -> dict[str, Flask]:
    return {name: app for name, app in apps().items() if name != "console"}


def document(services: dict[str, Flask], name: str) -> Any:
    return services[name].test_client().get("/openapi.json").json


@pytest.mark.parametrize("name", NOTES)
def test_every_route_says_what_it_does_what_it_needs_and_what_it_answers(
    services: dict[str, Flask], name: str
) -> None:
    described = document(services, name)
    without: list[str] = []
    for method, path, operation in operations(described):
        route = f"{method} {path}"
        scopes = [scope for rule in operation["security"] for scope in rule["bearer"]]
        good = next((one for status, one in operation["responses"].items() if status < "300"), None)
        complete = {
            "summary": bool(operation["summary"]),
            "description": bool(operation["description"]),
            "theme": operation["tags"] != ["Other"],
            "scope": not operation["security"] or set(scopes) <= SCOPES.keys(),
            "body": all(
                "example" in media for media in operation.get("requestBody", {}).get("content", {}).values()
            ),
            "answer": good is not None and all("example" in media for media in good["content"].values()),
            "refusals": any(PROBLEM in one["content"] for one in operation["responses"].values()),
        }
        without += [f"{route}: {what}" for what, there in complete.items() if not there]
    assert not without, f"add what is missing to services/{name}/api.yaml: {without}"
    assert described["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


@pytest.mark.parametrize("name", NOTES)
def test_notes_are_of_routes_that_exist_and_speak_french(services: dict[str, Flask], name: str) -> None:
    notes = read_notes(NOTES[name])
    routes = {f"{method} {path}" for method, path, _ in operations(document(services, name))}
    assert not notes["operations"].keys() - routes
    assert not [route for route in routes if not notes["operations"].get(route, {}).get("fr")]


def test_a_body_of_events_is_described_in_each_of_its_forms(services: dict[str, Flask]) -> None:
    content = document(services, "ingest")["paths"]["/v1/events"]["post"]["requestBody"]["content"]
    assert content.keys() == {
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
        "application/x-ndjson",
    }


@pytest.mark.parametrize(("language", "says"), [("fr", "Refus"), ("en", "Refusals")])
@pytest.mark.parametrize("name", NOTES)
def test_the_page_names_every_route_and_runs_no_script(
    services: dict[str, Flask], name: str, language: str, says: str
) -> None:
    client = services[name].test_client()
    page = client.get("/docs", headers={"Accept-Language": language})
    assert page.headers["Content-Language"] == language
    assert f'<html lang="{language}">' in page.text
    assert says in page.text
    for _, path, _ in operations(document(services, name)):
        assert f"<code>{path}</code>" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|(?:href|src)=\"(?:https?:|//)", page.text)
    assert client.get("/docs/style.css").status_code == 200


def test_no_sentence_of_the_french_page_is_left_in_english(services: dict[str, Flask]) -> None:
    templates = Path(__file__).parents[3] / "shared" / "openapi"
    words = set(re.findall(r"_\('((?:[^'])+)'", (templates / "templates" / "docs.html").read_text()))
    described = [document(services, name) for name in NOTES]
    words |= {
        one["description"]
        for found in described
        for _, _, operation in operations(found)
        for one in operation["responses"].values()
    }
    french = (templates / "locale" / "fr.json").read_text(encoding="utf-8")
    assert not [word for word in words if f'"{word}":' not in french]


def test_topics_stand_on_ingests_page_with_key_retention_and_examples(services: dict[str, Flask]) -> None:
    page = services["ingest"].test_client().get("/docs").text
    for topic in TOPICS:
        assert f'<article id="{topic.name}">' in page
    assert "7 days" in page
    assert "example-0029" in page
    messages = asyncapi("1")["components"]["messages"]
    assert not [name for name, message in messages.items() if not message["examples"]]
