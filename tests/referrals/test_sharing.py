"""What a patient lets us tell, whom, and what only matching may know."""

from __future__ import annotations

import uuid

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session, scoped_session

from app.audit.models import AuditEntry
from app.db import session as the_session
from app.directory.models import Organization, Service
from app.errors import DomainError, Invalid
from app.matching import operations as matching
from app.matching.queries import matches, question_for
from app.patients import operations as patient_operations
from app.patients import queries as patients
from app.patients.endings import Ending
from app.patients.models import ConsentKind, Patient
from app.patients.traits import Trait
from app.referrals import operations
from app.referrals.lifecycle import Reason, Status
from app.screening.models import Need
from app.staff.models import StaffMember
from app.staff.operations import issue_token
from app.staff.permissions import Role
from tests.factories import (
    make_need,
    make_organization,
    make_referral,
    make_service_at_location,
    make_staff,
    sign_in,
)

Db = scoped_session[Session]

pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture
def need(ana: Patient) -> Need:
    return make_need(ana)


def test_only_those_they_named_are_offered_and_asked(ana: Patient, need: Need, maya: StaffMember) -> None:
    named, other = make_service_at_location(), make_service_at_location()
    organization_id = _organization_of(named.service_id)
    operations.agree_to_tell(ana, [organization_id], how="spoken", by=maya)
    assert [match.organization_id for match in matches(question_for(need, ana)).items] == [organization_id]
    with pytest.raises(DomainError, match="none of them"):
        operations.send(need, other.id, by=maya)
    assert operations.send(need, named.id, by=maya).status is Status.REQUESTED


def test_naming_them_calls_the_others_back(ana: Patient, need: Need, maya: StaffMember) -> None:
    stays, goes = make_service_at_location(), make_service_at_location()
    kept, recalled = make_referral(need, stays), make_referral(make_need(ana, "housing"), goes)
    operations.agree_to_tell(ana, [kept.organization_id], how="spoken", by=maya)
    assert kept.status is Status.REQUESTED
    assert (recalled.status, recalled.reason_code) == (Status.CANCELLED, "consent-revoked")


def test_the_next_place_is_one_they_named(ana: Patient, need: Need, maya: StaffMember, session: Db) -> None:
    first, stranger, named = (make_service_at_location() for _ in range(3))
    referral = make_referral(need, first)
    allowed = [referral.organization_id, _organization_of(named.service_id)]
    operations.agree_to_tell(ana, allowed, how="spoken", by=maya)
    agency = make_staff(Role.AGENCY, organization=session.get_one(Organization, referral.organization_id))
    operations.move(referral, Status.REJECTED, by=agency, reason=Reason("closed"))
    following = session.scalars(select(type(referral)).where(type(referral).instead_of_id == referral.id)).one()
    assert following.service_at_location_id == named.id != stranger.id


def test_agreeing_anew_on_the_ordinary_page_keeps_the_limit(
    client: FlaskClient, ana: Patient, maya: StaffMember
) -> None:
    only = make_organization().id
    operations.agree_to_tell(ana, [only], how="spoken", by=maya)
    sign_in(client, maya)
    client.post(f"/patients/{ana.id}/consents", data={"share": "true", "how": "spoken"})
    assert patients.may_tell_only(ana.id) == frozenset({only})


def test_the_page_finds_keeps_and_lifts_the_limit(client: FlaskClient, ana: Patient, maya: StaffMember) -> None:
    agency = make_organization("Harbor Pantry")
    path = f"/patients/{ana.id}/sharing"
    sign_in(client, maya)
    assert "Harbor Pantry" in client.post(path, data={"q": "harbor", "look": "1"}).text
    assert client.post(path, data={"whom": "some"}).status_code == 422
    client.post(path, data={"whom": "some", "named": str(agency.id), "how": "written"})
    assert patients.may_tell_only(ana.id) == frozenset({agency.id})
    assert "Harbor Pantry" in client.get(path).text
    client.post(path, data={"whom": "all"})
    assert patients.may_tell_only(ana.id) is None
    assert patients.has_consent(ana.id, ConsentKind.SHARE)


def test_an_organization_that_is_not_there_is_refused(ana: Patient, maya: StaffMember) -> None:
    with pytest.raises(Invalid):
        operations.agree_to_tell(ana, [ana.id], how="spoken", by=maya)


def test_what_they_told_excludes_and_fits(client: FlaskClient, ana: Patient, need: Need, maya: StaffMember) -> None:
    veterans, hiv, everybody = (make_service_at_location() for _ in range(3))
    _only_for(veterans.service_id, "Veterans")
    _only_for(hiv.service_id, "People living with HIV")
    sign_in(client, maya)
    client.post(f"/patients/{ana.id}/traits", data={"veteran": "false", "hiv": "true", "gender": ""})
    assert patients.traits(ana.id) == {Trait.VETERAN: False, Trait.HIV: True}
    found = {match.service_at_location_id: match for match in matches(question_for(need, ana)).items}
    assert set(found) == {hiv.id, everybody.id}
    said = [reason.text() for match in found.values() for reason in match.reasons]
    assert "Fits what they told us" in said
    assert not any("HIV" in words for words in said)
    assert "fits-told" not in dict(found[hiv.id].why())


def test_nobody_else_sees_what_they_told(
    client: FlaskClient, ana: Patient, need: Need, maya: StaffMember, session: Db
) -> None:
    patient_operations.keep_traits(ana, {Trait.HIV: True}, by=maya)
    place = make_service_at_location()
    _only_for(place.service_id, "People living with HIV")
    sign_in(client, maya)
    client.post(f"/needs/{need.id}/referrals", data={"service_at_location_id": str(place.id)})
    agency = make_staff(Role.AGENCY, organization=session.get_one(Organization, _organization_of(place.service_id)))
    assert not any(
        "HIV" in str(entry.detail) or "hiv" in str(entry.detail) for entry in session.scalars(select(AuditEntry))
    )
    sign_in(client, agency)
    assert client.get(f"/patients/{ana.id}/traits").status_code in {403, 404}
    assert "HIV" not in client.get("/inbox").text


def test_what_they_told_goes_with_them(ana: Patient, maya: StaffMember) -> None:
    patient_operations.keep_traits(ana, {Trait.WOMAN: True}, by=maya)
    patient_operations.end(ana.id, Ending.DELETED, by=maya)
    assert patients.traits(ana.id) == {}


def test_a_program_can_name_them_too(client: FlaskClient, ana: Patient, maya: StaffMember) -> None:
    agency = make_organization()
    path, headers = f"/api/v1/patients/{ana.id}/sharing", {"Authorization": f"Bearer {issue_token(maya)}"}
    the_session.commit()
    answer = client.post(path, json={"organization_ids": [str(agency.id)]}, headers=headers)
    assert (answer.status_code, answer.json) == (201, {"organization_ids": [str(agency.id)]})
    assert client.post(path, json={"organization_ids": []}, headers=headers).status_code == 422
    assert patients.may_tell_only(ana.id) == frozenset({agency.id})


def _organization_of(service_id: uuid.UUID) -> uuid.UUID:
    return the_session.get_one(Service, service_id).organization_id


def _only_for(service_id: uuid.UUID, whom: str) -> None:
    the_session.execute(update(Service).where(Service.id == service_id).values(eligibility_description=whom))
    matching.refresh([service_id])
