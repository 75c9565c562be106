"""The page Imports on real services: a file dropped, its columns confirmed, checked, started, mended."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.harness.browser import browser, page
from tests.harness.platform import PASSWORD, Installation
from tests.harness.processes import free_port, server, worker

ROOT = Path(__file__).parents[2]
expect.set_options(timeout=30_000)
ARTEFACTS = ROOT / "test-artefacts"
ROWS = "".join(
    f"{n};lead{n}@example.fr;Société {n};{n % 28 + 1:02}/{n % 12 + 1:02}/2025;1 {n:03},50;"
    f"{'gagné' if n % 3 else 'perdu'}\n"
    for n in range(60)
)
CSV = f"Réf;Courriel;Raison sociale;Créé le;Montant HT;Statut\n{ROWS}99;x@example.fr;Vannes;hier;7;perdu\n"


@pytest.fixture
def console(installation: Installation, tmp_path: Path) -> Iterator[str]:
    installation.person("marketing")
    common = installation.environment | {"INGEST_IMPORT_FOLDER": str(tmp_path / "imports")}
    with server("ingest", common, tmp_path / "ingest.log") as ingest:
        environment = common | {"INGEST_URL": ingest, "SCORING_URL": f"http://127.0.0.1:{free_port()}"}
        with (
            server("console", environment, tmp_path / "console.log") as url,
            worker("ingest", common, tmp_path / "worker.log"),
        ):
            yield url


def sign_in(opened: Page, url: str) -> None:
    opened.goto(f"{url}/login")
    opened.fill("input[name=email]", "lea@example.fr")
    opened.fill("input[name=password]", PASSWORD)
    opened.keyboard.press("Enter")
    expect(opened.locator("nav").first).to_be_visible()
    opened.goto(f"{url}/data/imports")


def looked_at(opened: Page, name: str) -> None:
    found = Axe().run(opened, options={"resultTypes": ["violations"]}).response["violations"]
    serious = [f"{v['id']}: {v['nodes'][0]['html']}" for v in found if v["impact"] in ("serious", "critical")]
    assert not serious, serious
    assert not opened.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    ARTEFACTS.mkdir(exist_ok=True)
    opened.screenshot(path=ARTEFACTS / f"imports-{name}.png", full_page=True)


@pytest.mark.long
@pytest.mark.parametrize(("width", "language"), [(1440, "fr-FR"), (390, "en-GB")])
def test_a_file_is_confirmed_checked_started_and_mended(
    console: str, tmp_path: Path, width: int, language: str
) -> None:
    file = tmp_path / "prospects.csv"
    file.write_bytes(CSV.encode("cp1252"))
    with browser() as launched, page(launched, width=width, locale=language) as opened:
        sign_in(opened, console)
        looked_at(opened, f"first-{width}")
        opened.set_input_files("#file", file)
        opened.locator("main form button").click()
        expect(opened.locator(".import-column")).to_have_count(6)
        assert opened.locator("#role-1").input_value() == "email"
        assert opened.locator("#outcome").input_value() == "Statut"
        looked_at(opened, f"mapping-{width}")
        assert opened.locator("#role-0").input_value() == "key"
        opened.fill("#won", "gagné")
        opened.fill("#source", "crm")
        opened.locator("button[value=check]").click()
        expect(opened.locator("button[value=start]")).to_be_visible(timeout=30_000)
        expect(opened.locator(".import-verdict")).to_contain_text("61")
        looked_at(opened, f"verdict-{width}")
        opened.locator("button[value=start]").click()
        expect(opened.locator(".import-verdict h2")).to_contain_text("120")
        looked_at(opened, f"done-{width}")
        with opened.expect_download() as download:
            opened.locator("a[href$='errors.csv']").click()
        assert "hier" in Path(download.value.path()).read_text("utf-8-sig")
        opened.goto(f"{console}/data/imports")
        expect(opened.locator(".import-list .row")).to_have_count(1)
        expect(opened.locator(".import-list")).to_contain_text(re.compile("120"))
        looked_at(opened, f"list-{width}")
