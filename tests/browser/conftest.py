"""The real thing: what `make run` starts, on a phone 360 pixels wide, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests import chromium, running
from tests.browser.steps import sign_in
from tests.folders import temporary_folder

PHONE = {"width": 360, "height": 740}
PATIENCE = 20_000
"""Milliseconds until a page counts as missing: far more than a person would wait, because tests share the machine."""
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def town() -> Iterator[str]:
    """The address of the invented town, served by everything that `make run` starts."""
    if chromium.find() is None:
        pytest.skip(chromium.WHY_NOT)
    with temporary_folder() as folder:
        run = running.begin(folder / "instance")
        try:
            run.wait_until_ready()
            yield f"http://127.0.0.1:{run.port}"
        finally:
            run.stop()


@pytest.fixture(scope="module")
def browser(town: str) -> Iterator[Browser]:  # noqa: ARG001  which skips when there is no browser
    # Not for the session: while Playwright runs, nothing else in this process can have an event loop.
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGUMENTS)
        yield program
        program.close()


def complains(said: ConsoleMessage) -> bool:
    """Whether something is wrong; that a form was refused is not."""
    refused = ("a status of 401", "a status of 422")
    return said.type in {"error", "warning"} and not any(status in said.text for status in refused)


Visit = Callable[..., Page]


@pytest.fixture
def visit(town: str, browser: Browser) -> Iterator[Visit]:
    """Opens phones, each with cookies of its own. A script that fails, or a broken policy, fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def visit(email: str = "", *, scripts: bool = True, **options: Any) -> Page:
        kept: dict[str, Any] = {"base_url": town, "viewport": PHONE, "locale": "en-US"}
        context = browser.new_context(java_script_enabled=scripts, **kept | options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        context.on("console", lambda said: complaints.append(said.text) if complains(said) else None)
        page = context.new_page()
        if email:
            sign_in(page, email)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []
