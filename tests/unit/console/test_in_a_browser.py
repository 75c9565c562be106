"""Keys, updates and accessibility, in a real Chromium on the stand-ins."""

import re
import shutil
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from flask import Flask
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.harness.clients import served
from tests.unit.console.conftest import PASSWORD
from tests.unit.console.fake_services import FakeServices
from tests.unit.console.invented import draft_id, lead_id

DRAFT = "#draft"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    assert executable, "install Chromium: the pages are tested in it"
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        running = playwright.chromium.launch(executable_path=executable, args=flags)
        yield running
        running.close()


@pytest.fixture
def address(make_console: Callable[..., Flask]) -> Iterator[str]:
    with served(make_console(demo=True, writeback_webhook_url="https://crm.example/hook")) as found:
        yield found


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    contexts = []

    def open_as_rep(
        path: str = "/", *, width: int = 1440, dark: bool = False, email: str = "sarah@example.fr"
    ) -> Page:
        context = browser.new_context(
            base_url=address,
            locale="fr-FR",
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
        )
        contexts.append(context)
        page = context.new_page()
        page.goto(f"/login?next={path}")
        page.fill("#email", email)
        page.fill("#password", PASSWORD)
        page.click("button.primary")
        page.wait_for_selector("html.scripted nav.nav")  # from here on keys act
        return page

    yield open_as_rep
    for context in contexts:
        context.close()


def name(page: Page) -> str:
    return page.locator("#detail .lead-name").inner_text()


def test_keys_move_approve_and_reject(open_page: Callable[..., Page], services: FakeServices) -> None:
    page = open_page()
    page.keyboard.press("j")
    expect(page.locator("#detail .lead-name")).to_contain_text("Mehdi Durand")
    page.keyboard.press("a")
    expect(page.locator(DRAFT)).to_have_attribute("data-status", "approved")
    page.keyboard.press("j")
    expect(page.locator("#detail .lead-name")).to_contain_text("Tom Ashworth")
    page.keyboard.press("x")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.type("trop tard")
    page.keyboard.press("Enter")
    expect(page.locator(DRAFT)).to_have_attribute("data-status", "rejected")
    decisions = [(path.rpartition("/")[2], body) for method, path, body in services.calls if method == "POST"]
    assert [decision for decision, _ in decisions] == ["approve", "reject"]
    assert decisions[1][1] == {"version": 2, "reason": "trop tard", "kind": "wrong_answer"}


def test_nothing_is_approved_while_another_lead_is_on_its_way(
    open_page: Callable[..., Page], services: FakeServices
) -> None:
    page = open_page()
    page.route("**/leads/**", lambda route: None)  # never answered: the pane still shows the lead before
    page.keyboard.press("j")
    expect(page.locator("#detail")).to_have_attribute("aria-busy", "true")
    for key in ("a", "x", "e"):
        page.keyboard.press(key)
    assert not [path for method, path, _ in services.calls if method == "POST"]
    expect(page.locator("#body")).to_be_hidden()


def test_keys_rest_while_typing_and_what_is_typed_is_kept(
    open_page: Callable[..., Page], services: FakeServices
) -> None:
    page = open_page(f"/?lead={lead_id(1)}")
    page.keyboard.press("e")
    expect(page.locator("#body")).to_be_focused()
    page.keyboard.type("jax?")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(page.locator("[data-keep]")).to_be_visible()
    assert "Mehdi Durand" in name(page)
    assert page.input_value("#body").startswith("jax?")
    assert services.drafts[draft_id(1)]["status"] == "waiting"
    page.click("[data-action=cancel]")
    page.keyboard.press("j")
    expect(page.locator("#detail .lead-name")).to_contain_text("Tom Ashworth")


def test_a_gap_is_filled_where_it_stands(open_page: Callable[..., Page], services: FakeServices) -> None:
    page = open_page(f"/?lead={lead_id(0)}")
    page.keyboard.press("a")
    expect(page.locator(".gap")).to_be_focused()
    page.keyboard.type("deux semaines")
    page.click("[data-action=approve]")
    expect(page.locator(DRAFT)).to_have_attribute("data-status", "approved")
    assert "livrée sous deux semaines." in services.drafts[draft_id(0)]["body"]


def test_the_seconds_left_are_counted_and_a_key_takes_it_back(
    open_page: Callable[..., Page], services: FakeServices
) -> None:
    services.recall_s = 30
    page = open_page(f"/drafts/{draft_id(1)}")
    page.keyboard.press("a")
    left = page.locator("[data-left-s]")
    expect(left).to_have_text(re.compile(r"Part dans \d+ s\."))
    first = left.inner_text()
    expect(left).not_to_have_text(first)
    assert Axe().run(page).response["violations"] == []
    page.keyboard.press("u")
    expect(page.locator(DRAFT)).to_have_attribute("data-status", "waiting")
    services.recall_s = 1
    page.keyboard.press("a")
    expect(page.get_by_text("En route vers sa destination.")).to_be_visible(timeout=20_000)
    expect(page.locator("#take-back")).to_have_count(0)


@pytest.mark.parametrize("width", [390, 1440])
def test_sure_replies_are_read_and_approved_by_keyboard(
    open_page: Callable[..., Page], services: FakeServices, width: int
) -> None:
    services.recall_s = 120
    page = open_page("/drafts/sure", width=width)
    button = page.locator("#approve-ticked .label")
    expect(button).to_have_text(re.compile("Approuver et envoyer 2 réponses à .*durand.*, .*ashworth"))
    page.keyboard.press("j")
    page.keyboard.press("t")
    expect(button).to_have_text(re.compile("Approuver et envoyer 1 réponse à"))
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.keyboard.press("t")
    page.keyboard.press("a")
    assert not [path for method, path, _ in services.calls if method == "POST"]
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("2 réponses approuvées peuvent encore être reprises")
    expect(page.locator("[data-left-s]").first).to_have_text(re.compile(r"Part dans \d+ s\."))
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.keyboard.press("u")
    expect(page.locator("h1")).to_have_text("Il n’y a plus rien à reprendre")
    assert services.drafts[draft_id(1)]["status"] == "waiting"


@pytest.mark.parametrize("width", [390, 1440])
def test_a_text_of_the_house_is_looked_for_and_answered_with(
    open_page: Callable[..., Page], services: FakeServices, width: int
) -> None:
    page = open_page(f"/drafts/{draft_id(3)}", width=width)
    page.fill("#body", "Écrit à la main")
    page.locator("#another [name=q]").fill("garantie")
    page.keyboard.press("Enter")
    expect(page.locator(".passage-choice")).to_have_count(1)
    expect(page.locator("#body")).to_have_value("Écrit à la main")
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Répondre avec ce texte").click()
    expect(page.locator("[data-keep]")).to_be_visible()
    assert not [path for method, path, _ in services.calls if method == "POST"]
    page.goto(f"/drafts/{draft_id(3)}")
    page.get_by_role("button", name="Répondre avec ce texte").first.click()
    expect(page.locator(DRAFT)).to_have_attribute("data-status", "waiting")
    expect(page.locator("[data-reading].text")).to_contain_text("garantie vingt-quatre mois")


def test_what_one_changes_is_marked_while_one_writes(open_page: Callable[..., Page]) -> None:
    page = open_page(f"/drafts/{draft_id(1)}?edit=1")
    expect(page.locator("#difference")).to_be_hidden()
    text = page.input_value("#body")
    page.fill("#body", text.replace("trois semaines", "deux petites semaines"))
    expect(page.locator("#difference del")).to_have_text(re.compile("trois"))
    expect(page.locator("#difference ins")).to_have_text(re.compile("Ajouté : deux petites"))
    assert Axe().run(page).response["violations"] == []
    page.fill("#body", text)
    expect(page.locator("#difference")).to_be_hidden()


def test_a_sentence_shows_its_source_on_focus(open_page: Callable[..., Page]) -> None:
    page = open_page(f"/leads/{lead_id(0)}")
    page.locator(".sentence").nth(1).focus()
    expect(page.locator(".source.shown")).to_contain_text("Devis : premier contact")


def test_the_queue_updates_by_itself_and_keeps_the_selection(
    open_page: Callable[..., Page], services: FakeServices
) -> None:
    page = open_page(f"/?lead={lead_id(2)}")
    services.status["events_waiting"] = 3
    expect(page.locator(".filling")).to_contain_text("3 événements", timeout=15_000)
    expect(page.locator("#rows .row-link[aria-current]")).to_have_text("Tom Ashworth")


def test_an_ended_session_is_said_in_place(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.context.clear_cookies()
    page.keyboard.press("j")
    expect(page.locator("#lost")).to_contain_text("Votre session est terminée.")


def test_the_question_mark_lists_the_keys(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()


@pytest.mark.parametrize("width", [390, 1440])
def test_no_tag_is_cut_off_beside_a_trend(
    open_page: Callable[..., Page], services: FakeServices, width: int
) -> None:
    services.people[6] = (*services.people[6][:5], "down")
    page = open_page(width=width)
    tags = page.locator(".row-line:has(.trend) .tag")
    assert {"Message en attente", "Brouillon prêt"} <= set(tags.all_inner_texts())
    cut = "tags => tags.filter(tag => tag.parentElement.scrollWidth > tag.parentElement.clientWidth ||"
    cut += " tag.getBoundingClientRect().right > tag.closest('.row-main').getBoundingClientRect().right)"
    assert tags.evaluate_all(f"tags => ({cut})(tags).map(tag => tag.textContent)") == []


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)])
def test_pages_are_accessible_and_fit_their_width(
    open_page: Callable[..., Page], width: int, dark: bool
) -> None:
    page = open_page(width=width, dark=dark)
    paths = ("/", f"/leads/{lead_id(0)}", f"/drafts/{draft_id(1)}?edit=1", "/drafts", "/model", "/nothing")
    for path in paths:
        page.goto(path)
        assert Axe().run(page).response["violations"] == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize(("width", "dark"), [(1440, True), (390, False)])
def test_the_quality_page_is_accessible_and_an_owner_is_set_in_place(
    open_page: Callable[..., Page], services: FakeServices, width: int, dark: bool
) -> None:
    services.models = []
    page = open_page("/data/quality", width=width, dark=dark, email="marie@example.fr")
    page.locator("details.owner summary").first.click()
    for path in ("/data/quality", "/model"):
        assert Axe().run(page).response["violations"] == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page.goto("/model")
    page.goto("/data/quality")
    page.locator("details.owner summary").first.click()
    page.locator("details.owner[open] [name=name]").fill("Léa Martin")
    page.keyboard.press("Enter")
    expect(page.locator(".flash")).to_contain_text("Léa Martin")
    assert services.owners == [{"source": "crm:example", "field": None, "name": "Léa Martin", "email": None}]
