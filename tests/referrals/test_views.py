from __future__ import annotations

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app.matching import queries as matching
from app.referrals.lifecycle import Status
from app.referrals.models import NoneWanted, Referral
from tests.factories import (
    Loop,
    follow,
    make_need,
    make_patient,
    make_referral,
    make_screening,
    make_staff,
    sign_in,
    text_of,
)

Db = scoped_session[Session]


def sent(session: Db) -> Referral:
    return session.scalars(select(Referral)).one()


# The care team


def test_matches_are_looked_at_together(client: FlaskClient, loop: Loop) -> None:
    sign_in(client, loop.worker)

    page = text_of(client.get(loop.matches).get_data(as_text=True))

    assert "Food for Ana" in page
    assert "Groceries for a week" in page
    assert "Staff speak Spanish" in page
    assert "Send to Eastside Pantry" in page
    assert ": Groceries for a week" in page  # for who cannot see which card the button stands on


def test_one_tap_sends_and_keeps_why_it_was_chosen(client: FlaskClient, loop: Loop, session: Db) -> None:
    sign_in(client, loop.worker)

    response = client.post(loop.referrals, data={"service_at_location_id": loop.place.id, "note": "Thursdays only"})

    referral = sent(session)
    assert response.location == f"/referrals/{referral.id}"
    assert (referral.status, referral.note) == (Status.REQUESTED, "Thursdays only")
    assert "language-spoken" in {code for code, _text in referral.why}


def test_nothing_is_sent_before_the_patient_agrees(client: FlaskClient, loop: Loop, session: Db) -> None:
    shy = make_patient(loop.worker, given_name="Linh", share=None)
    need = make_need(shy)
    sign_in(client, loop.worker)

    page = client.get(f"/needs/{need.id}/matches").get_data(as_text=True)
    assert "Send to" not in page
    assert f'action="/patients/{shy.id}/consents"' in page
    refused = client.post(
        f"/needs/{need.id}/referrals",
        data={"service_at_location_id": loop.place.id},
        headers={"Referer": f"http://localhost/needs/{need.id}/matches"},
    )
    assert "Ask the patient first" in follow(client, refused).get_data(as_text=True)
    assert session.scalars(select(Referral)).all() == []

    agreed = client.post(f"/patients/{shy.id}/consents", data={"share": "true", "next": f"/needs/{need.id}/matches"})
    assert "Send to Eastside Pantry" in follow(client, agreed).get_data(as_text=True)


def test_after_one_need_comes_the_next_of_the_same_screening(client: FlaskClient, loop: Loop, session: Db) -> None:
    screening = make_screening(loop.patient, loop.worker)
    housing = make_need(loop.patient, "housing")
    loop.need.screening_id = housing.screening_id = screening.id
    session.flush()
    sign_in(client, loop.worker)

    response = client.post(loop.referrals, data={"service_at_location_id": loop.place.id})

    assert response.location == f"/needs/{housing.id}/matches"


def test_none_of_these_is_kept_and_not_offered_again(client: FlaskClient, loop: Loop, session: Db) -> None:
    sign_in(client, loop.worker)

    without_reason = client.post(loop.matches, data={})
    assert without_reason.status_code == 422
    assert 'href="#f-reason_code"' in without_reason.get_data(as_text=True)
    without_words = client.post(loop.matches, data={"reason_code": "other"})
    assert 'href="#f-reason_text"' in without_words.get_data(as_text=True)

    kept = client.post(loop.matches, data={"reason_code": "too-far"})

    answer = session.scalars(select(NoneWanted)).one()
    assert (answer.reason_code, answer.offered) == ("too-far", [str(loop.place.id)])
    assert "Nobody left to offer" in follow(client, kept).get_data(as_text=True)


def test_thinking_about_it_is_no_refusal(client: FlaskClient, loop: Loop) -> None:
    sign_in(client, loop.worker)

    response = client.post(loop.matches, data={"reason_code": "later"})

    assert response.location == f"/patients/{loop.patient.id}"
    assert matching.matches(matching.question_for(loop.need, loop.patient)).items


def test_the_care_team_writes_down_what_the_agency_said_by_phone(client: FlaskClient, loop: Loop, session: Db) -> None:
    referral = make_referral(loop.need, loop.place)
    sign_in(client, loop.worker)
    steps = f"/referrals/{referral.id}/transitions"

    assert client.post(steps, data={"status": "accepted"}).status_code == 403
    response = client.post(steps, data={"status": "accepted", "said_by": "agency"})

    session.expire_all()
    assert response.location == f"/referrals/{referral.id}"
    assert referral.status is Status.ACCEPTED
    assert referral.transitions[-1].said_by == "agency"


def test_another_team_has_nothing_to_do_with_it(client: FlaskClient, loop: Loop) -> None:
    referral = make_referral(loop.need, loop.place)
    sign_in(client, make_staff())

    assert client.get(loop.matches).status_code == 404
    assert client.post(loop.referrals, data={"service_at_location_id": loop.place.id}).status_code == 404
    assert client.post(f"/referrals/{referral.id}/transitions", data={"status": "cancelled"}).status_code == 404
