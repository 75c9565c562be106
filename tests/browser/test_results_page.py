"""The page of results in a real browser on real services: withheld, recorded, told; one's own for oneself."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from services.responder import store
from tests.browser.people import sign_in
from tests.browser.pictures import looked_at
from tests.harness.browser import page
from tests.harness.platform import Platform, new_installation
from tests.harness.processes import servers
from tests.harness.stack import Stack
from tests.integration.test_responder_value import approve, arrive, teach


@pytest.fixture(scope="module")
def stack(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with new_installation(platform) as installation:
        installation.person("admin", "ines@example.fr", "Inès Roy")
        awa = installation.person("rep", "awa@example.fr", "Awa Ndiaye")
        folder, services = tmp_path_factory.mktemp("results"), ("scoring", "responder", "console")
        with (
            servers(services, installation.environment, folder) as urls,
            installation.connect(store.SCHEMA) as connection,
        ):
            teach(connection)
            connection.commit()
            for number in range(3):
                arrive(connection, number)
                connection.commit()
            headers = {"Authorization": f"Bearer {installation.person_token(awa)}"}
            with httpx.Client(base_url=urls["responder"], headers=headers, timeout=10) as client:
                approve(client)
                approve(client, change=("notre offre", "une offre"))
            yield Stack(installation, urls)


def test_figures_are_withheld_until_the_staff_was_consulted(chromium: Browser, stack: Stack) -> None:
    with page(chromium) as opened:
        sign_in(opened, stack, "ines@example.fr")
        opened.get_by_role("link", name="Résultats").click()
        expect(opened.locator("h1")).to_have_text("2 réponses approuvées")
        expect(opened.get_by_text("moins de cinq personnes ont décidé")).to_be_visible()
        expect(opened.locator(".table")).to_contain_text("devis")
        looked_at(opened, "results-withheld")

        opened.fill("#held-on", "2026-03-02")
        opened.fill("#note", "CSE du 2 mars, point 4")
        opened.get_by_role("button", name="Le noter").click()
        expect(opened.locator(".flash")).to_have_text("Noté, à votre nom.")
        expect(opened.locator("h1")).to_contain_text("la moitié en moins de 2 h")
        expect(opened.get_by_text("50 % des brouillons")).to_be_visible()
        opened.get_by_text("Comment c’est compté").click()
        looked_at(opened, "results")
        opened.get_by_role("button", name="EN").click()
        looked_at(opened, "results-en")


def test_a_rep_reads_their_own(chromium: Browser, stack: Stack) -> None:
    with page(chromium) as opened:
        sign_in(opened, stack, "awa@example.fr")
        opened.get_by_role("link", name="Résultats").click()
        expect(opened.get_by_text("Vous seul les voyez.")).to_be_visible()
        expect(opened.locator(".table")).to_have_count(0)
        looked_at(opened, "results-own")
