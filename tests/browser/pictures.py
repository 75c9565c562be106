"""Pictures of pages, kept as artefacts, and what must hold of each page that is pictured."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.harness.house import ROOT

ARTEFACTS = ROOT / "test-artefacts"
WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def looked_at(opened: Page, name: str) -> None:
    """Nothing that axe finds serious, and nothing to scroll sideways to on a phone. Pictures are kept."""
    found = Axe().run(opened, options={"resultTypes": ["violations"]}).response["violations"]
    serious = [f"{v['id']}: {v['nodes'][0]['html']}" for v in found if v["impact"] in ("serious", "critical")]
    assert not serious, serious
    for width in (390, 1440):
        opened.set_viewport_size({"width": width, "height": 900})
        assert not opened.evaluate(WIDER), f"{opened.url} scrolls sideways at {width}"
        opened.screenshot(path=ARTEFACTS / f"{name}-{width}.png", full_page=True)
