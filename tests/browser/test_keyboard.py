"""Everything works without a finger on the screen, and one always sees where one is."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import steps
from tests.browser.conftest import Visit
from tests.browser.steps import AGENCY, PASSWORD, WORKER

MOST_STOPS = 400

FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]"

LIST_THE_STOPS = """focusable => {
  const all = [...document.querySelectorAll(focusable)].filter(
    it => it.checkVisibility({ visibilityProperty: true }) && it.tabIndex >= 0 && !it.disabled);
  // Of the radios with one name, one is a stop: the chosen one, else the first.
  const stop = radio => all.find(it => it.name === radio.name && it.checked) ?? all.find(it => it.name === radio.name);
  window.stops = all.filter(it => it.type !== "radio" || it === stop(it));
}"""

WHERE_IT_IS = """() => {
  const it = document.activeElement;
  if (it === document.body) return null;
  const whole = it.closest(".choice") ?? it;
  const outlined = [it, whole.querySelector("label")].filter(Boolean).map(part => getComputedStyle(part)).some(
    style => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2);
  const { left, top, width, height } = it.getBoundingClientRect();
  const onTop = document.elementFromPoint(left + width / 2, top + height / 2);
  const covered = !onTop || !(whole.contains(onTop) || onTop.contains(it));
  return { stop: window.stops.indexOf(it), outlined, covered, html: it.outerHTML.slice(0, 120) };
}"""

NOT_REACHED = "reached => window.stops.filter((it, n) => !reached.includes(n)).map(it => it.outerHTML.slice(0, 120))"


def test_one_signs_in_and_opens_the_first_card_by_keyboard(visit: Visit) -> None:
    page = visit()
    page.goto("/sign-in")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    for typed in (WORKER, PASSWORD):
        page.keyboard.press("Tab")
        page.keyboard.type(typed)
    page.keyboard.press("Enter")
    page.wait_for_url("**/today*")

    first = page.get_by_role("article").first.get_by_role("link").first
    for _stop in range(MOST_STOPS):
        if first.evaluate("it => it === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/(referrals|patients)/"))


def test_a_form_that_is_refused_says_where_and_leads_there(visit: Visit) -> None:
    page = visit(WORKER)
    page.goto("/patients/new")
    page.get_by_label("Given name").fill("Nadie")
    page.get_by_label("Given name").press("Enter")
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Family name")).to_be_focused()
    expect(page.get_by_label("Given name")).to_have_value("Nadie")


@pytest.mark.parametrize(
    ("email", "address"),
    [("", "/sign-in"), (WORKER, "/today"), (WORKER, "/patients/new"), (WORKER, "/numbers"), (AGENCY, "/inbox")],
)
def test_tab_reaches_everything_and_shows_where_it_is(visit: Visit, email: str, address: str) -> None:
    page = visit(email)
    page.goto(address)
    tab_through(page)


def test_tab_reaches_every_answer_and_every_match(visit: Visit) -> None:
    page = visit(WORKER)
    steps.register(page, "Olga Ferrer")
    patient_page = page.url
    steps.begin_screening(page, "Everyday needs")
    tab_through(page)

    page.goto(f"{patient_page}/screenings")
    page.get_by_label("Hunger Vital Sign").check()
    steps.press(page, "Begin anew")
    steps.answer(page, "Often true", "Sometimes true")
    tab_through(page)
    steps.want_food(page)
    tab_through(page)


def tab_through(page: Page) -> None:
    page.evaluate(LIST_THE_STOPS, FOCUSABLE)
    reached, problems = [], []
    for _stop in range(MOST_STOPS):
        page.keyboard.press("Tab")
        here = page.evaluate(WHERE_IT_IS)
        if here is None:
            break
        if here["stop"] in reached:  # the parts of a date
            continue
        reached.append(here["stop"])
        if not here["outlined"]:
            problems.append(f"no outline: {here['html']}")
        if here["covered"]:
            problems.append(f"covered: {here['html']}")
    problems += [f"not reached: {html}" for html in page.evaluate(NOT_REACHED, reached)]
    assert not problems, "\n".join(problems)
    assert reached == sorted(reached)
