"""The Data pages in a real browser on real services: each thing that people do there, from end to end."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pictures import looked_at
from tests.harness.browser import browser, page
from tests.harness.history import event, publish_a_model
from tests.harness.platform import PASSWORD, Platform, new_installation
from tests.harness.processes import wait_until
from tests.harness.stack import Stack, running_stack

ROWS = "".join(
    f"{n};lead{n}@example.fr;Société {n};{n % 28 + 1:02}/{n % 12 + 1:02}/2025;1 {n:03},50;"
    f"{'gagné' if n % 3 else 'perdu'}\n"
    for n in range(60)
)
CSV = f"Réf;Courriel;Raison sociale;Créé le;Montant HT;Statut\n{ROWS}99;x@example.fr;Vannes;hier;7;perdu\n"
SOURCE = """name: house-crm
kind: webhook
signature: {{scheme: hmac, header: X-Signature}}
event: {{id: id, type: crm.form.submitted}}
lead:
  email: {email}
"""


@pytest.fixture(scope="module")
def stack(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with new_installation(platform) as installation:
        installation.person("admin", "ada@example.fr", "Ada Morel")
        with running_stack(installation, tmp_path_factory.mktemp("stack")) as running:
            publish_a_model(installation)
            yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as launched:
        yield launched


@pytest.fixture
def opened(chromium: Browser, stack: Stack) -> Iterator[Page]:
    """A page of an administrator who reads French."""
    with page(chromium) as new:
        new.context.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)
        new.goto(f"{stack.urls['console']}/login")
        new.fill("input[name=email]", "ada@example.fr")
        new.fill("input[name=password]", PASSWORD)
        new.keyboard.press("Enter")
        expect(new.locator("nav.nav")).to_be_visible()
        yield new


def go(opened: Page, stack: Stack, path: str) -> None:
    opened.goto(f"{stack.urls['console']}{path}")


def post(stack: Stack, *events: dict[str, Any], source: str) -> None:
    key = stack.installation.key("events:write", source=source)
    headers = {"Content-Type": "application/x-ndjson", "Authorization": f"Bearer {key}"}
    with stack.client("ingest", "events:write") as ingest:
        body = "\n".join(map(json.dumps, events))
        assert ingest.post("/v1/events", content=body, headers=headers).status_code == 202


def test_a_refused_delivery_is_found_mended_and_followed_to_its_score(opened: Page, stack: Stack) -> None:
    lead = {"email": "noe@example.fr", "attributes": {"size": "large"}}
    good = event("good", source="forms", history=False, lead=lead)
    undated = event("mended", source="forms", history=False, lead=lead) | {"time": "14/03/2026"}
    history = [event(f"h{n}", source="forms", lead={"email": f"h{n}@example.fr"}) for n in range(2)]
    post(stack, good, undated, *history, source="forms")
    with stack.client("ingest", "rejected:read") as ingest:
        wait_until(lambda: len(ingest.get("/v1/rejected").json()["rejected"]) == 3, what="three refusals")

    go(opened, stack, "/data/deliveries")
    expect(opened.locator("h1")).to_have_text("3 livraisons refusées vous attendent")
    looked_at(opened, "data-deliveries")
    opened.select_option("#reason", "invalid_event")
    opened.fill("#text", "RFC 3339")
    opened.get_by_role("button", name="Filtrer").click()
    expect(opened.locator(".rejections .row")).to_have_count(1)
    expect(opened.locator(".row-reason")).to_contain_text("pas une date RFC 3339")
    opened.locator(".rejections .row-link").click()
    looked_at(opened, "data-rejection")

    other = opened.context.new_page()  # someone else who looks at the same one
    other.goto(opened.url)
    opened.fill("#body", opened.input_value("#body").replace("14/03/2026", "2026-03-14T09:26:53Z"))
    opened.get_by_role("button", name="Rejouer").click()
    expect(opened.locator(".flash")).to_contain_text("Rejouée")
    expect(opened.locator(".flash")).to_be_focused()
    expect(opened.locator("h1 .tag")).to_have_text("Rejouée")
    other.fill("#body", other.input_value("#body").replace("14/03/2026", "2026-03-15T00:00:00Z"))
    other.get_by_role("button", name="Rejouer").click()
    expect(other.get_by_role("alert").first).to_contain_text("Rien n’a été changé")
    expect(other.get_by_text("2026-03-15T00:00:00Z")).to_be_visible()  # what they wrote is not lost
    other.close()

    opened.get_by_role("link", name="Suivre cette livraison").click()
    expect(opened.locator("#of")).to_have_value("forms")

    def scored() -> bool:
        opened.reload()
        return opened.get_by_text("Prospect évalué").count() == 1

    wait_until(scored, what="the score of what was replayed")
    looked_at(opened, "data-trace")
    opened.fill("#id", "")
    opened.get_by_role("button", name="Suivre").click()
    expect(opened.get_by_role("link", name="good")).to_be_visible()
    looked_at(opened, "data-latest")
    opened.go_back()
    opened.locator(".timeline a[href^='/leads/']").click()
    expect(opened.locator(".lead-name")).to_contain_text("noe@example.fr")

    go(opened, stack, "/data/deliveries")
    opened.get_by_role("button", name="Rejouer les 2 qui attendent").click()
    expect(opened.locator("#replay h1")).to_have_text("2 livraisons rejouées")
    looked_at(opened, "data-replay")
    go(opened, stack, "/data/deliveries")
    expect(opened.locator("h1")).to_have_text("Aucune livraison refusée n’attend")


def test_a_source_is_written_tried_saved_and_brought_back(opened: Page, stack: Stack) -> None:
    go(opened, stack, "/data/sources/new")
    opened.fill("#sample", '{"id": 7, "email": "claire.durand@example.fr"}')
    opened.fill("#definition", SOURCE.format(email="contact..email"))
    expect(opened.locator("#trial")).to_contain_text("Ligne 6")
    expect(opened.locator("#trial")).to_contain_text("pas une expression JMESPath")
    looked_at(opened, "data-source-error")
    opened.fill("#definition", SOURCE.format(email="email"))
    expect(opened.locator("#trial")).to_contain_text("claire.durand@example.fr")
    looked_at(opened, "data-source-trial")
    opened.get_by_role("button", name="Enregistrer").click()
    expect(opened.locator("#secret")).not_to_be_empty()
    expect(opened.locator("#address")).to_contain_text("/v1/webhooks/house-crm")
    looked_at(opened, "data-source-secret")
    opened.fill("#definition", SOURCE.format(email="email") + "  name: name\n")
    opened.get_by_role("button", name="Enregistrer une nouvelle version").click()
    expect(opened.locator(".flash")).to_contain_text("version 2")
    opened.get_by_role("button", name="Rétablir").click()
    expect(opened.locator(".secret-line", has_text="en vigueur")).to_contain_text(re.compile(r"^3 Ada Morel"))
    assert "name: name" not in opened.input_value("#definition")


def test_a_file_is_confirmed_checked_started_and_mended(opened: Page, stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "prospects.csv"
    file.write_bytes(CSV.encode("cp1252"))
    go(opened, stack, "/data/imports")
    looked_at(opened, "data-imports")
    opened.set_input_files("#file", file)
    opened.get_by_role("button", name="Examiner ce fichier").click()
    expect(opened.locator(".import-column")).to_have_count(6)
    assert [opened.locator(f"#role-{n}").input_value() for n in (0, 1)] == ["key", "email"]
    assert opened.locator("#outcome").input_value() == "Statut"
    looked_at(opened, "data-import-mapping")
    opened.fill("#won", "gagné")
    opened.fill("#source", "crm")
    opened.locator("button[value=check]").click()
    expect(opened.locator(".import-verdict")).to_contain_text("61 lignes lues")
    expect(opened.locator(".import-verdict")).to_contain_text("ne contient pas de date lisible")
    looked_at(opened, "data-import-checked")
    opened.locator("button[value=start]").click()
    expect(opened.locator(".import-verdict h2")).to_contain_text("120")
    looked_at(opened, "data-import-done")
    with opened.expect_download() as download:
        opened.locator("a[href$='errors.csv']").click()
    assert "hier" in Path(download.value.path()).read_text("utf-8-sig")
    go(opened, stack, "/data/imports")
    expect(opened.locator(".import-list")).to_contain_text("120")


def test_a_pair_is_compared_merged_taken_back_and_split(opened: Page, stack: Stack) -> None:
    first = {"name": "Mehdi Durand", "company": "Ateliers Durand", "email": "mehdi@ateliers.example.fr"}
    second = {
        "name": "Mehdi DURAND",
        "company": "Ateliers Durand SARL",
        "email": "m.durand@ateliers.example.fr",
    }
    pair = [
        event(f"pair-{n}", source="pairs", subject=str(n), history=False, lead=lead)
        for n, lead in enumerate((first, second), start=1)
    ]
    post(stack, *pair, source="pairs")
    with stack.client("scoring", "leads:read") as scoring:
        wait_until(lambda: scoring.get("/v1/duplicates").json()["waiting"] == 1, what="the pair")

    go(opened, stack, "/data/duplicates")
    expect(opened.locator(".pair tr.differs")).not_to_have_count(0)
    looked_at(opened, "data-pair")
    opened.keyboard.press("1")
    expect(opened.locator(".undo")).to_contain_text("Fusionn")
    expect(opened.locator(".undo button")).to_be_focused()
    looked_at(opened, "data-pair-merged")
    opened.keyboard.press("u")
    expect(opened.locator(".flash")).to_contain_text("Annulé")
    go(opened, stack, "/data/duplicates")
    kept = opened.locator(".pair thead a").first.get_attribute("href")
    opened.keyboard.press("1")
    expect(opened.locator(".undo")).to_be_visible()
    go(opened, stack, str(kept))
    opened.locator("#split-off summary").click()
    opened.locator("#split-off label", has_text="m.durand@").click()
    opened.locator("#split-off label", has_text=re.compile(r"^\s*2\s")).click()
    looked_at(opened, "data-split")
    opened.locator("#split-off button").click()
    expect(opened.locator(".flash")).to_contain_text("Fiche scindée")
    expect(opened.locator(".lead-name")).to_contain_text("Mehdi DURAND")
