"""What people do, with their thumbs."""

from __future__ import annotations

import itertools
import time
from typing import NamedTuple

from playwright.sync_api import Locator, Page, expect

WORKER, AGENCY, ADMINISTRATOR = "worker@demo.test", "agency@demo.test", "admin@demo.test"
LEAD = "lead@demo.test"
PASSWORD = "loopline-demo"

PANTRY = "Eastside Pantry"
ARRIVES_WITHIN = 15.0
"""Seconds in which a text reaches its phone, or what was texted reaches us."""

_newcomers = itertools.count(80)


class Patient(NamedTuple):
    name: str
    number: str
    """Ten digits."""

    @property
    def given_name(self) -> str:
        return self.name.split()[0]


def sign_in(page: Page, email: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Sign in")


def press(within: Page | Locator, name: str) -> None:
    within.get_by_role("button", name=name, exact=True).click()


def follow(within: Page | Locator, name: str) -> None:
    within.get_by_role("link", name=name, exact=True).click()


def register(page: Page, name: str) -> Patient:
    """A patient who speaks Spanish, lives near the middle of the town and agrees to everything."""
    n = next(_newcomers)
    patient = Patient(name, f"41355501{n}")
    page.goto("/today")
    follow(page.get_by_role("navigation", name="Places"), "Patients")
    follow(page, "Register a patient")
    given, family = name.split(" ", 1)
    page.get_by_label("Given name").fill(given)
    page.get_by_label("Family name").fill(family)
    page.get_by_label("Date of birth").fill(f"19{n}-03-27")
    page.get_by_label("Mobile phone").fill(patient.number)
    page.get_by_label("Language they speak best").select_option("Español")
    page.get_by_label("ZIP code").fill("01040")
    for consent in page.get_by_label("Yes, I agree").all():
        consent.check()
    press(page, "Register")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    return patient


def find_food(page: Page) -> None:
    """From the patient's page to the places that could help, by the two questions of the Hunger Vital Sign."""
    begin_screening(page, "Hunger Vital Sign")
    answer(page, "Often true", "Sometimes true")
    want_food(page)


def begin_screening(page: Page, instrument: str) -> None:
    press(page, "Ask the questions")
    page.get_by_label(instrument).check()
    press(page, "Begin")


def answer(page: Page, *answers: str) -> None:
    """One question after the other; then on to what was found."""
    for chosen in answers:
        page.get_by_label(chosen, exact=True).check()
        press(page, "Next question")
    press(page, "See what we found")
    expect(page.get_by_role("heading", level=1)).to_contain_text("We found")


def want_food(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("We found 1 need")
    page.get_by_label("Yes", exact=True).check()
    press(page, "Keep this and find help")


def send_to(page: Page, organization: str) -> str:
    """Send to its first service that is offered. The referral's id, which both sides have in their addresses."""
    page.get_by_role("button", name=f"Send to {organization}").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"from {organization}")
    return page.url.rpartition("/")[2]


def open_in_inbox(agency: Page, referral: str) -> None:
    agency.goto("/inbox")
    agency.locator(f"h2 a[href$='{referral}']").click()


def expect_text(phone: Page, patient: Patient, words: str) -> None:
    """Look at the patient's phone until the text is there."""
    wait_for(phone, f"/demo/phone/{patient.number}", phone.get_by_text(words))


def wait_for(page: Page, address: str, what: Locator) -> None:
    """Open the page again and again, as one does who waits, until it shows `what`."""
    deadline = time.monotonic() + ARRIVES_WITHIN
    page.goto(address)
    while not what.count() and time.monotonic() < deadline:
        page.wait_for_timeout(100)
        page.goto(address)
    expect(what.first).to_be_visible()


def reply(phone: Page, words: str) -> None:
    """Answer on the patient's phone, which is open."""
    phone.get_by_label("Text message").fill(words)
    press(phone, "Send")
