"""Who may do what, written down a second time, by hand: a change of the table or a new route has to be meant."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session, scoped_session
from werkzeug.routing import Rule

from app import clock
from app.db import session as the_session
from app.directory.models import Organization
from app.referrals.meetings import Way
from app.referrals.models import Appointment, Transition, WalkIn
from app.staff import operations
from app.staff.models import StaffMember
from app.staff.permissions import PERMISSIONS, Action, Relation, Role, may, relation
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem
from tests.factories import (
    make_need,
    make_organization,
    make_patient,
    make_referral,
    make_screening,
    make_service_at_location,
    make_staff,
    sign_in,
)

Db = scoped_session[Session]

PUBLIC = "public"

ROUTES: dict[str, Action | str] = {
    # Signing in, and oneself
    "GET /": Action.SEE_ACCOUNT,
    "GET /sign-in": PUBLIC,
    "POST /sign-in": PUBLIC,
    "POST /sign-out": PUBLIC,
    "GET /account": Action.SEE_ACCOUNT,
    "POST /account/language": Action.SEE_ACCOUNT,
    "POST /account/password": Action.SEE_ACCOUNT,
    "POST /account/weekly-digest": Action.SEE_ACCOUNT,
    "GET /more": Action.SEE_ACCOUNT,
    # Work
    "GET /today": Action.SEE_TODAY,
    "GET /today/done": Action.SEE_TODAY,
    "POST /work/<uuid:item_id>/outcome": Action.FINISH_WORK,
    "POST /work/<uuid:item_id>/taker": Action.FINISH_WORK,
    "GET /on-call": Action.MANAGE_STAFF,
    "POST /people/<uuid:staff_id>/paging": Action.MANAGE_STAFF,
    # Patients
    "GET /patients": Action.FIND_PATIENTS,
    "POST /patients": Action.FIND_PATIENTS,
    "GET /patients/new": Action.REGISTER_PATIENT,
    "POST /patients/new": Action.REGISTER_PATIENT,
    "GET /patients/<uuid:patient_id>": Action.SEE_PATIENT,
    "GET /patients/<uuid:patient_id>/edit": Action.CHANGE_PATIENT,
    "POST /patients/<uuid:patient_id>/edit": Action.CHANGE_PATIENT,
    "GET /patients/<uuid:patient_id>/consents": Action.RECORD_CONSENT,
    "POST /patients/<uuid:patient_id>/consents": Action.RECORD_CONSENT,
    "GET /patients/<uuid:patient_id>/sharing": Action.RECORD_CONSENT,
    "POST /patients/<uuid:patient_id>/sharing": Action.RECORD_CONSENT,
    "GET /patients/<uuid:patient_id>/traits": Action.CHANGE_PATIENT,
    "POST /patients/<uuid:patient_id>/traits": Action.CHANGE_PATIENT,
    "GET /patients/<uuid:patient_id>/safe-contact": Action.CHANGE_PATIENT,
    "POST /patients/<uuid:patient_id>/safe-contact": Action.CHANGE_PATIENT,
    "GET /patients/<uuid:patient_id>/pause": Action.PAUSE_PATIENT,
    "POST /patients/<uuid:patient_id>/pause": Action.PAUSE_PATIENT,
    "POST /patients/<uuid:patient_id>/pause/end": Action.PAUSE_PATIENT,
    "GET /patients/<uuid:patient_id>/ending": Action.END_PATIENT,
    "POST /patients/<uuid:patient_id>/ending": Action.END_PATIENT,
    "POST /patients/<uuid:patient_id>/ending/mistake": Action.END_PATIENT,
    "GET /patients/<uuid:patient_id>/messages": Action.SEE_MESSAGES,
    "GET /messages": Action.SEE_MESSAGES,
    "POST /patients/<uuid:patient_id>/messages": Action.WRITE_TEXT,
    "POST /patients/<uuid:patient_id>/messages/preview": Action.WRITE_TEXT,
    "POST /patients/<uuid:patient_id>/takeover": Action.WRITE_TEXT,
    "POST /texts/<uuid:message_id>/decision": Action.DECIDE_TEXT,
    "GET /work/<uuid:item_id>/number": Action.HANDLE_MESSAGES,
    "POST /work/<uuid:item_id>/number": Action.HANDLE_MESSAGES,
    # Screening
    "GET /patients/<uuid:patient_id>/screenings": Action.SCREEN,
    "POST /patients/<uuid:patient_id>/screenings": Action.SCREEN,
    "GET /screenings/<uuid:screening_id>/<question>": Action.SCREEN,
    "POST /screenings/<uuid:screening_id>/<question>": Action.SCREEN,
    "GET /screenings/<uuid:screening_id>/answers": Action.SCREEN,
    "POST /screenings/<uuid:screening_id>/answers": Action.SCREEN,
    "GET /screenings/<uuid:screening_id>/needs": Action.SCREEN,
    "POST /screenings/<uuid:screening_id>/needs": Action.CHANGE_NEED,
    # Referrals
    "GET /needs/<uuid:need_id>/matches": Action.SEE_MATCHES,
    "POST /needs/<uuid:need_id>/matches": Action.SEND_REFERRAL,
    "GET /needs/<uuid:need_id>/others": Action.SEE_MATCHES,
    "POST /needs/<uuid:need_id>/referrals": Action.SEND_REFERRAL,
    "GET /referrals/<uuid:referral_id>": Action.SEE_REFERRAL,
    "GET /referrals/no-longer-listed": Action.SEE_MATCHES,
    "GET /referrals/<uuid:referral_id>/appointment": Action.MOVE_REFERRAL,
    "POST /referrals/<uuid:referral_id>/appointments": Action.MOVE_REFERRAL,
    "POST /referrals/<uuid:referral_id>/promises": Action.MOVE_REFERRAL,
    "POST /appointments/<uuid:appointment_id>/changes": Action.MOVE_REFERRAL,
    "GET /appointments/<uuid:appointment_id>/calendar": Action.SEE_REFERRAL,
    "POST /referrals/<uuid:referral_id>/transitions": Action.MOVE_REFERRAL,
    "GET /referrals/<uuid:referral_id>/write-down/<said>": Action.RECORD_ANSWER,
    "POST /referrals/<uuid:referral_id>/write-down/<said>": Action.RECORD_ANSWER,
    "GET /inbox": Action.SEE_INBOX,
    "GET /inbox/<uuid:referral_id>": Action.SEE_INBOX,
    "POST /inbox/search": Action.SEE_INBOX,
    "GET /inbox/week": Action.SEE_INBOX,
    "POST /inbox/<uuid:referral_id>/transitions": Action.MOVE_REFERRAL,
    "POST /inbox/<uuid:referral_id>/assignee": Action.ASSIGN_REFERRAL,
    "GET /inbox/<uuid:referral_id>/onward": Action.SEE_INBOX,
    "POST /inbox/<uuid:referral_id>/onward": Action.SEND_ON,
    "POST /referrals/<uuid:referral_id>/notes": Action.WRITE_NOTE,
    "GET /inbox/walk-ins": Action.RECORD_WALK_IN,
    "POST /inbox/walk-ins": Action.RECORD_WALK_IN,
    "GET /walk-ins/<uuid:walk_in_id>": Action.RECORD_ANSWER,
    "POST /walk-ins/<uuid:walk_in_id>": Action.RECORD_ANSWER,
    "GET /inbox/capacity": Action.SET_CAPACITY,
    "POST /inbox/capacity": Action.SET_CAPACITY,
    "POST /inbox/daily-limits": Action.SET_CAPACITY,
    # Agencies without an account
    "GET /a/<token>": PUBLIC,
    "POST /a/<token>/introduction": PUBLIC,
    "POST /a/<token>/transitions": PUBLIC,
    "POST /a/<token>/appointments": PUBLIC,
    "POST /a/<token>/appointments/<uuid:appointment_id>/changes": PUBLIC,
    "POST /a/<token>/questions": PUBLIC,
    "POST /a/<token>/capacity": PUBLIC,
    "POST /a/<token>/disownment": PUBLIC,
    "POST /a/<token>/link": PUBLIC,
    "GET /room/<token>": PUBLIC,
    "POST /room/<token>": PUBLIC,
    "GET /contacts": Action.KEEP_CONTACTS,
    "GET /organizations/<uuid:organization_id>/contacts": Action.KEEP_CONTACTS,
    "POST /organizations/<uuid:organization_id>/contacts": Action.KEEP_CONTACTS,
    "POST /organizations/<uuid:organization_id>/contacts/<uuid:contact_id>/end": Action.KEEP_CONTACTS,
    "GET /referrals/<uuid:referral_id>/questions": Action.ANSWER_AGENCY,
    "POST /referrals/<uuid:referral_id>/questions": Action.ANSWER_AGENCY,
    # The directory
    "GET /directory": Action.SEE_DIRECTORY,
    "GET /directory/services/<uuid:service_at_location_id>": Action.SEE_DIRECTORY,
    "GET /directory/ours": Action.EDIT_SERVICE,
    "GET /directory/ours/<uuid:service_id>": Action.EDIT_SERVICE,
    "POST /directory/ours/<uuid:service_id>": Action.EDIT_SERVICE,
    "POST /directory/ours/<uuid:service_id>/choices": Action.EDIT_SERVICE,
    "GET /directory/upkeep": Action.KEEP_DIRECTORY,
    "POST /directory/questions": Action.KEEP_DIRECTORY,
    "POST /directory/questions/all": Action.KEEP_DIRECTORY,
    "GET /directory/questions/<uuid:question_id>": Action.KEEP_DIRECTORY,
    "POST /directory/questions/<uuid:question_id>/finish": Action.KEEP_DIRECTORY,
    "GET /directory/duplicates": Action.KEEP_DIRECTORY,
    "POST /directory/duplicates": Action.KEEP_DIRECTORY,
    "POST /directory/merges/<uuid:merge_id>/undo": Action.KEEP_DIRECTORY,
    "GET /listing/<token>": PUBLIC,
    "POST /listing/<token>": PUBLIC,
    "GET /directory/imports": Action.IMPORT_DIRECTORY,
    "POST /directory/imports": Action.IMPORT_DIRECTORY,
    "GET /directory/imports/<uuid:import_id>/report": Action.IMPORT_DIRECTORY,
    # Numbers and people
    "GET /numbers": Action.SEE_NUMBERS,
    "GET /numbers/list": Action.SEE_NUMBERS,
    "GET /numbers/ours": Action.SEE_OWN_NUMBERS,
    "GET /numbers/ours.csv": Action.SEE_OWN_NUMBERS,
    "GET /operations": Action.SEE_OPERATIONS,
    "POST /emails/<uuid:email_id>/again": Action.SEND_AGAIN,
    "GET /hand-over": Action.HAND_OVER,
    "GET /people/<uuid:staff_id>/hand-over": Action.HAND_OVER,
    "POST /people/<uuid:staff_id>/hand-over": Action.HAND_OVER,
    "GET /clocks": Action.SET_CLOCKS,
    "POST /clocks": Action.SET_CLOCKS,
    "POST /clocks/<uuid:override_id>/removal": Action.SET_CLOCKS,
    "GET /people": Action.MANAGE_STAFF,
    "POST /people": Action.MANAGE_STAFF,
    "POST /people/<uuid:staff_id>/active": Action.MANAGE_STAFF,
    # The JSON API
    "GET /api/v1/openapi.json": PUBLIC,
    "POST /api/v1/patients": Action.REGISTER_PATIENT,
    "POST /api/v1/patients/<uuid:patient_id>/sharing": Action.RECORD_CONSENT,
    "GET /api/v1/patients/<uuid:patient_id>": Action.SEE_PATIENT,
    "GET /api/v1/patients/<uuid:patient_id>/messages": Action.SEE_MESSAGES,
    "POST /api/v1/patients/<uuid:patient_id>/screenings": Action.SCREEN,
    "GET /api/v1/needs/<uuid:need_id>/matches": Action.SEE_MATCHES,
    "GET /api/v1/needs/<uuid:need_id>/matches/<uuid:service_at_location_id>/why-not": Action.SEE_MATCHES,
    "POST /api/v1/needs/<uuid:need_id>/referrals": Action.SEND_REFERRAL,
    "GET /api/v1/referrals/<uuid:referral_id>": Action.SEE_REFERRAL,
    "POST /api/v1/referrals/<uuid:referral_id>/transitions": Action.MOVE_REFERRAL,
    "GET /api/v1/reports/loop": Action.SEE_NUMBERS,
    # The directory for other programs
    "GET /hsds/v3/": PUBLIC,
    "GET /hsds/v3/openapi.json": PUBLIC,
    "GET /hsds/v3/services": PUBLIC,
    "POST /hsds/v3/services": PUBLIC,
    "GET /hsds/v3/services/<id_>": PUBLIC,
    "GET /hsds/v3/organizations": PUBLIC,
    "POST /hsds/v3/organizations": PUBLIC,
    "GET /hsds/v3/organizations/<id_>": PUBLIC,
    "GET /hsds/v3/service_at_locations": PUBLIC,
    "POST /hsds/v3/service_at_locations": PUBLIC,
    "GET /hsds/v3/service_at_locations/<id_>": PUBLIC,
    "GET /hsds/v3/taxonomies": PUBLIC,
    "POST /hsds/v3/taxonomies": PUBLIC,
    "GET /hsds/v3/taxonomies/<id_>": PUBLIC,
    "GET /hsds/v3/taxonomy_terms": PUBLIC,
    "POST /hsds/v3/taxonomy_terms": PUBLIC,
    "GET /hsds/v3/taxonomy_terms/<id_>": PUBLIC,
    # Machines, and the demonstration
    "GET /healthz": PUBLIC,
    "GET /static/<path:filename>": PUBLIC,
    "POST /sms/inbound": PUBLIC,
    "POST /sms/status/<uuid:message_id>": PUBLIC,
    "GET /demo/mail": PUBLIC,
    "GET /demo/mail/<uuid:email_id>": PUBLIC,
    "GET /demo/phones": PUBLIC,
    "GET /demo/phone/<number>": PUBLIC,
    "POST /demo/phone/<number>": PUBLIC,
}

_CARE = {
    Action.SEE_TODAY: Relation.OWN,
    Action.FIND_PATIENTS: Relation.TEAM,
    Action.REGISTER_PATIENT: Relation.TEAM,
    Action.SEE_PATIENT: Relation.TEAM,
    Action.CHANGE_PATIENT: Relation.TEAM,
    Action.PAUSE_PATIENT: Relation.TEAM,
    Action.RECORD_CONSENT: Relation.TEAM,
    Action.SCREEN: Relation.TEAM,
    Action.CHANGE_NEED: Relation.TEAM,
    Action.SEE_MATCHES: Relation.TEAM,
    Action.SEND_REFERRAL: Relation.TEAM,
    Action.SEE_REFERRAL: Relation.TEAM,
    Action.MOVE_REFERRAL: Relation.TEAM,
    Action.RECORD_ANSWER: Relation.TEAM,
    Action.WRITE_NOTE: Relation.TEAM,
    Action.ANSWER_AGENCY: Relation.TEAM,
    Action.SEE_MESSAGES: Relation.TEAM,
    Action.HANDLE_MESSAGES: Relation.TEAM,
    Action.WRITE_TEXT: Relation.TEAM,
    Action.DECIDE_TEXT: Relation.TEAM,
    Action.SEE_WORK: Relation.TEAM,
    Action.FINISH_WORK: Relation.TEAM,
    Action.SEE_DIRECTORY: Relation.NETWORK,
    Action.SEE_NUMBERS: Relation.TEAM,
    Action.SEE_ACCOUNT: Relation.OWN,
}
GRANTED: dict[Role, dict[Action, Relation]] = {
    Role.HEALTH_WORKER: _CARE,
    Role.LEAD: {
        **_CARE,
        Action.END_PATIENT: Relation.TEAM,
        Action.LEAD_TEAM: Relation.TEAM,
        Action.HAND_OVER: Relation.TEAM,
    },
    # An agency sees what was sent to it, and nothing of a patient besides.
    Role.AGENCY: {
        Action.SEE_INBOX: Relation.RECIPIENT,
        Action.SET_CAPACITY: Relation.RECIPIENT,
        Action.ASSIGN_REFERRAL: Relation.RECIPIENT,
        Action.WRITE_NOTE: Relation.RECIPIENT,
        Action.SEND_ON: Relation.RECIPIENT,
        Action.RECORD_WALK_IN: Relation.RECIPIENT,
        Action.SEE_OWN_NUMBERS: Relation.RECIPIENT,
        Action.KEEP_CONTACTS: Relation.RECIPIENT,
        Action.EDIT_SERVICE: Relation.RECIPIENT,
        Action.SEE_REFERRAL: Relation.RECIPIENT,
        Action.MOVE_REFERRAL: Relation.RECIPIENT,
        Action.SEE_DIRECTORY: Relation.NETWORK,
        Action.SEE_ACCOUNT: Relation.OWN,
    },
    # An administrator looks after the whole, and sees no patient.
    Role.ADMINISTRATOR: {
        Action.SEE_DIRECTORY: Relation.NETWORK,
        Action.IMPORT_DIRECTORY: Relation.NETWORK,
        Action.EDIT_SERVICE: Relation.NETWORK,
        Action.KEEP_DIRECTORY: Relation.NETWORK,
        Action.KEEP_CONTACTS: Relation.NETWORK,
        Action.MANAGE_STAFF: Relation.NETWORK,
        Action.HAND_OVER: Relation.NETWORK,
        Action.SET_CLOCKS: Relation.NETWORK,
        Action.SEE_NUMBERS: Relation.NETWORK,
        Action.SEE_OPERATIONS: Relation.NETWORK,
        Action.SEND_AGAIN: Relation.NETWORK,
        Action.DECIDE_TEXT: Relation.NETWORK,
        Action.SEE_ACCOUNT: Relation.OWN,
    },
}


def routes_of(app: Flask) -> dict[str, Action | str]:
    """What the application itself says of each of its routes."""
    found: dict[str, Action | str] = {}
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        is_public = rule.endpoint == "static" or getattr(view, "public_because", None)
        for method in _methods(rule):
            found[f"{method} {rule.rule}"] = PUBLIC if is_public else getattr(view, "allowed_action", "nobody at all")
    return found


def _methods(rule: Rule) -> set[str]:
    return set(rule.methods or ()) - {"HEAD", "OPTIONS"}


def test_every_route_has_its_row(app: Flask) -> None:
    assert routes_of(app) == ROUTES


def test_a_view_is_either_for_somebody_or_for_everybody(app: Flask) -> None:
    views = [app.view_functions[rule.endpoint] for rule in app.url_map.iter_rules()]
    assert not [view for view in views if hasattr(view, "allowed_action") and hasattr(view, "public_because")]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("action", Action)
def test_who_may_do_what(role: Role, action: Action) -> None:
    granted = GRANTED[role].get(action)
    assert relation(role, action) is granted
    assert may(role, action) == (granted is not None)


def test_the_table_holds_nothing_else() -> None:
    assert set(PERMISSIONS) == set(GRANTED) == set(Role)


# At the door

GUARDED = {route: action for route, action in ROUTES.items() if isinstance(action, Action)}


Ids = Mapping[str, uuid.UUID | str]


def split(route: str, ids: Ids) -> tuple[str, str]:
    """Method and path; every id is some id, unless it is given."""
    method, path = route.split()
    parts = []
    for part in path.split("/"):
        name = part.strip("<>").split(":")[-1]
        parts.append(str(ids.get(name, uuid.uuid4() if "uuid" in part else "x")) if part.startswith("<") else part)
    return method, "/".join(parts)


def ask(
    client: FlaskClient, route: str, staff: StaffMember | None, ids: Ids | None = None, *, to_the_end: bool = False
) -> int:
    """The status that `staff` gets: pages by session, the API by token, with something usable to send."""
    method, path = split(route, ids or {})
    if not path.startswith("/api/"):
        if staff:
            sign_in(client, staff)
        return client.open(path, method=method, follow_redirects=to_the_end).status_code
    headers = {"Authorization": f"Bearer {operations.issue_token(staff)}"} if staff else {}
    the_session.commit()
    return client.open(path, method=method, headers=headers, json=BODIES.get(route)).status_code


BODIES: dict[str, dict[str, Any]] = {
    "POST /api/v1/patients/<uuid:patient_id>/sharing": {"organization_ids": None},
    "POST /api/v1/patients/<uuid:patient_id>/screenings": {
        "instrument": "hunger-vital-sign",
        "language": "en",
        "answers": {"food-worried": "never"},
    },
    "POST /api/v1/needs/<uuid:need_id>/referrals": {"service_at_location_id": str(uuid.uuid4())},
    "POST /api/v1/referrals/<uuid:referral_id>/transitions": {"status": "accepted"},
}


@pytest.mark.parametrize("route", GUARDED)
def test_nobody_comes_in_unknown(client: FlaskClient, route: str) -> None:
    assert ask(client, route, None) == (401 if "/api/" in route else 302)


@pytest.mark.parametrize(
    ("route", "role"),
    [(route, role) for route, action in GUARDED.items() for role in Role if action not in GRANTED[role]],
)
@pytest.mark.usefixtures("session")
def test_a_role_that_never_does_it_is_refused(client: FlaskClient, route: str, role: Role) -> None:
    assert ask(client, route, make_staff(role)) == 403


# What is somebody else’s


@dataclass
class Case:
    """A patient with everything that has an id, and the people around."""

    maya: StaffMember
    pantry: StaffMember
    ids: dict[str, uuid.UUID | str] = field(default_factory=dict)


@pytest.fixture
def case(session: Db) -> Case:
    maya = make_staff()
    place = make_service_at_location()
    patient = make_patient(maya)
    referral = make_referral(make_need(patient), place, by=maya)
    item = WorkItem(
        kind=Kind.CALL_AGENCY,
        purpose="a test",
        team_id=maya.team_id,
        owner_id=maya.id,
        patient_id=patient.id,
        referral_id=referral.id,
        due_at=clock.now() + timedelta(days=1),
    )
    session.add(item)
    session.flush()
    screening = make_screening(patient, maya)
    pantry = make_staff(Role.AGENCY, organization=session.get_one(Organization, referral.organization_id))
    walk_in = WalkIn(
        organization_id=referral.organization_id,
        need="food",
        served_on=clock.now().date(),
        by_id=pantry.id,
        patient_id=patient.id,
    )
    session.add(walk_in)
    appointment = Appointment(
        referral_id=referral.id, starts_at=clock.now() + timedelta(days=3), way=Way.IN_PERSON, made_by_id=pantry.id
    )
    session.add(appointment)
    session.flush()
    return Case(
        maya,
        pantry,
        {
            "patient_id": patient.id,
            "need_id": make_need(patient, "housing").id,
            "referral_id": referral.id,
            "organization_id": referral.organization_id,
            "screening_id": screening.id,
            "item_id": item.id,
            "staff_id": maya.id,
            "service_id": place.service_id,
            "service_at_location_id": place.id,
            "question": "living-now",
            "said": "accepted",
            "walk_in_id": walk_in.id,
            "appointment_id": appointment.id,
        },
    )


BELONGING = [
    route
    for route, action in GUARDED.items()
    if any(GRANTED[role].get(action) in {Relation.TEAM, Relation.RECIPIENT} for role in Role) and "<uuid:" in route
]


def changes(session: Db) -> int:
    return session.scalar(select(func.count()).select_from(Transition)) or 0


@pytest.mark.parametrize(
    ("route", "role"),
    [
        (route, role)
        for route in BELONGING
        for role in (Role.HEALTH_WORKER, Role.LEAD, Role.AGENCY)
        if GUARDED[route] in GRANTED[role]
    ],
)
def test_what_is_not_yours_is_not_there(session: Db, client: FlaskClient, case: Case, route: str, role: Role) -> None:
    before = changes(session)
    elsewhere = make_organization("Somebody else")
    stranger = make_staff(role, organization=elsewhere if role is Role.AGENCY else None)
    # A program has to tell a wrong id from somebody else's; a person need not even know that it exists.
    expected = 403 if " /api/" in route else 404
    assert ask(client, route, stranger, case.ids, to_the_end=True) == expected
    assert changes(session) == before


NOBODYS = {"GET /work/<uuid:item_id>/number"}
"""A text from a number nobody knows belongs to whoever is first, so that this item is none shows nothing."""


@pytest.mark.parametrize("route", [route for route in BELONGING if route.startswith("GET") and route not in NOBODYS])
def test_what_is_yours_is_there(client: FlaskClient, case: Case, route: str) -> None:
    """Or the test above would be content with pages that nobody finds."""
    agencys = {Action.SEE_INBOX, Action.EDIT_SERVICE, Action.KEEP_CONTACTS}
    mine = case.pantry if GUARDED[route] in agencys else case.maya
    if GUARDED[route] not in GRANTED[mine.role]:
        mine = make_staff(Role.LEAD, team=case.maya.team)
    assert ask(client, route, mine, case.ids, to_the_end=True) == 200


def test_two_people_of_a_team_share_its_patients(client: FlaskClient, case: Case) -> None:
    colleague = make_staff(team=case.maya.team)
    assert ask(client, "GET /patients/<uuid:patient_id>", colleague, case.ids) == 200
