"""Every page that can be reached by its links holds up: for small phones, large text, screen readers and slow lines."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Request, Response

from tests.browser import steps
from tests.browser.conftest import Visit
from tests.browser.steps import ADMINISTRATOR, AGENCY, LEAD, WORKER, press

PEOPLE = Path(__file__).parents[2] / "seed" / "people.yaml"

SMALLEST = {"width": 320, "height": 640}
MOST_PAGES = 60
MOST_OF_A_KIND = 2
ONE_OF_MANY = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\+\d+|(?<==)[^&]+")
"""What tells pages of one kind apart: whom they are about, or which part of many."""

FIRST_VISIT = 120_000
"""Bytes over the line for a page and all it needs, when nothing of it is there yet."""
LATER_PAGE = 20_000

VISITORS = [
    pytest.param(WORKER, "/today?lang=es", {"color_scheme": "dark"}, id="health worker, in Spanish and in the dark"),
    pytest.param(AGENCY, "/inbox", {"color_scheme": "dark"}, id="agency, in the dark"),
    pytest.param(LEAD, "/hand-over", {}, id="lead"),
    pytest.param(ADMINISTRATOR, "/numbers?lang=es", {}, id="administrator, in Spanish"),
    pytest.param("", "/demo/phones", {}, id="nobody we know"),
    pytest.param("", "/demo/mail?lang=es", {"color_scheme": "dark"}, id="agency without an account"),
]

AXE = Axe()
WCAG_AA = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}

TOO_WIDE = """() => {
  document.querySelectorAll("details").forEach(it => it.open = true);
  const wide = () => {
    const room = document.documentElement.clientWidth;
    return document.documentElement.scrollWidth <= room ? [] :
      [...document.body.querySelectorAll("*")].filter(it => it.getBoundingClientRect().right > room + 1)
        .map(it => it.outerHTML.slice(0, 90)).slice(0, 3);
  };
  const found = wide().map(it => "too wide: " + it);
  const root = document.documentElement.style;
  root.fontSize = 2 * parseFloat(getComputedStyle(document.documentElement).fontSize) + "px";
  found.push(...wide().map(it => "too wide with large text: " + it));
  root.fontSize = "";
  return found;
}"""


def test_the_first_page_comes_over_a_poor_line_and_later_ones_bring_only_themselves(visit: Visit) -> None:
    page = visit()
    fetched: list[Request] = []
    page.on("requestfinished", lambda request: fetched.append(request))  # noqa: PLW0108  it must be Python's own function
    page.goto("/sign-in", wait_until="networkidle")
    assert {Path(request.url.partition("?")[0]).suffix for request in fetched} >= {"", ".css", ".js", ".svg"}
    assert sum(map(over_the_line, fetched)) < FIRST_VISIT

    fetched.clear()
    steps.sign_in(page, WORKER)
    page.wait_for_load_state("networkidle")
    again = [request.url for request in fetched if "/static/" in request.url and over_the_line(request)]
    assert again == []


def over_the_line(request: Request) -> int:
    """Bytes of an answer; none when the browser had kept it, which Playwright counts as less than nothing."""
    sizes = request.sizes()
    return max(0, sizes["responseBodySize"] + sizes["responseHeadersSize"])


@pytest.mark.parametrize(("email", "start", "options"), VISITORS)
def test_every_page_holds_up(visit: Visit, email: str, start: str, options: dict[str, Any]) -> None:
    page = visit(email, viewport=SMALLEST, **options)
    found = []
    for address, response in every_page(page, start):
        if response.status != HTTPStatus.OK:
            found.append(f"{address}: status {response.status}")
        if (weight := over_the_line(response.request)) >= LATER_PAGE:
            found.append(f"{address}: {weight} bytes")
        found += [f"{address}: {problem}" for problem in problems(page)]
    assert not found, "\n".join(found)


def test_a_service_is_printed_over_the_whole_sheet(visit: Visit) -> None:
    # A sheet that lies on its side is wide enough for the places beside the page, which are not printed.
    page = visit(WORKER, viewport={"width": 1000, "height": 740})
    page.goto("/directory?need=food")
    page.locator(".row__link").first.click()
    page.emulate_media(media="print")
    assert page.locator("main").evaluate("it => it.getBoundingClientRect().width") == 1000
    assert not page.locator(".frame").is_visible()


def test_the_pages_of_a_screening_hold_up(visit: Visit) -> None:
    page = visit(WORKER, viewport=SMALLEST)
    found: list[str] = []

    def look() -> None:
        found.extend(f"{page.get_by_role('heading', level=1).inner_text()}: {problem}" for problem in problems(page))

    steps.register(page, "Nuria Campos")
    look()
    patient_page = page.url
    press(page, "Ask the questions")
    look()
    page.get_by_label("Everyday needs").check()
    press(page, "Begin")
    look()
    press(page, "Show it large: Español")
    look()
    page.goto(f"{patient_page}/screenings")
    look()
    page.get_by_label("Hunger Vital Sign").check()
    press(page, "Begin anew")
    for chosen in ("Often true", "Never true"):
        look()
        page.get_by_label(chosen).check()
        press(page, "Next question")
    look()
    press(page, "See what we found")
    look()
    steps.want_food(page)
    look()
    page.get_by_role("button", name="Send to").first.click()
    look()
    assert not found, "\n".join(found)


def problems(page: Page) -> Iterator[str]:
    if named := names() & set(re.findall(r"\w+", page.title())):
        yield f"names {named} in its title"
    yield from page.evaluate(TOO_WIDE)
    for violation in AXE.run(page, options=WCAG_AA).response["violations"]:
        if violation["impact"] in {"serious", "critical"}:
            yield f"{violation['help']}: {violation['nodes'][0]['html'][:200]}"


def names() -> set[str]:
    people = yaml.safe_load(PEOPLE.read_text(encoding="utf-8"))["patients"]
    return {word for one in people for word in f"{one['given_name']} {one['family_name']}".split()}


def every_page(page: Page, start: str) -> Iterator[tuple[str, Response]]:
    """Follow every link, and stay a moment on each page."""
    seen: set[str] = set()
    kinds: Counter[str] = Counter()
    waiting = deque([start])
    while waiting and sum(kinds.values()) < MOST_PAGES:
        address = waiting.popleft()
        kind = ONE_OF_MANY.sub("…", address)
        if address in seen or kinds[kind] == MOST_OF_A_KIND:
            continue
        seen.add(address)
        kinds[kind] += 1
        response = page.goto(address)
        assert response
        waiting.extend(links(page))
        yield address, response


def links(page: Page) -> list[str]:
    """Where the page leads, in our own town; what is only taken out as a file is no page."""
    found: list[str] = page.locator("a").evaluate_all(
        "all => all.filter(it => it.origin === location.origin && !it.hasAttribute('download'))"
        ".map(it => it.pathname + it.search)"
    )
    return [address for address in found if "lang=" not in address]
