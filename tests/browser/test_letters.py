"""An agency without an account answers from its e-mail, on a small phone and without scripts."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.steps import PANTRY, press
from tests.browser.test_pages import SMALLEST, problems

OLDEST_UNANSWERED = f"Can {PANTRY} help somebody?"


def open_letter(page: Page, subject: str) -> None:
    """The newest letter with this subject, and the link in it."""
    page.goto("/demo/mail")
    page.get_by_role("link", name=subject).first.click()
    address = page.locator(".letter a").first.get_attribute("href")
    assert address
    page.goto(urlsplit(address).path)  # the port is chosen after the address is made


def test_an_agency_says_yes_from_its_letter(visit: Visit) -> None:
    page = visit(scripts=False, viewport=SMALLEST)
    open_letter(page, OLDEST_UNANSWERED)
    press(page, "Yes, we can")
    expect(page.get_by_role("alert")).to_contain_text("Please check this")
    page.get_by_label("Your name").fill("Rosa Diaz")
    page.get_by_label(f"I answer for {PANTRY}").check()
    press(page, "Yes, we can")
    page.get_by_label("Within a week").check()
    press(page, "Yes, we can help")
    expect(page.get_by_text("They are told that you will contact them")).to_be_visible()
    expect(page.get_by_role("link", name="Call (")).to_be_visible()


def test_the_pages_behind_a_link_hold_up(visit: Visit) -> None:
    page = visit(viewport=SMALLEST)
    found: list[str] = []

    def look() -> None:
        found.extend(f"{page.get_by_role('heading', level=1).inner_text()}: {problem}" for problem in problems(page))

    open_letter(page, "Can Linden Community Action help somebody?")
    look()
    page.get_by_label("Your name").fill("Grace Adeyemi")
    page.get_by_label("I answer for").check()
    page.get_by_role("button", name="Tell me more first").or_(page.get_by_role("button", name="Go on")).last.click()
    look()
    page.goto(f"{page.url.partition('?')[0]}?status=rejected")
    look()
    page.goto(f"{page.url.partition('?')[0]}?status=completed")
    look()
    assert not found, "\n".join(found)
