"""A text speaks of danger: somebody is paged within a minute, and others while nobody has taken it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app import clock, i18n
from app.db import session as the_session
from app.errors import DomainError
from app.messaging import jobs as messaging_jobs
from app.messaging import operations as messaging
from app.messaging import queries as messages
from app.messaging.delivery import State
from app.messaging.models import Message
from app.patients import operations as patients
from app.patients.models import Patient
from app.referrals.lifecycle import Status
from app.staff import operations as staff
from app.staff.models import StaffMember
from app.staff.permissions import Role
from app.worklist import escalation, jobs, paging, queries
from app.worklist import operations as worklist
from app.worklist.kinds import Kind
from app.worklist.models import StaffPage, WorkItem
from tests.factories import make_need, make_patient, make_referral, make_staff, sign_in
from tests.loop.steps import phone_of, text_from

Db = scoped_session[Session]

NIGHT = datetime(2026, 11, 25, 7, 30, tzinfo=UTC)
"""Half past two in Baltimore."""
MAYA, LEO, IDA, NOOR = "+14105550141", "+14105550142", "+14105550143", "+14105550144"
STRANGER = "+14435550999"
DANGER = "quiero morirme"


def on_call(person: StaffMember, phone: str, *, by: StaffMember, ready: bool = True) -> StaffMember:
    staff.set_paging(person, phone=phone, on_call=ready, by=by)
    the_session.flush()  # who is on call is asked of the database
    return person


@pytest.fixture
def admin(session: Db) -> StaffMember:  # noqa: ARG001  what it rolls back
    return make_staff(Role.ADMINISTRATOR, name="Priya Raman")


@pytest.fixture
def crew(maya: StaffMember, admin: StaffMember) -> list[StaffMember]:
    """Maya answers for Ana and is not on call; Ida, Leo and Noor are."""
    on_call(maya, MAYA, by=admin, ready=False)
    return [
        on_call(make_staff(team=maya.team, name=name, language=language), phone, by=admin)
        for name, phone, language in (("Ida", IDA, "es"), ("Leo", LEO, "en"), ("Noor", NOOR, "en"))
    ]


def pages() -> list[str]:
    """Whose phones were paged, in order; those of one moment by number."""
    rows = the_session.execute(
        select(Message.phone).where(Message.purpose == messaging.STAFF_PAGE).order_by(Message.created_at, Message.phone)
    )
    return [phone for (phone,) in rows]


def urgent() -> WorkItem:
    return the_session.scalars(select(WorkItem).where(WorkItem.kind == Kind.URGENT_TEXT)).one()


def pass_time(start: datetime, *, minutes: int) -> None:
    """The minute task runs every minute, and every time twice."""
    for minute in range(1, minutes + 1):
        with clock.held_at(start + timedelta(minutes=minute)):
            jobs.page_due(timestamp=0)
            jobs.page_due(timestamp=0)


def fail_last(phone: str, state: State = State.UNDELIVERED, code: str = "30005") -> None:
    """The carrier says that the last page to this phone did not arrive; the job that follows runs twice."""
    message = the_session.scalars(
        select(Message)
        .where(Message.phone == phone, Message.purpose == messaging.STAFF_PAGE)
        .order_by(Message.position.desc())
        .limit(1)
    ).one()
    messaging.end(message, state, code) if state is State.EXPIRED else _undeliver(message, code)
    jobs.page_next(str(message.id))
    jobs.page_next(str(message.id))


def _undeliver(message: Message, code: str) -> None:
    message.sid = f"SM{message.id.hex}"
    messaging.end(message, State.UNDELIVERED, code)
    the_session.flush()  # the job asks the database


@contextmanager
def configured(app: Flask, monkeypatch: pytest.MonkeyPatch, **changes: object) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setitem(app.extensions, "settings", replace(app.extensions["settings"], **changes))
        yield


@pytest.mark.parametrize(
    ("language", "said"), [("en", "he hit me"), ("es", "quiero morirme"), ("zh-Hans", "自杀"), ("ar", "أريد أن أموت")]
)
def test_case_32_the_person_responsible_and_the_first_on_call_are_paged_at_once(
    maya: StaffMember, crew: list[StaffMember], language: str, said: str
) -> None:
    del crew
    linh = make_patient(maya, language=language)
    with clock.held_at(NIGHT):
        text_from(phone_of(linh), said)
        messaging_jobs.send()
    assert pages() == [MAYA, IDA]
    sent = the_session.scalars(select(Message).where(Message.accepted_at == NIGHT)).all()
    assert {message.phone for message in sent} == {MAYA, IDA, phone_of(linh)}, "at night, to all three, at once"
    (safe,) = (message for message in sent if message.phone == phone_of(linh))
    assert (safe.template, safe.language) == ("urgent", language)
    assert "911" in safe.body
    assert "988" in safe.body


def test_a_page_says_nothing_about_anybody_and_speaks_the_language_of_the_paged(
    ana: Patient, crew: list[StaffMember]
) -> None:
    del crew
    text_from(phone_of(ana), DANGER)
    said = dict(
        the_session.execute(select(Message.phone, Message.body).where(Message.purpose == messaging.STAFF_PAGE)).all()
    )
    assert said[MAYA] == "Loopline: an urgent text needs you now. Sign in: https://loopline.test/today"
    assert said[IDA] != said[MAYA]
    assert said[IDA].endswith("https://loopline.test/today")
    assert not any(part in body for body in said.values() for part in (ana.given_name, ana.family_name, DANGER))


def test_one_after_the_other_then_everybody_and_then_it_ends(ana: Patient, crew: list[StaffMember]) -> None:
    del crew
    with clock.held_at(NIGHT):
        text_from(phone_of(ana), DANGER)
    pass_time(NIGHT, minutes=4)
    assert pages() == [MAYA, IDA]
    pass_time(NIGHT + timedelta(minutes=4), minutes=1)
    assert pages() == [MAYA, IDA, LEO]
    pass_time(NIGHT + timedelta(minutes=5), minutes=5)
    assert pages() == [MAYA, IDA, LEO, NOOR]
    pass_time(NIGHT + timedelta(minutes=10), minutes=120)
    assert pages() == [MAYA, IDA, LEO, NOOR, *[MAYA, LEO, IDA, NOOR] * 2]


def test_an_outage_of_hours_is_made_up_for_by_one_step(ana: Patient, crew: list[StaffMember]) -> None:
    del crew
    with clock.held_at(NIGHT):
        text_from(phone_of(ana), DANGER)
    pass_time(NIGHT + timedelta(hours=5), minutes=4)
    assert pages() == [MAYA, IDA, LEO]


def test_ten_urgent_texts_are_no_ten_pages(ana: Patient, crew: list[StaffMember]) -> None:
    del crew
    with clock.held_at(NIGHT):
        for _text in range(10):
            text_from(phone_of(ana), DANGER)
    assert pages() == [MAYA, IDA]
    pass_time(NIGHT, minutes=5)
    assert pages() == [MAYA, IDA, LEO]


def test_it_stops_when_somebody_takes_it_and_only_one_can(ana: Patient, crew: list[StaffMember]) -> None:
    with clock.held_at(NIGHT):
        text_from(phone_of(ana), DANGER)
        paging.take(urgent(), by=crew[1])
    with pytest.raises(DomainError):
        paging.take(urgent(), by=crew[0])
    item = urgent()
    assert (item.taken_by_id, item.taken_at, item.owner_id) == (crew[1].id, NIGHT, crew[1].id)
    waiting = select(Message.state).where(Message.purpose == messaging.STAFF_PAGE)
    assert set(the_session.scalars(waiting)) == {State.CANCELLED}, "what had not left does not leave"
    pass_time(NIGHT, minutes=60)
    assert pages() == [MAYA, IDA]


def test_done_is_taken_too(ana: Patient, crew: list[StaffMember]) -> None:
    with clock.held_at(NIGHT):
        text_from(phone_of(ana), DANGER)
        worklist.finish(urgent(), "done", by=crew[0])
    pass_time(NIGHT, minutes=60)
    assert pages() == [MAYA, IDA]


def test_instead_of_a_phone_that_fails_the_next_is_paged_at_once(ana: Patient, crew: list[StaffMember]) -> None:
    del crew
    with clock.held_at(NIGHT):
        text_from(phone_of(ana), DANGER)
        fail_last(IDA)
        assert set(pages()) == {MAYA, IDA, LEO}
        assert len(pages()) == 3
    pass_time(NIGHT, minutes=120)
    assert pages().count(IDA) == 1, "a phone that takes no page is not paged about this again"


def test_who_opted_out_by_their_phone_is_passed_over(ana: Patient, crew: list[StaffMember]) -> None:
    del crew
    messaging.suppress(MAYA, "text")
    messaging.suppress(IDA, "text")
    text_from(phone_of(ana), DANGER)
    left = select(Message.phone).where(Message.purpose == messaging.STAFF_PAGE, Message.state == State.QUEUED)
    assert list(the_session.scalars(left)) == [LEO]


def test_after_an_outage_in_which_no_page_left_it_begins_again(ana: Patient, crew: list[StaffMember]) -> None:
    del crew
    with clock.held_at(NIGHT):
        text_from(phone_of(ana), DANGER)
    pass_time(NIGHT, minutes=90)
    written = len(pages())
    with clock.held_at(NIGHT + timedelta(minutes=120)):
        messaging_jobs.send()  # all that is too old expires now, and each asks for somebody else
        for message_id in the_session.scalars(select(StaffPage.message_id).distinct()).all():
            jobs.page_next(str(message_id))
    assert len(pages()) == written
    pass_time(NIGHT + timedelta(minutes=120), minutes=2)
    assert pages()[written:] == [MAYA, IDA]


def test_without_any_number_it_is_paged_as_soon_as_there_is_one(
    ana: Patient, maya: StaffMember, admin: StaffMember
) -> None:
    with clock.held_at(NIGHT):
        text_from(phone_of(ana), DANGER)
        (card,) = queries.cards(maya, Kind.URGENT_TEXT)
    assert card.paging == "Nobody has it yet, and nobody could be paged. Call now."
    pass_time(NIGHT, minutes=30)
    on_call(maya, MAYA, by=admin)
    pass_time(NIGHT + timedelta(minutes=30), minutes=1)
    assert pages() == [MAYA]


def test_the_fallback_number_is_the_last_on_call(app: Flask, monkeypatch: pytest.MonkeyPatch, ana: Patient) -> None:
    with configured(app, monkeypatch, urgent_fallback_phone=NOOR):
        text_from(phone_of(ana), DANGER)
    assert pages() == [NOOR]


def test_an_urgent_text_from_a_number_nobody_knows_pages_who_is_on_call(crew: list[StaffMember]) -> None:
    del crew
    text_from(STRANGER, "he hit me")
    assert pages() == [IDA]


def test_who_is_paged_for_another_team_sees_what_for_and_no_more(
    ana: Patient, admin: StaffMember, client: FlaskClient
) -> None:
    outsider = on_call(make_staff(name="Noor"), NOOR, by=admin)
    bystander = make_staff(name="Leo")
    text_from(phone_of(ana), DANGER)
    assert [card.item.kind for card in queries.cards(outsider)] == [Kind.URGENT_TEXT]
    assert not queries.cards(bystander)
    sign_in(client, outsider)
    today = client.get("/today").get_data(as_text=True)
    assert DANGER in today
    assert f"/patients/{ana.id}" not in today


def test_the_owner_of_the_referral_that_was_asked_about_is_responsible(
    ana: Patient, maya: StaffMember, admin: StaffMember
) -> None:
    referral = make_referral(make_need(ana), status=Status.ACCEPTED)
    referral.owner_id = on_call(make_staff(team=maya.team, name="Leo"), LEO, by=admin, ready=False).id
    on_call(maya, MAYA, by=admin, ready=False)
    the_session.flush()
    text_from(phone_of(ana), DANGER)
    assert pages() == [LEO]


@pytest.mark.parametrize("said", ["quiero morirme, no me manden más mensajes"])
def test_case_32_an_opt_out_inside_is_honored_and_somebody_is_paged(
    ana: Patient, crew: list[StaffMember], said: str
) -> None:
    del crew
    text_from(phone_of(ana), said)
    assert messages.is_suppressed(phone_of(ana))
    assert pages() == [MAYA, IDA]
    to_her = the_session.scalars(select(Message).where(Message.phone == phone_of(ana), Message.state == State.QUEUED))
    assert [(one.template, one.language) for one in to_her] == [("opted-out-urgent", "es")]


def test_case_32_text_nothing_is_kept_to_and_somebody_calls(
    ana: Patient, maya: StaffMember, crew: list[StaffMember]
) -> None:
    del crew
    patients.set_safe_contact(ana, text_nothing=True, voicemail_ok=False, note="", by=maya)
    text_from(phone_of(ana), DANGER)
    assert pages() == [MAYA, IDA]
    assert not the_session.scalars(select(Message).where(Message.phone == phone_of(ana))).all()
    assert [card.phone for card in queries.cards(maya, Kind.URGENT_TEXT)] == [phone_of(ana)]


def test_case_32_from_a_phone_that_two_share_nobody_is_guessed(
    ana: Patient, maya: StaffMember, crew: list[StaffMember]
) -> None:
    del crew
    make_patient(maya, given_name="Luz", phone=phone_of(ana))
    text_from(phone_of(ana), DANGER)
    assert urgent().patient_id is None
    assert pages() == [MAYA, IDA]
    templates = the_session.scalars(select(Message.template).where(Message.phone == phone_of(ana))).all()
    assert list(templates) == ["urgent"]


def test_today_says_on_top_that_nobody_has_it_and_who_was_paged(
    ana: Patient, maya: StaffMember, crew: list[StaffMember], client: FlaskClient
) -> None:
    del crew
    with clock.held_at(clock.now() - timedelta(minutes=2)):
        text_from(phone_of(ana), DANGER)
    sign_in(client, maya)
    page = client.get("/today").get_data(as_text=True)
    assert "Nobody has it yet. Paged Ida, Maya Brooks 2 minutes ago." in page
    taken = client.post(f"/work/{urgent().id}/taker")
    assert taken.status_code == 303
    page = client.get("/today").get_data(as_text=True)
    assert "Maya Brooks is on it" in page
    assert "I am on it" not in page
    again = client.post(f"/work/{urgent().id}/taker", follow_redirects=True)
    assert "Somebody else is on it already" in again.get_data(as_text=True)


def test_an_administrator_is_told_loudly_when_nobody_can_be_paged(
    admin: StaffMember, maya: StaffMember, client: FlaskClient
) -> None:
    sign_in(client, admin)
    for address in ("/on-call", "/operations"):
        assert "Nobody is on call" in client.get(address).get_data(as_text=True)
    boxes = {f"phone-{maya.id}": "410-555-0141", f"on_call-{maya.id}": "yes"}
    assert client.post(f"/people/{maya.id}/paging", data=boxes).status_code == 303
    the_session.refresh(maya)
    assert (maya.phone, maya.on_call) == (MAYA, True)
    for address in ("/on-call", "/operations"):
        assert "Nobody is on call" not in client.get(address).get_data(as_text=True)
    text_from(STRANGER, "he hit me")
    assert "Urgent texts that nobody has taken: 1" in client.get("/operations").get_data(as_text=True)


@pytest.mark.parametrize(("phone", "ready"), [("", "yes"), ("12", "no")])
def test_a_number_that_cannot_be_paged_is_refused(
    admin: StaffMember, maya: StaffMember, client: FlaskClient, phone: str, ready: str
) -> None:
    sign_in(client, admin)
    boxes = {f"phone-{maya.id}": phone, f"on_call-{maya.id}": ready}
    assert client.post(f"/people/{maya.id}/paging", data=boxes).status_code == 422


def test_the_words_of_a_page_fit_into_one_text() -> None:
    assert len(escalation.STEPS) == 6
    for language in i18n.STAFF_LANGUAGES:
        with i18n.speaking(language):
            assert len(i18n.gettext("%(network)s: an urgent text needs you now. Sign in: %(address)s")) < 120
