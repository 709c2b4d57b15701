"""The whole loop by hand, as a health worker, an agency and a patient go round it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import steps
from tests.browser.conftest import Visit
from tests.browser.steps import AGENCY, PANTRY, WORKER, follow, press


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_loop_is_closed_by_both_voices(visit: Visit, *, scripts: bool) -> None:
    worker, agency, phone = visit(WORKER, scripts=scripts), visit(AGENCY, scripts=scripts), visit(scripts=scripts)
    closed_before = loops_closed(worker)

    patient = steps.register(worker, "Lucía Soto")
    steps.find_food(worker)
    best = worker.get_by_role("article").filter(has_text="Best fit")
    expect(best.get_by_role("heading", name="Why this one")).to_be_visible()
    expect(best.get_by_text("Staff speak Spanish")).to_be_visible()
    referral = steps.send_to(worker, PANTRY)
    steps.expect_text(phone, patient, "Su solicitud fue enviada")

    steps.open_in_inbox(agency, referral)
    expect(agency.get_by_role("heading", level=1)).to_have_text(patient.name)
    agency.get_by_label("Within a week").check()
    press(agency, "Yes, we can help")
    steps.expect_text(phone, patient, "Su solicitud fue aceptada")

    follow(agency, "It is done")
    agency.get_by_label("They got the help").check()
    press(agency, "Keep this")
    expect(agency.get_by_text(patient.name)).to_have_count(0)
    steps.expect_text(phone, patient, "¿Recibió ayuda?")
    steps.reply(phone, "1")
    steps.expect_text(phone, patient, "Gracias por avisarnos")

    worker.goto(f"/referrals/{referral}")
    expect(voice(worker, PANTRY)).to_contain_text("Served")
    expect(voice(worker, patient.given_name)).to_contain_text("Got help")
    expect(worker.get_by_text("Closed: they say served, Lucía got help")).to_be_visible()
    assert loops_closed(worker) == closed_before + 1


def loops_closed(worker: Page) -> int:
    worker.goto("/numbers")
    number = worker.get_by_role("article").filter(has=worker.get_by_role("heading", name="Loops closed")).locator("b")
    return int(number.inner_text())


def voice(page: Page, who: str) -> Locator:
    return page.locator("section").filter(has=page.get_by_role("heading", name=f"{who} says"))
