"""An agency answers from a link: what it shows to whom, what it takes, and how long it holds."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import current_app
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app import clock, sealed
from app.agencies import notices, operations, room
from app.agencies.models import Introduction, Question
from app.audit.models import AuditEntry
from app.db import session as the_session
from app.directory.models import Service
from app.events import AgencyAsked, publish
from app.loop import silence
from app.loop.models import Clock
from app.mail import operations as mail_operations
from app.mail.delivery import State
from app.mail.models import Email
from app.messaging import operations as messaging
from app.messaging.delivery import State as MessageState
from app.messaging.models import Message
from app.patients.models import Patient
from app.referrals import appointments, notes
from app.referrals import operations as referrals
from app.referrals.lifecycle import Reason, Status
from app.referrals.models import Transition
from app.screening.models import Need
from app.staff.models import StaffMember
from app.staff.permissions import Role
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem
from tests.agencies.steps import asked, introduce, letters, path_in, texts
from tests.factories import follow, make_contact, make_staff, sign_in

Db = scoped_session[Session]

pytestmark = pytest.mark.usefixtures("session")


def html(client: FlaskClient, path: str) -> str:
    return client.get(path).get_data(as_text=True)


def open_work(kind: Kind) -> list[WorkItem]:
    return list(the_session.scalars(select(WorkItem).where(WorkItem.kind == kind, WorkItem.done_at.is_(None))))


# Being asked


def test_a_request_is_written_at_once_and_names_nobody() -> None:
    case = asked(note="Third floor, no elevator")
    patient = the_session.get_one(Patient, case.referral.patient_id)
    (letter,), (text,) = letters(case.contact), texts(case.contact)
    for said in (letter.subject, letter.body, text):
        assert patient.given_name not in said
        assert patient.family_name not in said
        assert "elevator" not in said
    assert f"A {case.code}" in text
    assert path_in(letter.body) == path_in(text)


def test_a_spanish_contact_is_written_to_in_spanish() -> None:
    case = asked(language="es")
    assert letters(case.contact)[0].body.startswith("Hola")


def test_silence_brings_one_reminder() -> None:
    case = asked()
    for _twice in range(2):
        notices.remind(case.referral, "nudge-1")
    assert len(letters(case.contact)) == 2
    assert len(texts(case.contact)) == 2


def test_the_clock_reminds(session: Db) -> None:
    case = asked()
    nudge = session.scalars(select(Clock).where(Clock.referral_id == case.referral.id, Clock.step == "nudge-1")).one()
    with clock.held_at(nudge.due_at + timedelta(minutes=1)):
        silence.fire_due_clocks()
    assert len(letters(case.contact)) == 2


def test_whoever_was_asked_hears_that_it_is_no_longer_needed() -> None:
    case = asked()
    referrals.move(case.referral, Status.CANCELLED, by=None, reason=Reason("withdrawn-by-patient"))
    first, last = letters(case.contact)
    assert first.state is State.CANCELLED
    assert "no longer needed" in last.body
    assert "/a/" not in last.body


# Scanners and strangers


def test_opening_a_link_changes_nothing(session: Db, client: FlaskClient) -> None:
    case = asked()
    session.commit()
    before = list(session.scalars(select(AuditEntry.id)))
    for method in ("GET", "HEAD", "GET"):
        answer = client.open(case.path, method=method, headers={"Purpose": "prefetch"})
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert "noindex" in answer.headers["X-Robots-Tag"]
        assert answer.headers["Referrer-Policy"] == "same-origin"
    session.refresh(case.referral)
    assert case.referral.status is Status.REQUESTED
    assert case.referral.seen_at is None
    assert list(session.scalars(select(AuditEntry.id))) == before


def test_a_link_says_what_and_where_but_not_who(client: FlaskClient) -> None:
    case = asked(note="Third floor, no elevator")
    patient = the_session.get_one(Patient, case.referral.patient_id)
    page = html(client, case.path)
    assert patient.postal_code in page
    assert "Español" in page
    for secret in (patient.family_name, patient.phones[0].number, "elevator", case.contact.name):
        assert secret not in page


def test_a_page_is_small() -> None:
    """Under 20 KB with its style sheet, as it travels; the sheet and the script come once."""
    case = asked()
    client = the_client()
    introduce(client, case.path)
    travels = 0
    for address in (case.path, "/static/loopline.css", "/static/loopline.js"):
        with client.get(address, headers={"Accept-Encoding": "gzip"}) as answer:
            travels += len(answer.get_data())
    assert travels < 20_000


@pytest.mark.parametrize("place", [0, 5, 20, -1])
def test_a_changed_link_opens_nothing(client: FlaskClient, place: int) -> None:
    case = asked()
    start, token = "/a/", case.path.removeprefix("/a/")
    place %= len(token)
    other = "A" if token[place] != "A" else "B"
    changed = f"{start}{token[:place]}{other}{token[place + 1 :]}"
    answer = client.get(changed)
    # The last letter of base64 carries bits that mean nothing; then it is the same link.
    assert answer.status_code == 404 or operations.opened(changed.removeprefix(start)).link.id == case.link.id


@pytest.mark.parametrize("token", ["x", "a.b", "ä", "." * 200, "%00"])
def test_nonsense_is_not_found(client: FlaskClient, token: str) -> None:
    assert client.get(f"/a/{token}").status_code in {404, 422}


def test_a_link_to_say_who_has_room_opens_no_request(client: FlaskClient) -> None:
    case = asked()
    assert client.get(f"/a/{sealed.seal(case.link.id, room.LINK)}").status_code == 404


# Saying who one is


def test_who_answers_says_who_they_are_and_then_sees_who_it_is(client: FlaskClient, session: Db) -> None:
    case = asked(note="Third floor, no elevator")
    patient = the_session.get_one(Patient, case.referral.patient_id)
    page = follow(client, introduce(client, case.path, "Rosa Diaz")).get_data(as_text=True)
    assert patient.name in page
    assert "elevator" in page
    assert patient.phones[0].number not in page
    assert session.scalars(select(Introduction.name)).all() == ["Rosa Diaz"]
    session.refresh(case.referral)
    assert case.referral.seen_at is not None
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "said who they are")).one()
    assert entry.subject_id == case.link.id
    assert "Rosa" not in str(entry.detail)


@pytest.mark.parametrize("form", [{"name": "Rosa"}, {"confirmed": "true"}, {"name": "x" * 90, "confirmed": "true"}, {}])
def test_nobody_in_particular_sees_nothing(client: FlaskClient, form: dict[str, str]) -> None:
    case = asked()
    answer = client.post(f"{case.path}/introduction", data=form)
    assert answer.status_code == 422
    assert the_session.get_one(Patient, case.referral.patient_id).family_name not in answer.get_data(as_text=True)


def test_a_forwarded_link_asks_anew(client: FlaskClient) -> None:
    case = asked()
    introduce(client, case.path)
    family_name = the_session.get_one(Patient, case.referral.patient_id).family_name
    assert family_name in html(client, case.path)
    assert family_name not in html(the_client(), case.path)


def test_without_a_name_nothing_is_taken(client: FlaskClient) -> None:
    case = asked()
    for what, form in (
        ("transitions", {"status": "accepted"}),
        ("questions", {"question": "Who?"}),
        ("capacity", {"room": "full"}),
    ):
        assert client.post(f"{case.path}/{what}", data=form).status_code == 303
    the_session.refresh(case.referral)
    assert case.referral.status is Status.REQUESTED
    assert not the_session.scalars(select(Question)).all()


# Answering


def test_yes_keeps_the_day_and_who_said_so(client: FlaskClient, session: Db) -> None:
    case = asked()
    introduce(client, case.path, "Rosa Diaz")
    day = (clock.now() + timedelta(days=2)).date()
    answer = client.post(f"{case.path}/transitions", data={"status": "accepted", "promised_by": day.isoformat()})
    page = follow(client, answer).get_data(as_text=True)
    session.refresh(case.referral)
    assert case.referral.status is Status.ACCEPTED
    assert case.referral.promised_by == day
    step = session.scalars(
        select(Transition).where(Transition.referral_id == case.referral.id, Transition.new == Status.ACCEPTED)
    ).one()
    assert (step.by_name, step.by_id, step.actor) == ("Rosa Diaz", None, "agency")
    assert the_session.get_one(Patient, case.referral.patient_id).phones[0].number in page


def test_a_no_needs_its_reason(client: FlaskClient, session: Db) -> None:
    case = asked()
    introduce(client, case.path)
    assert client.post(f"{case.path}/transitions", data={"status": "rejected"}).status_code == 422
    client.post(f"{case.path}/transitions", data={"status": "rejected", "reason_code": "outside-area"})
    session.refresh(case.referral)
    assert (case.referral.status, case.referral.reason_code) == (Status.REJECTED, "outside-area")


def test_we_are_full_is_one_tap_and_pauses_the_service(client: FlaskClient, session: Db) -> None:
    case = asked()
    introduce(client, case.path, then="full")
    session.refresh(case.referral)
    assert case.referral.reason_code == "at-capacity"
    assert session.get_one(Service, case.referral.service_id).capacity_until is not None


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"status": "on-hold", "reason_code": "waitlist"}, Status.ON_HOLD),
        ({"status": "completed", "outcome_code": "service-provided"}, Status.COMPLETED),
    ],
)
def test_one_word_may_take_two_steps(client: FlaskClient, session: Db, form: dict[str, str], status: Status) -> None:
    case = asked()
    introduce(client, case.path)
    client.post(f"{case.path}/transitions", data=form)
    session.refresh(case.referral)
    assert case.referral.status is status
    assert case.referral.accepted_at is not None


def test_a_double_tap_says_it_once(client: FlaskClient, session: Db) -> None:
    case = asked()
    introduce(client, case.path)
    for _tab in range(2):
        assert client.post(f"{case.path}/transitions", data={"status": "accepted"}).status_code == 303
    steps = session.scalars(
        select(Transition.new).where(Transition.referral_id == case.referral.id).order_by(Transition.number)
    ).all()
    assert steps.count(Status.ACCEPTED) == 1


def test_of_two_contacts_the_first_is_heard_and_the_second_told(client: FlaskClient, session: Db) -> None:
    case = asked()
    colleague = make_contact(case.organization, name="Joe Park", email="joe@pantry.example")
    notices.remind(case.referral, "nudge-1")
    other = the_client()
    path = path_in(letters(colleague)[0].body)
    introduce(client, case.path, "Rosa Diaz")
    introduce(other, path, "Joe Park")
    client.post(f"{case.path}/transitions", data={"status": "accepted"})
    refused = other.post(f"{path}/transitions", data={"status": "rejected", "reason_code": "closed"})
    assert "cannot be said any more" in follow(other, refused).get_data(as_text=True)
    session.refresh(case.referral)
    assert case.referral.status is Status.ACCEPTED


def test_room_is_said_in_one_tap(client: FlaskClient, session: Db) -> None:
    case = asked()
    introduce(client, case.path)
    client.post(f"{case.path}/capacity", data={"room": "waitlist"})
    service = session.get_one(Service, case.referral.service_id)
    session.refresh(service)
    assert (service.capacity_status.value, service.capacity_source) == ("waitlist", "agency")


def test_what_cannot_be_said_any_more_is_refused(client: FlaskClient) -> None:
    case = asked()
    introduce(client, case.path)
    for status in ("requested", "cancelled", "draft", "entered-in-error"):
        client.post(f"{case.path}/transitions", data={"status": status, "reason_code": "other"})
    the_session.refresh(case.referral)
    assert case.referral.status in {Status.REQUESTED, Status.CANCELLED}


def test_an_appointment_goes_into_the_calendar_of_the_contact(client: FlaskClient) -> None:
    case = asked()
    introduce(client, case.path)
    client.post(f"{case.path}/transitions", data={"status": "accepted"})
    link = f"/a/{operations.token_of(case.link)}"
    day = (clock.now() + timedelta(days=5)).date().isoformat()
    form = {"day": day, "time": "10:30", "way": "in-person", "place": "Side entrance"}
    page = follow(client, client.post(f"{link}/appointments", data=form)).get_data(as_text=True)
    assert "Side entrance" in page
    letter = letters(case.contact)[-1]
    assert letter.calendar
    assert "BEGIN:VEVENT" in letter.calendar
    assert the_session.get_one(Patient, case.referral.patient_id).family_name not in letter.calendar + letter.body
    appointment = appointments.ahead(case.referral.id)
    assert appointment
    client.post(f"{link}/appointments/{appointment.id}/changes", data={"change": "cancelled"})
    assert "called off" in letters(case.contact)[-1].body
    assert client.post(f"{link}/appointments", data={**form, "day": "2020-01-01"}).status_code == 422


# Questions


def test_a_question_becomes_work_and_its_answer_goes_back(client: FlaskClient, session: Db) -> None:
    case = asked()
    introduce(client, case.path)
    for _twice in range(2):
        client.post(f"{case.path}/questions", data={"question": "Is there an elevator?"})
    (question,) = session.scalars(select(Question)).all()
    (item,) = open_work(Kind.ANSWER_AGENCY)
    assert item.owner_id == case.referral.owner_id
    worker = the_client()
    sign_in(worker, session.get_one(StaffMember, case.referral.owner_id))
    page = worker.get(f"/referrals/{case.referral.id}/questions").get_data(as_text=True)
    assert "Is there an elevator?" in page
    worker.post(
        f"/referrals/{case.referral.id}/questions", data={"question": str(question.id), "answer": "Yes, a small one."}
    )
    assert not open_work(Kind.ANSWER_AGENCY)
    last = letters(case.contact)[-1]
    assert "has answered" in last.body
    assert "small one" not in last.body
    assert "Yes, a small one." in html(client, path_in(last.body))


def test_what_the_care_team_writes_stands_behind_the_link(client: FlaskClient, session: Db) -> None:
    case = asked()
    owner = session.get_one(StaffMember, case.referral.owner_id)
    make_staff(Role.AGENCY, organization=case.organization)
    notes.write(case.referral, "She is home after 5.", by=owner, shared=True)
    notes.write(case.referral, "Only for us.", by=owner)
    assert [letter.subject for letter in letters(case.contact)][1:] == ["The care team has written to you"]
    introduce(client, case.path)
    page = html(client, case.path)
    assert "She is home after 5." in page
    assert "Only for us." not in page


def test_what_was_asked_about_somebody_who_is_deleted_is_blank(client: FlaskClient, session: Db) -> None:
    case = asked()
    introduce(client, case.path)
    client.post(f"{case.path}/questions", data={"question": "Does Ana have papers?"})
    operations.forget(case.referral.patient_id)
    session.expire_all()
    assert session.scalars(select(Question.text)).all() == [""]


@pytest.mark.parametrize("what", ["contact", "capacity", "new-time"])
def test_what_the_platform_wants_is_asked_once_a_day(what: str) -> None:
    case = asked()
    by_day = clock.now().date()
    for _twice in range(2):
        publish(AgencyAsked(case.referral.id, what, by_day))
    assert len(letters(case.contact)) == 2
    assert len(texts(case.contact)) == 2


def test_a_sensitive_need_is_not_named_before_somebody_says_who_they_are(client: FlaskClient, session: Db) -> None:
    case = asked()
    session.get_one(Need, case.referral.need_id).kind = "safety"
    session.commit()
    page = html(client, case.path)
    assert "needs help" in page
    assert "safe" not in page.casefold()


def test_a_text_that_did_not_arrive_makes_somebody_phone_unless_a_letter_did(session: Db) -> None:
    case = asked()
    text = session.scalars(select(Message).where(Message.recipient == case.contact.id)).one()
    messaging.end(text, MessageState.EXPIRED)
    assert not open_work(Kind.CALL_AGENCY)
    from_outside(letters(case.contact)[0])
    assert [item.detail["why"] for item in open_work(Kind.CALL_AGENCY)] == ["unreached"]


# How long it holds


def test_a_link_gets_old_and_a_new_one_goes_to_the_same_address(client: FlaskClient, session: Db) -> None:
    case = asked()
    old = case.path
    case.link.renewed_at = clock.now() - timedelta(days=31)
    session.commit()
    page = html(client, old)
    assert "This link is old" in page
    assert the_session.get_one(Patient, case.referral.patient_id).postal_code not in page
    for _impatient in range(3):
        client.post(f"{old}/link")
    assert len(letters(case.contact)) == 2
    assert case.path != old
    assert "This link is old" in html(client, old)
    assert "Can " in html(client, case.path)


def test_nothing_new_is_sent_for_what_has_ended(client: FlaskClient, session: Db) -> None:
    case = asked()
    referrals.move(case.referral, Status.CANCELLED, by=None, reason=Reason("withdrawn-by-patient"))
    path = f"/a/{operations.token_of(case.link)}"
    with clock.held_at(clock.now() + timedelta(days=8)):
        assert "This link is old" in html(client, path)
        before = len(letters(case.contact))
        answer = follow(client, client.post(f"{path}/link")).get_data(as_text=True)
    assert "If the request is still open" in answer
    assert len(letters(case.contact)) == before
    session.refresh(case.link)
    assert case.link.edition == 1


def test_a_recalled_request_says_that_it_is_not_needed(client: FlaskClient) -> None:
    case = asked()
    introduce(client, case.path)
    path = case.path
    referrals.move(case.referral, Status.CANCELLED, by=None, reason=Reason("recalled-by-sender"))
    the_session.commit()
    page = html(client, path)
    assert "No longer needed" in page
    assert the_session.get_one(Patient, case.referral.patient_id).family_name not in page


def test_access_ends_with_the_request(client: FlaskClient) -> None:
    case = asked()
    introduce(client, case.path)
    client.post(f"{case.path}/transitions", data={"status": "completed", "outcome_code": "service-provided"})
    page = html(client, case.path)
    assert "This is answered" in page
    assert the_session.get_one(Patient, case.referral.patient_id).family_name not in page


def test_a_contact_who_was_taken_away_opens_nothing(client: FlaskClient) -> None:
    case = asked()
    path = case.path
    case.contact.ended_at = clock.now()
    the_session.commit()
    assert "This link is old" in html(client, path)


def test_not_for_me_closes_the_link_and_somebody_finds_the_right_person(client: FlaskClient) -> None:
    case = asked()
    path = case.path
    page = follow(client, client.post(f"{path}/disownment")).get_data(as_text=True)
    assert "This link is closed" in page
    (item,) = open_work(Kind.CALL_AGENCY)
    assert item.detail["why"] == "unreached"
    notices.remind(case.referral, "nudge-1")
    assert len(letters(case.contact)) == 1


def test_an_address_that_does_not_exist_makes_somebody_phone(session: Db) -> None:
    case = asked(phone="")
    letter = session.scalars(select(Email).where(Email.recipient == case.contact.id)).one()
    from_outside(letter)
    assert [item.detail["why"] for item in open_work(Kind.CALL_AGENCY)] == ["unreached"]


def from_outside(letter: Email) -> None:
    """The server says that there is nobody of that name."""
    mail_operations.end(letter, State.FAILED, "550")


def the_client() -> FlaskClient:
    """Another browser."""
    return current_app.test_client()


def test_a_question_that_waits_stands_on_the_pages_of_the_patient_and_the_referral(client: FlaskClient) -> None:
    case = asked()
    introduce(client, case.path)
    client.post(f"{case.path}/questions", data={"question": "Does she have stairs?"})
    sign_in(client, the_session.get_one(StaffMember, case.referral.owner_id))
    for page in (f"/referrals/{case.referral.id}", f"/patients/{case.referral.patient_id}"):
        assert f"Answer the question of {case.organization.name}" in html(client, page)
