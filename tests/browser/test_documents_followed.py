"""docs/knowledge.md and docs/reps.md followed step by step, from an empty house to a reply that was sent.

The steps are read from the documents: **bold** is a page, *italics* what is pressed, filled in or read.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pictures import looked_at
from tests.harness.browser import page
from tests.harness.house import ROOT, House, running_house
from tests.harness.processes import wait_until
from tests.harness.receiver import Receiver, running_receiver

pytestmark = pytest.mark.long

STEP = re.compile(r"\*\*(?P<page>[^*]+)\*\*|\*(?P<words>[^*]+)\*")
ANSWER = "Merci pour votre demande de devis. Nous vous adressons notre offre sous deux jours ouvrés."
BETTER = (
    "Merci pour votre demande de devis, que nous lisons avec soin. Notre offre part sous deux jours ouvrés."
)
TERMS = "# Livraison\n\nLes pompes en stock partent sous quarante-huit heures.\n"


def section(document: str, heading: str) -> str:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{document} has no section {heading}"
    return found[1]


def follow(opened: Page, text: str, values: Mapping[str, str | Path]) -> None:
    """Do what each step says, in order; fields get their `values`."""
    for step in STEP.finditer(text):
        words = step["words"]
        if step["page"]:
            opened.locator("nav.nav").get_by_role("link", name=step["page"], exact=True).click()
        elif words in values:
            fill(opened, words, values[words])
        elif words.endswith("."):  # what the page then says; the worker and write-back take their time
            expect(opened.get_by_text(words, exact=True)).to_be_visible(timeout=90_000)
        else:
            pressed = re.compile(rf"^\s*{re.escape(words)}")
            opened.locator("button, a.button, summary").filter(has_text=pressed).first.click()


def fill(opened: Page, label: str, value: str | Path) -> None:
    field = opened.locator("main").get_by_label(label, exact=True)
    if isinstance(value, Path):
        field.set_input_files(value)
    elif field.evaluate("field => field.tagName") == "SELECT":
        field.select_option(value)
    else:
        field.fill(value)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[House]:
    settings = {
        "COMPANY_NAME": "Hydromeca",
        "REPLY_SENDER": "ventes@hydromeca.example.com",
        **receiver.settings,
        "WRITEBACK_SEND": "replies",
    }
    with running_house(tmp_path_factory.mktemp("house") / "data", settings) as running:
        yield running


def test_from_an_empty_house_to_a_reply_that_was_sent(
    chromium: Browser, house: House, receiver: Receiver, tmp_path: Path
) -> None:
    terms = tmp_path / "conditions.md"
    terms.write_text(TERMS, encoding="utf-8")
    with page(chromium, locale="en-GB") as opened:
        opened.context.set_default_timeout(30_000)
        opened.goto(f"{house.urls['console']}/login")
        opened.fill("input[name=email]", house.email)
        opened.fill("input[name=password]", house.password)
        opened.keyboard.press("Enter")
        values: dict[str, str | Path] = {
            "What it answers": "Demande de devis",
            "Language": "fr",
            "Text": ANSWER,
            "Learn from a file": terms,
        }
        for heading in ("1. The replies you send most", "2. Your documents"):
            follow(opened, section("knowledge.md", heading), values)
        expect(opened.locator("h1")).to_have_text("conditions.md")

        steps = section("reps.md", "Your first reply, step by step")
        blocks = re.findall(r"```json\n(.*?)```", steps, re.DOTALL)
        message = json.loads(blocks[0]) | {"time": datetime.now(UTC).isoformat()}
        key = house.cli("key", "create", "--name", "form", "--scope", "events:write").stdout.strip()
        with house.client("ingest", key) as ingest:
            typed = {"Content-Type": "application/cloudevents+json"}
            assert ingest.post("/v1/events", json=message, headers=typed).status_code == 202
        with house.client("responder", house.cli_key()) as responder:
            wait_until(
                lambda: responder.get("/v1/drafts?status=waiting").json()["drafts"],
                timeout_s=120,
                what="the draft",
            )
        written = f"Bonjour,\n\n{BETTER}\n\nCordialement,\nHydromeca"
        # The page beside the list looks wide; the letter is approved, taken back, approved again.
        follow(
            opened,
            steps.replace(blocks[0], ""),
            {"Message": written, "What it answers (optional)": "Demande de devis, avec soin"},
        )
        looked_at(opened, "first-reply-sent")
        receiver.wait_for(lambda: len(receiver.effects) >= 1)
        (effect,) = receiver.effects.values()
        assert effect["data"]["content"]["recipients"] == ["claire.durand@laiterie-menez.example"]
        assert effect["data"]["content"]["body"] == written

        opened.get_by_role("link", name="Knowledge", exact=True).click()
        expect(opened.locator(".knowledge-list summary")).to_contain_text(
            ["Demande de devis, avec soin", "Demande de devis"]
        )


def test_every_word_in_italics_is_on_the_screen() -> None:
    """Those of the sections that are not followed above, by the catalogue that the pages speak from."""
    catalogue = (ROOT / "services/console/locale/fr/LC_MESSAGES/messages.po").read_text(encoding="utf-8")
    said = " ".join(re.findall(r'"(.*)"', catalogue))
    for document in ("reps.md", "knowledge.md"):
        text = (ROOT / "docs" / document).read_text(encoding="utf-8")
        for step in STEP.finditer(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
            for words in (step["words"] or "").split(" … "):
                assert words in said or words == "italics", f"{document}: *{words}*"
