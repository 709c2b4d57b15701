"""The whole loop by hand, as a health worker, an agency and a patient go round it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import steps
from tests.browser.conftest import Visit
from tests.browser.steps import AGENCY, LEAD, PANTRY, PASSWORD, WORKER, follow, press


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
    closed = worker.get_by_role("article").filter(has=worker.get_by_role("heading", name="Loops closed"))
    return int(closed.locator("b").first.inner_text())


def voice(page: Page, who: str) -> Locator:
    return page.locator("section").filter(has=page.get_by_role("heading", name=f"{who} says"))


def test_where_there_is_no_room_the_next_place_is_asked_unless_the_patient_minds(visit: Visit) -> None:
    worker, agency, phone = visit(WORKER), visit(AGENCY), visit()
    patient = steps.register(worker, "Tomás Prado")
    patient_page = worker.url
    steps.find_food(worker)
    referral = steps.send_to(worker, PANTRY)

    steps.open_in_inbox(agency, referral)
    follow(agency, "No, because…")
    agency.get_by_label("We are full").check()
    press(agency, "Send this answer")

    steps.expect_text(phone, patient, "Un lugar no puede ayudar y preguntamos en otro")
    worker.goto(patient_page)
    expect(worker.get_by_text("not sent yet").first).to_be_visible()

    steps.reply(phone, "2")
    steps.expect_text(phone, patient, "Gracias")
    worker.goto("/today")
    card = worker.get_by_role("article").filter(has_text=patient.name)
    expect(card).to_contain_text("Offer another place")
    follow(card, "Offer the next match")
    offered = worker.get_by_role("article").get_by_role("heading", level=2)
    expect(offered.first).to_be_visible()
    expect(worker.get_by_text("Weekly groceries")).to_have_count(0)

    agency.goto("/inbox/capacity")  # for the others who are sent there
    press(agency, "Open again")
    agency.goto("/inbox")
    expect(agency.get_by_text("Open for new people.")).to_be_visible()


def test_stop_ends_the_texts_and_somebody_calls_instead(visit: Visit) -> None:
    worker, phone = visit(WORKER), visit()
    patient = steps.register(worker, "Marisol Vega")
    patient_page = worker.url
    expect(worker.get_by_text("Safe to text")).to_be_visible()
    steps.find_food(worker)
    steps.send_to(worker, PANTRY)
    steps.expect_text(phone, patient, "Su solicitud fue enviada")

    steps.reply(phone, "STOP")
    steps.expect_text(phone, patient, "No recibirá más mensajes")
    worker.goto(patient_page)
    expect(worker.get_by_text("Has not agreed to texts")).to_be_visible()
    worker.goto("/today")
    card = worker.get_by_role("article").filter(has_text=patient.name)
    expect(card).to_contain_text("Marisol texted STOP and gets no more texts")
    expect(card.get_by_role("link", name="Call Marisol")).to_have_attribute("href", f"tel:+1{patient.number}")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_double_tap_sends_once(visit: Visit, *, scripts: bool) -> None:
    worker = visit(WORKER, scripts=scripts)
    steps.register(worker, "Rubén Luna")
    patient_page = worker.url
    steps.find_food(worker)
    worker.get_by_role("button", name=f"Send to {PANTRY}").first.dblclick()
    expect(worker.get_by_role("heading", level=1)).to_contain_text(f"from {PANTRY}")
    worker.goto(patient_page)
    worker.get_by_text("Everything, newest first").click()
    expect(worker.get_by_text(f"Sent to {PANTRY}")).to_have_count(2)  # in the need's line of life, and here


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_going_back_in_a_screening_loses_nothing(visit: Visit, *, scripts: bool) -> None:
    worker = visit(WORKER, scripts=scripts)
    steps.register(worker, "Elisa Mora")
    steps.begin_screening(worker, "Everyday needs")
    home, worried, ran_out = "Yes, and I expect to stay there", "Often", "Sometimes"
    for answer in (home, worried):
        worker.get_by_label(answer, exact=True).check()
        press(worker, "Next question")
    worker.get_by_label(ran_out, exact=True).check()
    press(worker, "Back")  # the page's own keeps also what was just chosen
    expect(worker.get_by_label(worried, exact=True)).to_be_checked()

    for _page in range(3):
        worker.go_back()
    for answer in (home, worried, ran_out):
        expect(worker.get_by_label(answer, exact=True)).to_be_checked()
        press(worker, "Next question")


def test_going_back_ticks_nobody_else(visit: Visit) -> None:
    """A browser brings ticks back by their place in the list, which is somebody else's when one has left it."""
    lead = visit(LEAD)
    lead.goto("/hand-over")
    follow(lead, "Thu Pham")
    lead.get_by_label("Marguerite Baptiste").check()
    lead.get_by_label("Only these patients").check()
    lead.get_by_text("Choose patients").click()
    lead.locator("input[name=patient]").first.check()
    press(lead, "Hand it over")
    expect(lead.get_by_role("status")).to_contain_text("one patient")
    lead.go_back()
    expect(lead.get_by_role("button", name="Hand it over")).to_be_visible()
    expect(lead.locator("input[name=patient]:checked")).to_have_count(0)


def test_who_is_signed_out_while_typing_loses_nothing(visit: Visit) -> None:
    agency = visit(AGENCY)
    agency.goto("/inbox?tab=waiting")
    agency.locator("h2 a").first.click()
    agency.get_by_text("Write a note").click()
    agency.get_by_label("Note", exact=True).fill("The driver is back on Monday.")
    agency.context.clear_cookies()
    agency.get_by_role("button", name="Keep the note").click()
    expect(agency.get_by_text("What you typed is not lost.")).to_be_visible()
    agency.get_by_label("E-mail address").fill(AGENCY)
    agency.get_by_label("Password").fill(PASSWORD)
    press(agency, "Sign in")
    expect(agency.get_by_label("What you wrote")).to_have_value("The driver is back on Monday.")
    press(agency, "Send it once more")
    expect(agency.locator("#notes")).to_contain_text("The driver is back on Monday.")
