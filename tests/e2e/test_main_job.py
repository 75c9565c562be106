"""The main job, on real parts: history in, a ranked queue, a message, a draft, an approval, one effect.

Artefacts (screenshots) are kept in test-artefacts/.
"""

import csv
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.harness.browser import browser, page
from tests.harness.house import ROOT, House, running_house
from tests.harness.processes import wait_until
from tests.harness.receiver import Receiver, running_receiver

LEADS = ROOT.parent / "shared" / "data" / "xeducation" / "Leads.csv"
LEAKING = (
    "Lead Number,Tags,Lead Quality,Lead Profile,Last Activity,Last Notable Activity,"
    "Asymmetrique Activity Index,Asymmetrique Profile Index,Asymmetrique Activity Score,"
    "Asymmetrique Profile Score"
)
ARTEFACTS = ROOT / "test-artefacts"
TEMPLATE = {
    "kind": "template",
    "language": "fr",
    "title": "Demande de brochure",
    "body": "Merci de votre intérêt. Vous trouverez la brochure et les dates sur notre site. "
    "Souhaitez-vous que nous vous appelions cette semaine ?",
}


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[House]:
    settings = {
        "COMPANY_NAME": "X Education",
        "REPLY_SENDER": "contact@example.fr",
        **receiver.settings,
        "WRITEBACK_SEND": "replies",
        "RECALL_S": "2",
        "MIN_CONFIDENCE": "0.2",  # one template, and a message that its words fit: enough here
    }
    with running_house(tmp_path_factory.mktemp("house") / "data", settings) as running:
        yield running


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """X Education with every fifth lead withheld as open, and how many those are."""
    if not LEADS.exists():
        pytest.skip(f"X Education is not here: {LEADS.relative_to(ROOT.parent)} (see its README)")
    path = tmp_path_factory.mktemp("history") / "Leads.csv"
    with LEADS.open(newline="") as source, path.open("w", newline="") as target:
        rows = csv.DictReader(source)
        writer = csv.DictWriter(target, [*(rows.fieldnames or ()), "Withheld"])
        writer.writeheader()
        withheld = 0
        for number, row in enumerate(rows):
            held = number % 5 == 0
            withheld += held
            writer.writerow({**row, "Withheld": "yes" if held else ""})
    return path, withheld


def sign_in(opened: Page, house: House) -> None:
    opened.goto(house.urls["console"])
    opened.fill("input[name=email]", house.email)
    opened.fill("input[name=password]", house.password)
    opened.keyboard.press("Enter")
    expect(opened.locator("nav").first).to_be_visible()


def shot(opened: Page, name: str) -> None:
    ARTEFACTS.mkdir(exist_ok=True)
    opened.screenshot(path=ARTEFACTS / f"{name}.png")


def assert_accessible(opened: Page) -> None:
    found = Axe().run(opened, options={"resultTypes": ["violations"]}).response["violations"]
    serious = [f"{v['id']}: {v['nodes'][0]['html']}" for v in found if v["impact"] in ("serious", "critical")]
    assert not serious, serious


def test_from_an_export_to_one_approved_reply(
    house: House, receiver: Receiver, history: tuple[Path, int]
) -> None:
    path, withheld = history
    with browser() as launched, page(launched) as opened:
        sign_in(opened, house)
        expect(opened.get_by_text("eclaireur import").first).to_be_visible()
        shot(opened, "first-use-1440-fr")

        # Import and train as the README says; the withheld leads are then the queue, ranked.
        command = ["import", str(path), "--outcome", "Converted=1", "--open", "Withheld=yes"]
        imported = json.loads(house.cli(*command, "--exclude", LEAKING, "--json").stdout)
        assert (imported["rows"], imported["open"], imported["key"]) == (9240, withheld, "Prospect ID")
        with house.client("scoring", house.cli_key()) as scoring:
            wait_until(
                lambda: scoring.get("/v1/status").json()["events_waiting"] == 0,
                timeout_s=120,
                what="the import",
            )
            trained = json.loads(house.cli("train", "--json").stdout)
            assert trained["model"]["card"]["validation"] == "stratified_folds"
            wait_until(
                lambda: scoring.get("/v1/queue?limit=1").json()["counts"]["unscored"] == 0,
                timeout_s=60,
                what="every open lead scored",
            )
            queue = scoring.get("/v1/queue?limit=200", headers={"Accept-Language": "en"}).json()
        assert queue["counts"]["open"] == withheld
        chances = [lead["probability"] for lead in queue["leads"]]
        assert chances == sorted(chances, reverse=True)
        assert all(lead["reasons"] and lead["reasons"][0]["text"] for lead in queue["leads"])

        opened.goto(house.urls["console"])
        expect(opened.locator("#rows .row")).not_to_have_count(0)
        expect(opened.locator(".row-reason").first).to_be_visible()
        assert_accessible(opened)
        shot(opened, "today-1440-fr")

        # Someone writes: a draft, read and approved by keyboard, reaches the webhook once.
        with house.client("responder", house.cli_key()) as responder:
            assert responder.post("/v1/knowledge", json=TEMPLATE).status_code in (200, 201)
            wait_until(
                lambda: all(p["embedded"] for p in responder.get("/v1/knowledge").json()["passages"]),
                timeout_s=120,
                what="the knowledge embedded",
            )
        key = house.cli("key", "create", "--name", "form", "--scope", "events:write").stdout.strip()
        message = {
            "specversion": "1.0",
            "id": "message-1",
            "source": "mailbox",
            "type": "crm.message.received",
            "time": datetime.now(UTC).isoformat(),
            "data": {
                "lead": {"email": "claire.durand@example.fr", "name": "Claire Durand"},
                "channel": "email",
                "subject": "Brochure",
                "text": "Bonjour, pourriez-vous m'envoyer la brochure et les dates des formations ? Merci.",
            },
        }
        with house.client("ingest", key) as ingest:
            for _ in range(2):  # the mailbox sends it twice
                answer = ingest.post(
                    "/v1/events", json=message, headers={"Content-Type": "application/cloudevents+json"}
                )
                assert answer.status_code == 202, answer.text
        with house.client("responder", house.cli_key()) as responder:
            wait_until(
                lambda: responder.get("/v1/drafts?status=waiting").json()["drafts"],
                timeout_s=60,
                what="the draft",
            )
            assert len(responder.get("/v1/drafts").json()["drafts"]) == 1

        opened.goto(f"{house.urls['console']}/drafts")
        expect(opened.locator(".sentence", has_text="Vous trouverez la brochure")).to_be_visible()
        assert_accessible(opened)
        shot(opened, "draft-1440-fr")
        opened.keyboard.press("e")
        opened.fill("textarea[name=body]", opened.input_value("textarea[name=body]") + "\nÀ bientôt.")
        opened.locator("#approve").click()
        expect(opened.get_by_text(re.compile("Approuvé par|Aucune réponse")).first).to_be_visible()

        receiver.wait_for(lambda: len(receiver.effects) >= 1)
        (effect,) = receiver.effects.values()
        assert effect["type"] == "reply.approved"
        content = effect["data"]["content"]
        assert content["recipients"] == ["claire.durand@example.fr"]
        assert content["body"].rstrip().endswith("À bientôt.")

    for width, language in ((1440, "en-GB"), (390, "fr-FR"), (390, "en-GB")):
        with browser() as launched, page(launched, width=width, locale=language) as opened:
            sign_in(opened, house)
            for name in ("", "drafts", "model"):
                opened.goto(f"{house.urls['console']}/{name}")
                assert_accessible(opened)
                wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
                assert not opened.evaluate(wider), f"{name} scrolls sideways at {width}"
                shot(opened, f"{name or 'today'}-{width}-{language[:2]}")
    assert len(receiver.effects) == 1
