"""Takes the pictures of the README from the invented town: `make screenshots`.

One story, told on a phone: what is new today, a question, who could help, both voices, and what the others see.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests import chromium, running
from tests.browser import steps
from tests.browser.steps import AGENCY, WORKER, follow, press

PICTURES = Path(__file__).parent / "screenshots"

PHONE: ViewportSize = {"width": 360, "height": 740}
SHARPNESS = 2
LARGEST = 150_000
"""Bytes; the README shows four of them."""

ANA = "+14135550160"


def main() -> None:
    if chromium.find() is None:
        raise SystemExit(f"Cannot take pictures: {chromium.WHY_NOT}.")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="loopline-pictures-", ignore_cleanup_errors=True) as folder:
        run = running.begin(Path(folder) / "instance")
        try:
            run.wait_until_ready()
            take_pictures(f"http://127.0.0.1:{run.port}")
        finally:
            run.stop()


def take_pictures(town: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGUMENTS)
        by_the_care_team(phone(browser, town, WORKER))
        by_the_agency(phone(browser, town, AGENCY))
        by_the_patient(phone(browser, town))
        browser.close()


def phone(browser: Browser, town: str, email: str = "") -> Page:
    context = browser.new_context(base_url=town, viewport=PHONE, device_scale_factor=SHARPNESS, locale="en-US")
    page = context.new_page()
    if email:
        steps.sign_in(page, email)
    return page


def by_the_care_team(page: Page) -> None:
    page.goto("/today")
    keep(page, "today")

    page.goto("/patients")
    follow(page, "Ana Reyes")
    page.locator('a[href^="/referrals/"]').first.click()
    keep(page, "referral")

    page.goto("/numbers")
    keep(page, "numbers")

    page.goto("/patients")
    follow(page, "Samuel Brooks")
    steps.begin_screening(page, "Everyday needs")
    page.get_by_label("Yes, and I expect to stay there").check()
    press(page, "Next question")
    page.get_by_label("Often").check()
    keep(page, "question")
    press(page, "Next question")
    steps.answer(page, "Sometimes", "Yes", "No", "No", "Yes")
    steps.want_food(page)
    keep(page, "matches")


def by_the_agency(page: Page) -> None:
    keep(page, "inbox")


def by_the_patient(page: Page) -> None:
    page.goto(f"/demo/phone/{ANA}")
    keep(page, "phone", whole_into_view=".phone")


def keep(page: Page, name: str, *, whole_into_view: str = "") -> None:
    """Write the picture `name` of what the screen shows.

    :raises SystemExit: it is too large for the README.
    """
    if whole_into_view:
        page.locator(whole_into_view).evaluate("it => it.scrollIntoView({ block: 'center' })")
    path = PICTURES / f"{name}.png"
    size = len(page.screenshot(path=path, animations="disabled", caret="hide"))
    print(f"{path.name:14} {size / 1000:4.0f} kB")
    if size > LARGEST:
        raise SystemExit(f"{path.name} is larger than {LARGEST / 1000:.0f} kB.")


if __name__ == "__main__":
    main()
