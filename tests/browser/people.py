"""Someone who signs in."""

from playwright.sync_api import Page, expect

from tests.harness.platform import PASSWORD
from tests.harness.stack import Stack


def sign_in(opened: Page, stack: Stack, email: str) -> None:
    opened.context.set_default_timeout(30_000)
    expect.set_options(timeout=30_000)
    opened.goto(f"{stack.urls['console']}/login")
    opened.fill("input[name=email]", email)
    opened.fill("input[name=password]", PASSWORD)
    opened.keyboard.press("Enter")
    expect(opened.locator("nav.nav")).to_be_visible()
