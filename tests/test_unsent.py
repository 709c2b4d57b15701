"""What somebody has typed comes back to them when it cannot be taken yet, and to nobody else."""

from __future__ import annotations

import re
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app.agencies.models import Question
from app.referrals import notes, operations
from app.referrals.lifecycle import Reason, Status
from app.referrals.models import Note, Referral
from app.staff.models import StaffMember
from app.unsent import mark
from tests.agencies.steps import asked, introduce
from tests.factories import PASSWORD, make_referral, make_staff, sign_in

Db = scoped_session[Session]

NOTE = {"note": "She can come after three", "whom": "us"}
HERE = {"Referer": "http://localhost/referrals/7"}
ELSEWHERE = {"Referer": "https://elsewhere.test/"}


@pytest.fixture
def rosa(session: Db) -> StaffMember:  # noqa: ARG001  rows need a transaction
    return make_staff(email="rosa@example.test")


@pytest.fixture
def referral(rosa: StaffMember) -> Referral:
    return make_referral(by=rosa)


def fields(page: str) -> dict[str, str]:
    """Every hidden field and every text of a page, by name; of several the first counts, as it does when it is sent."""
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    texts = re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>([^<]*)</textarea>', page)
    return {name: unescape(value) for name, value in reversed([*hidden, *texts]) if name != "csrf_token"}


def typed(page: str) -> dict[str, str]:
    """What of it somebody has chosen or typed."""
    return {name: value for name, value in fields(page).items() if not name.startswith("unsent.")}


def shown_to(staff: StaffMember) -> dict[str, str]:
    """What every form bears that this person was shown."""
    return {"unsent.by": mark(staff.id)}


def notes_of(session: Db) -> list[str]:
    return list(session.scalars(select(Note.text)))


def test_who_was_signed_out_while_typing_signs_in_and_sends_it(
    session: Db, client: FlaskClient, rosa: StaffMember, referral: Referral
) -> None:
    there = f"/referrals/{referral.id}/notes"
    refused = client.post(there, data=NOTE | shown_to(rosa), headers=HERE)
    assert refused.status_code == 401
    assert "What you typed is not lost" in refused.text

    who = {"email": "rosa@example.test", "password": "wrong"}
    wrong = client.post("/sign-in", data=fields(refused.text) | who, headers=HERE)
    assert wrong.status_code == 401
    back = client.post("/sign-in", data=fields(wrong.text) | who | {"password": PASSWORD}, headers=HERE)
    assert (back.status_code, typed(back.text)) == (200, NOTE)
    assert f'action="{there}"' in back.text
    assert 'href="/referrals/7"' in back.text
    assert PASSWORD not in back.text
    assert notes_of(session) == [], "nobody sends anything but they themselves"

    assert client.post(there, data=fields(back.text)).status_code == 303
    assert notes_of(session) == [NOTE["note"]]


def test_a_page_that_was_open_when_one_signed_in_anew_gives_back_what_was_typed(
    app: Flask, monkeypatch: pytest.MonkeyPatch, client: FlaskClient, rosa: StaffMember, referral: Referral
) -> None:
    sign_in(client, rosa)
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)  # noqa: FBT003
    stale = client.post(f"/referrals/{referral.id}/notes", data=NOTE | shown_to(rosa), headers=HERE)
    assert stale.status_code == 422
    assert typed(stale.text) == NOTE


def test_what_one_person_typed_is_not_shown_to_another_who_signs_in_on_the_same_phone(
    client: FlaskClient, rosa: StaffMember, referral: Referral
) -> None:
    refused = client.post(f"/referrals/{referral.id}/notes", data=NOTE | shown_to(rosa), headers=HERE)
    sam = make_staff(email="sam@example.test")
    who = {"email": sam.email, "password": PASSWORD}
    there = client.post("/sign-in", data=fields(refused.text) | who, headers=HERE, follow_redirects=True)
    assert NOTE["note"] not in there.text
    assert "is not shown to you" in there.text


def test_what_one_person_typed_is_not_shown_to_another_who_goes_back_to_it(
    app: Flask, monkeypatch: pytest.MonkeyPatch, client: FlaskClient, rosa: StaffMember, referral: Referral
) -> None:
    """A browser sends once more what it has sent before."""
    sign_in(client, make_staff(email="sam@example.test"))
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)  # noqa: FBT003
    for whose in (shown_to(rosa), {}, {"unsent.by": "made up"}):
        again = client.post(f"/referrals/{referral.id}/notes", data=NOTE | whose, headers=HERE)
        assert (again.status_code, NOTE["note"] in again.text) == (303, False)


@pytest.mark.parametrize("secret", [{"password": "a password"}, {"old": "a password"}, {"file": (BytesIO(b"a"), "a")}])
def test_what_cannot_be_sent_again_is_not_said_to_be_kept(
    app: Flask, monkeypatch: pytest.MonkeyPatch, client: FlaskClient, rosa: StaffMember, secret: dict[str, Any]
) -> None:
    sign_in(client, rosa)
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)  # noqa: FBT003
    stale = client.post("/account/password", data=NOTE | secret | shown_to(rosa), headers=HERE)
    assert (stale.status_code, stale.location) == (303, "/referrals/7")


def test_what_is_refused_twice_still_leads_back_to_its_first_page(
    client: FlaskClient, rosa: StaffMember, referral: Referral
) -> None:
    sign_in(client, rosa)
    there = f"/referrals/{referral.id}/notes"
    novel = {"note": "a word " * notes.LONGEST, "whom": "us"} | shown_to(rosa)
    once = client.post(there, data=novel, headers=HERE)
    assert 'name="unsent.from" value="/referrals/7"' in once.text
    again = novel | {"unsent.from": "/referrals/7"}
    twice = client.post(there, data=again, headers={"Referer": f"http://localhost{there}"})
    assert 'href="/referrals/7"' in twice.text
    assert f'href="{there}"' not in twice.text


def test_words_that_come_too_late_are_given_back(client: FlaskClient, rosa: StaffMember, referral: Referral) -> None:
    sign_in(client, rosa)
    operations.move(referral, Status.CANCELLED, by=rosa, reason=Reason("recalled-by-sender"))
    note = NOTE | {"whom": "both"} | shown_to(rosa)
    late = client.post(f"/referrals/{referral.id}/notes", data=note, headers=HERE)
    assert late.status_code == 409
    assert "This request has ended" in late.text
    assert fields(late.text)["note"] == NOTE["note"]


def test_what_is_too_long_is_given_back_to_be_made_shorter(
    client: FlaskClient, rosa: StaffMember, referral: Referral
) -> None:
    sign_in(client, rosa)
    novel = "a word " * notes.LONGEST
    note = {"note": novel, "whom": "us"} | shown_to(rosa)
    refused = client.post(f"/referrals/{referral.id}/notes", data=note, headers=HERE)
    assert refused.status_code == 422
    assert fields(refused.text)["note"] == novel


@pytest.mark.parametrize("headers", [ELSEWHERE, {}])
def test_what_no_page_of_ours_has_sent_goes_no_further(
    client: FlaskClient, referral: Referral, headers: dict[str, str]
) -> None:
    """Another site could have somebody sign in and then send what it made up."""
    assert client.post(f"/referrals/{referral.id}/notes", data=NOTE, headers=headers).status_code == 302
    made_up = {"unsent.to": "/sign-out", "unsent.from": "/", "unsent.field.note": "made up"}
    who = {"email": "rosa@example.test", "password": PASSWORD}
    assert client.post("/sign-in", data=made_up | who, headers=headers).status_code == 303


def test_nothing_that_came_along_leads_to_another_site(client: FlaskClient, rosa: StaffMember) -> None:
    made_up = {"unsent.to": "//elsewhere.test/", "unsent.from": "/", "unsent.field.note": "made up"}
    assert client.post("/sign-in", data={"email": rosa.email, "password": PASSWORD} | made_up, headers=HERE).location


def test_a_contact_whose_browser_has_forgotten_them_says_who_they_are_and_sends_it(
    session: Db, client: FlaskClient
) -> None:
    case = asked()
    here = {"Referer": f"http://localhost{case.path}"}
    question = {"question": "Does she have stairs?"}
    refused = client.post(f"{case.path}/questions", data=question, headers=here)
    assert "What you typed is not lost" in refused.text

    who = {"name": "Rosa Diaz", "confirmed": "true", "then": "look"}
    back = client.post(f"{case.path}/introduction", data=fields(refused.text) | who, headers=here)
    assert typed(back.text) == question
    assert client.post(f"{case.path}/questions", data=fields(back.text), headers=here).status_code == 303
    assert list(session.scalars(select(Question.text))) == [question["question"]]


def test_a_contact_hears_at_once_of_all_that_is_missing(client: FlaskClient, session: Db) -> None:  # noqa: ARG001
    case = asked()
    page = client.post(f"{case.path}/introduction", data={"name": " ", "then": "accepted"})
    assert page.status_code == 422
    assert "Say who you are" in page.text
    assert "Confirm that you answer" in page.text
    assert introduce(client, case.path).status_code == 303
