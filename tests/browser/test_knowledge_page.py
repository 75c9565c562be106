"""The Knowledge page in a real browser on real services: files and replies come in, are read, and go away."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.people import sign_in
from tests.browser.pictures import looked_at
from tests.harness.browser import page
from tests.harness.platform import Platform, new_installation
from tests.harness.processes import servers
from tests.harness.stack import Stack

GUIDE = """# Livraison
Les pompes en stock partent sous 48 heures, franco dès 500 €.

# Retours
Un retour est repris sous quatorze jours, dans son emballage d’origine.
"""


@pytest.fixture(scope="module")
def stack(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with new_installation(platform) as installation:
        installation.person("marketing", "ada@example.fr", "Ada Morel")
        installation.person("rep", "leo@example.fr", "Léo Petit")
        folder, services = tmp_path_factory.mktemp("knowledge"), ("scoring", "responder", "console")
        with servers(services, installation.environment, folder) as urls:
            yield Stack(installation, urls)


def test_a_house_learns_from_files_and_replies_and_forgets(
    chromium: Browser, stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "conditions.md").write_text(GUIDE)
    (tmp_path / "photo.md").write_bytes(b"\0\1")
    with page(chromium) as opened:
        sign_in(opened, stack, "ada@example.fr")
        opened.get_by_role("link", name="Connaissances").click()
        expect(opened.locator("h1")).to_have_text("Rien encore pour répondre")
        looked_at(opened, "knowledge-empty")

        # A refusal is an answer 422, which Chromium logs as an error: of another page than the watched one.
        other = opened.context.new_page()
        other.goto(opened.url)
        other.set_input_files("#file", tmp_path / "photo.md")
        other.get_by_role("button", name="Ajouter ce fichier").click()
        expect(other.get_by_role("alert").first).to_contain_text("n’est pas un texte")
        other.get_by_text("Écrire une réponse").click()
        other.fill("#title", "Demande de devis")
        other.fill("#body", "Merci {{ lead.nom }}.")
        other.get_by_role("button", name="Garder cette réponse").click()
        expect(other.get_by_role("alert").first).to_contain_text("champ inconnu")
        expect(other.locator("#body")).to_have_value("Merci {{ lead.nom }}.")  # nothing typed is lost
        looked_at(other, "knowledge-refused")
        other.close()

        opened.set_input_files("#file", tmp_path / "conditions.md")
        opened.get_by_role("button", name="Ajouter ce fichier").click()
        expect(opened.locator("h1")).to_have_text("conditions.md")
        expect(opened.locator(".passage-title")).to_have_text(
            ["conditions › Livraison", "conditions › Retours"]
        )
        looked_at(opened, "knowledge-document")

        opened.get_by_role("link", name="Connaissances").first.click()
        opened.get_by_text("Écrire une réponse").click()
        opened.fill("#title", "Demande de devis")
        opened.fill("#body", "Merci de votre demande. Notre offre part sous 48 heures.")
        opened.get_by_role("button", name="Garder cette réponse").click()
        expect(opened.locator(".flash")).to_contain_text("Demande de devis")
        opened.locator(".knowledge-list summary").click()
        looked_at(opened, "knowledge")

        opened.get_by_role("button", name="Ne plus citer « Demande de devis »").click()
        expect(opened.locator(".knowledge-list")).to_have_count(0)
        opened.get_by_role("link", name="conditions.md").click()
        opened.get_by_role("button", name="Ne plus citer").click()
        expect(opened.locator("h1")).to_have_text("Rien encore pour répondre")


def test_a_rep_reads_and_changes_nothing(chromium: Browser, stack: Stack) -> None:
    with stack.client("responder", "knowledge:write") as responder:
        reply = {
            "kind": "template",
            "language": "fr",
            "title": "Délais",
            "body": "Livraison en huit jours.",
        }
        assert responder.post("/v1/knowledge", json=reply).status_code == 201
    with page(chromium, width=390) as opened:
        sign_in(opened, stack, "leo@example.fr")
        opened.get_by_role("link", name="Connaissances").click()
        opened.locator(".knowledge-list summary").first.click()
        expect(opened.get_by_text("Livraison en huit jours.")).to_be_visible()
        expect(opened.locator("main form")).to_have_count(0)
        opened.get_by_role("button", name="English").click()
        expect(opened.locator("h1")).to_have_text("What replies are made of")
        looked_at(opened, "knowledge-rep-en")
