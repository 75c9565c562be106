"""The House style page in a real browser on real services, with a script and without."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.people import sign_in
from tests.browser.pictures import looked_at
from tests.harness.browser import page
from tests.harness.platform import Platform, new_installation
from tests.harness.processes import servers
from tests.harness.stack import Stack


@pytest.fixture(scope="module")
def stack(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with new_installation(platform) as installation:
        installation.person("marketing", "ada@example.fr", "Ada Morel")
        installation.person("rep", "leo@example.fr", "Léo Petit")
        folder, services = tmp_path_factory.mktemp("style"), ("scoring", "responder", "console")
        with servers(services, installation.environment, folder) as urls:
            yield Stack(installation, urls)


def test_the_letter_follows_what_is_typed_and_the_style_is_kept(chromium: Browser, stack: Stack) -> None:
    with page(chromium) as opened:
        sign_in(opened, stack, "ada@example.fr")
        opened.get_by_role("link", name="Connaissances").click()
        opened.get_by_role("link", name="Style de la maison").click()
        expect(opened.locator("h1")).to_have_text("Comment les réponses sont rédigées")
        letter = opened.locator(".letter")
        expect(letter).to_contain_text("Bonjour Madame Durand,")
        expect(letter).to_contain_text("Pour quelle date vous le faudrait-il ?")
        expect(letter).to_contain_text("Ada Morel\nHydromeca")

        opened.fill("[name='greeting.fr']", "Bonjour {{ lead.first_name }},")
        expect(letter).to_contain_text("Bonjour Claire,")
        opened.fill("[name=calendar]", "agenda.example.com")
        expect(opened.locator("#letter")).to_contain_text("donnez une adresse web qui commence par https://")
        opened.fill("[name=calendar]", "https://agenda.example.com/rdv")
        opened.fill("[name='next_steps.0.grades']", "A")
        opened.fill("[name='next_steps.0.fr']", "Choisissez un créneau : {{ house.calendar }}")
        opened.fill("[name='example.grade']", "A")
        expect(letter).to_contain_text("Choisissez un créneau : https://agenda.example.com/rdv")
        opened.select_option("#most_sentences", "2")
        expect(letter).not_to_contain_text("un mois")
        opened.get_by_text("Fonction et téléphone des signataires").click()
        opened.fill("[name='reps.0.name']", "Ada Morel")
        opened.fill("[name='reps.0.role']", "Responsable marketing")
        opened.fill("#signature", "{{ rep.name }}, {{ rep.role }}\n{{ house.name }}")
        expect(letter).to_contain_text("Ada Morel, Responsable marketing")
        opened.fill("[name='fields.0.fr']", "N° de série")
        opened.fill("[name='fields.0.en']", "Serial number")
        opened.fill("[name='fields.0.announced_by']", "n° de série, numéro de série")
        opened.get_by_role("button", name="Rédiger ainsi désormais").click()
        expect(opened.locator(".flash")).to_contain_text("version 1")
        expect(opened.locator(".page > .muted")).to_contain_text("Version 1. Changée")
        expect(opened.locator("[name='fields.0.name']")).to_have_value("n_de_serie")
        expect(opened.locator("[name='ask.n_de_serie.fr']")).to_have_value("")
        looked_at(opened, "style")
        opened.get_by_role("button", name="English").click()
        expect(opened.locator("h1")).to_have_text("How replies sound")
        looked_at(opened, "style-en")
        opened.get_by_role("button", name="Français").click()  # kept with the person


def test_without_a_script_nothing_typed_is_lost(chromium: Browser, stack: Stack) -> None:
    context = chromium.new_context(java_script_enabled=False, locale="fr-FR")
    opened = context.new_page()
    sign_in(opened, stack, "ada@example.fr")
    opened.goto(f"{stack.urls['console']}/knowledge/style")
    before = opened.locator("input[name=on_top_of]").get_attribute("value")
    opened.fill("[name='closing.fr']", "Bien à vous,")
    opened.fill("[name=phone]", "02 40 11 22 33")
    opened.get_by_role("button", name="L’afficher").click()
    expect(opened.locator(".letter")).to_contain_text("Bien à vous,")
    expect(opened.locator("[name=phone]")).to_have_value("02 40 11 22 33")

    other = opened.context.new_page()  # somebody else, meanwhile
    other.goto(f"{stack.urls['console']}/knowledge/style")
    other.fill("[name='closing.fr']", "À bientôt,")
    other.get_by_role("button", name="Rédiger ainsi désormais").click()
    expect(other.locator(".flash")).to_be_visible()
    opened.get_by_role("button", name="Rédiger ainsi désormais").click()
    expect(opened.get_by_role("alert").first).to_contain_text("en même temps que vous")
    expect(opened.locator("[name='closing.fr']")).to_have_value("Bien à vous,")
    opened.fill("[name=calendar]", "nulle part")
    opened.get_by_role("button", name="Rédiger ainsi désormais").click()
    expect(opened.get_by_role("alert").first).to_contain_text("Rien n’a été gardé")
    expect(opened.locator(".edit-part .wrong")).to_contain_text("https://")
    opened.fill("[name=calendar]", "https://agenda.example.com/autre")
    opened.get_by_role("button", name="Rédiger ainsi désormais").click()
    expect(opened.locator(".flash")).to_be_visible()
    assert opened.locator("input[name=on_top_of]").get_attribute("value") == str(int(before or 0) + 2)
    context.close()


def test_a_rep_reads_the_style_and_cannot_change_it(chromium: Browser, stack: Stack) -> None:
    with page(chromium, width=390) as opened:
        sign_in(opened, stack, "leo@example.fr")
        opened.goto(f"{stack.urls['console']}/knowledge/style")
        expect(opened.locator("[name='greeting.fr']")).to_be_disabled()
        expect(opened.locator(".letter")).to_contain_text("Léo Petit")
        expect(opened.get_by_role("button", name="Rédiger ainsi désormais")).to_have_count(0)
