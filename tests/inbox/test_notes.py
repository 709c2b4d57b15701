from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, scoped_session

from app.errors import DomainError, Invalid
from app.messaging.models import Message
from app.patients import operations as patients
from app.patients.endings import Ending
from app.referrals import notes
from app.referrals.lifecycle import Status
from app.referrals.models import Note
from app.staff.permissions import Role
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem
from tests.agencies.steps import introduce, letters, path_in
from tests.factories import follow, make_contact, make_staff, sign_in
from tests.inbox.desk import Desk, text_of
from tests.loop.steps import open_work

Db = scoped_session[Session]


def work(session: Db, *kinds: Kind) -> list[WorkItem]:
    return list(session.scalars(select(WorkItem).where(WorkItem.kind.in_(kinds), WorkItem.done_at.is_(None))))


def test_an_internal_note_stays_on_its_own_side(client: FlaskClient, desk: Desk, session: Db) -> None:
    referral = desk.receive()
    sign_in(client, desk.rosa)
    response = client.post(f"/referrals/{referral.id}/notes", data={"note": "Ask Tom first", "whom": "us"})
    assert "Ask Tom first" in follow(client, response).get_data(as_text=True)
    sign_in(client, desk.worker)
    client.post(f"/referrals/{referral.id}/notes", data={"note": "She is shy", "whom": "us"})
    page = client.get(f"/referrals/{referral.id}").get_data(as_text=True)
    assert "She is shy" in page
    assert "Ask Tom first" not in page
    sign_in(client, desk.tom)
    assert "She is shy" not in client.get(f"/inbox/{referral.id}").get_data(as_text=True)
    assert work(session, Kind.ANSWER_NOTE) == []


def test_a_shared_note_of_an_agency_is_work_for_the_sender(client: FlaskClient, desk: Desk, session: Db) -> None:
    referral = desk.receive()
    texts = session.query(Message).count()
    for said in ("She came early", "And again"):
        notes.write(referral, said, by=desk.rosa, shared=True)

    (item,) = work(session, Kind.ANSWER_NOTE)
    assert (item.referral_id, item.owner_id) == (referral.id, desk.worker.id)
    assert session.query(Message).count() == texts  # nobody is texted
    sign_in(client, desk.worker)
    assert "has written a note" in text_of(client, "/today")
    assert "She came early" in text_of(client, f"/referrals/{referral.id}")


def test_a_note_of_the_sender_is_a_badge_until_it_is_read(client: FlaskClient, desk: Desk) -> None:
    referral = desk.receive()
    sign_in(client, desk.rosa)
    client.get(f"/inbox/{referral.id}")
    notes.write(referral, "She moved to Fleet Street", by=desk.worker, shared=True)

    assert "1 new note" in text_of(client, "/inbox")
    assert "She moved to Fleet Street" in text_of(client, f"/inbox/{referral.id}")
    assert "1 new note" not in text_of(client, "/inbox")


def test_a_question_waits_until_the_other_side_answers(client: FlaskClient, desk: Desk, session: Db) -> None:
    referral = desk.receive()
    question = notes.write(referral, "Does she need a crib?", by=desk.rosa, asks=True)
    (item,) = work(session, Kind.ANSWER_NOTE)
    assert item.detail["why"] == "question"
    sign_in(client, desk.worker)
    assert "waits for an answer" in text_of(client, "/today")

    client.post(f"/referrals/{referral.id}/notes", data={"note": "Yes, for a boy", "answers": question.id})

    assert work(session, Kind.ANSWER_NOTE) == []
    (asked, answered) = notes.visible(referral, desk.rosa)
    assert (asked.waits, answered.answers) == (False, "Does she need a crib?")
    with pytest.raises(DomainError, match="just answered"):
        notes.write(referral, "No", by=desk.worker, answers_id=question.id)


def test_nobody_answers_their_own_question_or_one_of_another_request(desk: Desk) -> None:
    here, elsewhere = desk.receive(), desk.receive()
    question = notes.write(here, "When?", by=desk.rosa, asks=True)
    for referral, by in ((here, desk.tom), (elsewhere, desk.worker)):
        with pytest.raises(DomainError, match="no such question"):
            notes.write(referral, "Now", by=by, answers_id=question.id)


@pytest.mark.parametrize("nothing", ["", "  ", "x" * (notes.LONGEST + 1)])
def test_a_note_says_something_and_not_too_much(desk: Desk, nothing: str) -> None:
    with pytest.raises(Invalid):
        notes.write(desk.receive(), nothing, by=desk.rosa)


def test_after_the_end_an_agency_reads_and_writes_nothing(client: FlaskClient, desk: Desk, session: Db) -> None:
    referral = desk.receive(status=Status.ACCEPTED)
    notes.write(referral, "Ana likes tea", by=desk.rosa)
    sign_in(client, desk.rosa)
    client.post(f"/inbox/{referral.id}/transitions", data={"status": "completed", "outcome_code": "service-provided"})

    assert "likes tea" not in text_of(client, f"/inbox/{referral.id}")
    session.expire_all()
    with pytest.raises(DomainError, match="has ended"):
        notes.write(referral, "More", by=desk.rosa)
    with pytest.raises(DomainError, match="has ended"):
        notes.write(referral, "More", by=desk.worker, shared=True)
    notes.write(referral, "For us", by=desk.worker)


@pytest.fixture
def nobody_signs_in(desk: Desk, session: Db) -> None:
    desk.rosa.active = desk.tom.active = False
    session.flush()


@pytest.mark.usefixtures("nobody_signs_in")
def test_where_nobody_signs_in_a_note_is_read_and_answered_over_the_link(
    client: FlaskClient, desk: Desk, session: Db
) -> None:
    contact = make_contact(desk.pantry)
    referral = desk.receive()
    sign_in(client, desk.worker)
    page = client.get(f"/referrals/{referral.id}").text
    assert 'value="both"' in page
    assert 'value="ask"' not in page
    client.post(f"/referrals/{referral.id}/notes", data={"note": "She has moved", "whom": "both"})
    letter = letters(contact)[-1]
    assert letter.subject == "The care team has written to you"
    assert "She has moved" not in letter.body
    assert Kind.CALL_AGENCY not in open_work(referral.id)
    path = path_in(letter.body)
    introduce(client, path)
    assert "She has moved" in client.get(path).text
    client.post(f"{path}/questions", data={"question": "Then we come by on Monday"})
    session.expire_all()
    assert Kind.ANSWER_AGENCY in open_work(referral.id)


@pytest.mark.usefixtures("nobody_signs_in")
def test_where_nobody_reads_notes_at_all_somebody_phones(desk: Desk) -> None:
    referral = desk.receive()
    notes.write(referral, "She has moved", by=desk.worker, shared=True)
    assert open_work(referral.id) == {Kind.CALL_AGENCY}
    with pytest.raises(DomainError, match="Nobody at this organization signs in"):
        notes.write(referral, "Where?", by=desk.worker, asks=True)


def test_another_organization_writes_nothing(client: FlaskClient, desk: Desk, session: Db) -> None:
    referral = desk.receive()
    sign_in(client, make_staff(Role.AGENCY))
    assert client.post(f"/referrals/{referral.id}/notes", data={"note": "Hello"}).status_code == 404
    assert session.query(Note).count() == 0


def test_notes_are_never_changed_and_their_words_go_with_the_patient(desk: Desk, session: Db) -> None:
    referral = desk.receive(patient=desk.patient)
    notes.write(referral, "Ana likes tea", by=desk.rosa)
    with pytest.raises(IntegrityError, match="are evidence"), session.begin_nested():
        session.execute(text("UPDATE note SET text = 'x'"))

    patients.end(desk.patient.id, Ending.DELETED, by=make_staff(Role.LEAD, team=desk.worker.team))

    session.expire_all()
    assert session.scalars(select(Note.text)).all() == [""]
