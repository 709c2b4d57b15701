"""A map appears where pictures of one are configured, and works without a mouse; elsewhere there is the list alone."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import chromium, running
from tests.browser.conftest import PATIENCE, PHONE
from tests.browser.steps import WORKER, press, sign_in
from tests.folders import temporary_folder

TILE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c02"
    "0000000b4944415478da63fcff1f0003030200efbfa7db0000000049454e44ae426082"
)
"""A PNG picture of one point."""

FOOD = "/directory?need=food"
PHONE_SIZED: dict[str, Any] = {"viewport": PHONE}


class Tiles(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Referer"]))  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.end_headers()
        self.wfile.write(TILE)

    def log_message(self, *_said: object) -> None:
        """Tests are quiet."""


@pytest.fixture(scope="module")
def tiles() -> Iterator[ThreadingHTTPServer]:
    """A server of plain pictures, which keeps what it was asked for and from where."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Tiles) as server:
        server.asked = []  # type: ignore[attr-defined]
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def mapped_town(tiles: ThreadingHTTPServer) -> Iterator[str]:
    if chromium.find() is None:
        pytest.skip(chromium.WHY_NOT)
    pictures = f"http://127.0.0.1:{tiles.server_port}/{{z}}/{{x}}/{{y}}.png"
    with temporary_folder() as folder:
        run = running.begin(folder / "instance", MAP_TILES_URL=pictures, MAP_ATTRIBUTION="© Mapmakers")
        try:
            run.wait_until_ready()
            yield f"http://127.0.0.1:{run.port}"
        finally:
            run.stop()


@pytest.fixture
def page(mapped_town: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        program: Browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGUMENTS)
        context = program.new_context(base_url=mapped_town, locale="en-US", **PHONE_SIZED)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        sign_in(page, WORKER)
        page.goto(FOOD)
        yield page
        program.close()


def seen(page: Page) -> bool:
    """Whether what has the focus lies within the map."""
    return bool(
        page.evaluate(
            """() => {
              const it = document.activeElement.getBoundingClientRect();
              const map = document.querySelector(".map").getBoundingClientRect();
              return it.left >= map.left && it.right <= map.right && it.top >= map.top && it.bottom <= map.bottom;
            }"""
        )
    )


def test_a_map_comes_when_it_is_asked_for_and_works_by_keyboard(page: Page, tiles: ThreadingHTTPServer) -> None:
    asked: list[tuple[str, str | None]] = tiles.asked  # type: ignore[attr-defined]
    assert asked == [], "the server of the pictures does not hear what somebody looks at"
    press(page, "Show on a map")
    map_, pins, pictures = page.get_by_role("group", name="Map"), page.locator(".map__pin"), page.locator(".map__tile")
    expect(map_).to_be_focused()
    places = pins.count()
    assert places > 5
    expect(page.get_by_text("© Mapmakers")).to_be_visible()
    page.wait_for_function("[...document.querySelectorAll('.map__tile')].every(it => it.naturalWidth)")
    assert {referrer for _path, referrer in asked} == {None}

    before = pictures.first.get_attribute("style")
    page.keyboard.press("ArrowRight")
    assert pictures.first.get_attribute("style") != before

    for _ in range(3):
        page.keyboard.press("+")
    for _ in range(places):
        page.keyboard.press("Tab")
        assert seen(page), "who goes from place to place sees where they are"
    label = page.evaluate("document.activeElement.title")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(label.split(", ")[0])


def test_without_scripts_or_pictures_there_is_a_clean_list(town: str, mapped_town: str) -> None:
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGUMENTS)
        for address, scripts in ((town, True), (mapped_town, False)):
            context = program.new_context(base_url=address, locale="en-US", java_script_enabled=scripts, **PHONE_SIZED)
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            sign_in(page, WORKER)
            page.goto(FOOD)
            expect(page.locator(".row__link").first).to_be_visible()
            expect(page.get_by_role("button", name="Show on a map")).to_have_count(0)
            expect(page.locator(".map")).to_have_count(0)
        program.close()
