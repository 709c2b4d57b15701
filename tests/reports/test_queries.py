from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app.directory.models import Service, ServiceAtLocation
from app.patients.models import Patient
from app.referrals.closing import Closure, Says
from app.referrals.lifecycle import ENDED, NEEDS_REASON, Status
from app.referrals.models import Referral
from app.reports import measures, queries
from app.reports.measures import State
from app.reports.queries import Dimension, Slice
from app.screening.models import NeedStatus
from app.staff.models import StaffMember
from app.staff.permissions import Role
from tests.factories import make_need, make_patient, make_service_at_location, make_staff

Db = scoped_session[Session]
NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)  # a Wednesday


@pytest.fixture
def maya(session: Db) -> StaffMember:  # noqa: ARG001  rows need a transaction
    return make_staff(name="Maya Brooks")


@pytest.fixture
def administrator(session: Db) -> StaffMember:  # noqa: ARG001  rows need a transaction
    return make_staff(Role.ADMINISTRATOR)


def insert(  # noqa: PLR0913  a referral is this many facts
    session: Db,
    by: StaffMember,
    status: Status = Status.REQUESTED,
    says: Says | None = None,
    *,
    seen: bool = False,
    accepted: bool = False,
    asked_out: bool = False,
    sent_at: datetime = NOW,
    kind: str = "food",
    language: str = "es",
    time_zone: str = "America/New_York",
    need_status: NeedStatus = NeedStatus.PLANNED,
    like: Referral | None = None,
) -> Referral:
    """A referral in just this state, of a patient and to a service of its own or those of `like`."""
    place = session.get_one(ServiceAtLocation, like.service_at_location_id) if like else make_service_at_location()
    patient = session.get_one(Patient, like.patient_id) if like else make_patient(by, language=language)
    patient.time_zone = time_zone
    need = make_need(patient, kind)
    need.status = need_status
    referral = Referral(
        need_id=need.id,
        patient_id=patient.id,
        service_at_location_id=place.id,
        service_id=place.service_id,
        organization_id=session.get_one(Service, place.service_id).organization_id,
        status=status,
        reason_code="other" if status in NEEDS_REASON else None,
        outcome_code="other" if status is Status.COMPLETED else None,
        sent_by_id=by.id,
        owner_id=by.id,
        sent_at=None if status is Status.DRAFT else sent_at,
        seen_at=sent_at if seen else None,
        accepted_at=sent_at if accepted else None,
        ended_at=sent_at if status in ENDED else None,
        patient_says=says,
        patient_said_at=sent_at if says else None,
        asked_out_at=sent_at if asked_out else None,
    )
    session.add(referral)
    session.flush()
    return referral


@pytest.fixture
def in_every_state(session: Db, maya: StaffMember) -> list[Referral]:
    flags = (False, True)
    like = insert(session, maya)
    return [like] + [
        insert(session, maya, status, says, seen=seen, accepted=accepted, asked_out=asked_out, like=like)
        for status, says, seen, accepted, asked_out in product(Status, (None, *Says), flags, flags, flags)
    ]


def test_the_numbers_agree_with_the_rules_in_every_state(maya: StaffMember, in_every_state: list[Referral]) -> None:
    sent = [it for it in in_every_state if it.sent_at and it.status is not Status.ENTERED_IN_ERROR]
    tally = queries.tally(maya)
    assert tally[measures.SENT] == len(sent)
    assert tally[measures.LOOPS_CLOSED] == sum(it.closure is Closure.CONFIRMED for it in sent)
    assert tally[measures.PATIENT_CONFIRMED] == sum(it.patient_says is Says.GOT_HELP for it in sent)


def test_behind_each_number_are_exactly_the_referrals_it_counts(session: Db, in_every_state: list[Referral]) -> None:
    def stands(it: Referral) -> State:
        moments = (it.sent_at, it.seen_at, it.accepted_at, it.asked_out_at)
        return State(it.status, it.patient_says, *(moment is not None for moment in moments))

    for measure in measures.OF_REFERRALS.values():
        counted = set(session.scalars(select(Referral.id).where(queries.counted_by(measure))))
        assert counted == {it.id for it in in_every_state if measure.counts(stands(it))}, measure.code


def test_a_referral_is_counted_where_it_belongs(session: Db, maya: StaffMember) -> None:
    insert(session, maya, kind="food", language="es")
    insert(session, maya, Status.COMPLETED, Says.GOT_HELP, kind="food", language="ar")
    insert(session, maya, Status.REJECTED, kind="housing", language="es")
    insert(session, maya, Status.ENTERED_IN_ERROR, kind="transport", language="vi")

    def sent_and_closed(by: Dimension) -> dict[str, tuple[int, int]]:
        found = queries.tallies(maya, by)
        return {key: (tally[measures.SENT], tally[measures.LOOPS_CLOSED]) for key, tally in found.items()}

    assert sent_and_closed(Dimension.NEED) == {"food": (2, 1), "housing": (1, 0)}
    assert sent_and_closed(Dimension.LANGUAGE) == {"es": (2, 0), "ar": (1, 1)}
    assert queries.tally(maya, Slice(need="food", language="es"))[measures.SENT] == 1


def test_a_week_begins_on_monday_where_the_patient_lives(session: Db, maya: StaffMember) -> None:
    just_after_midnight_in_utc = datetime(2026, 11, 16, 1, tzinfo=UTC)
    insert(session, maya, sent_at=just_after_midnight_in_utc, time_zone="America/New_York")
    insert(session, maya, sent_at=just_after_midnight_in_utc, time_zone="UTC")
    assert set(queries.tallies(maya, Dimension.WEEK)) == {date(2026, 11, 9), date(2026, 11, 16)}
    assert queries.tally(maya, Slice(week=date(2026, 11, 9)))[measures.SENT] == 1


def test_needs_met_counts_each_need_once(session: Db, maya: StaffMember) -> None:
    first = insert(session, maya, Status.REJECTED, need_status=NeedStatus.MET)
    second = insert(session, maya, Status.COMPLETED, Says.GOT_HELP)
    second.need_id = first.need_id
    insert(session, maya, need_status=NeedStatus.PARTLY_MET)
    insert(session, maya, Status.ENTERED_IN_ERROR, need_status=NeedStatus.MET)
    session.flush()
    assert queries.needs_met(maya) == 1


def test_a_team_counts_its_own_and_an_administrator_the_network(
    session: Db, maya: StaffMember, administrator: StaffMember
) -> None:
    insert(session, maya)
    insert(session, make_staff())
    assert queries.tally(maya)[measures.SENT] == 1
    assert queries.tally(administrator)[measures.SENT] == 2


def test_an_administrator_never_sees_who_is_counted(session: Db, maya: StaffMember, administrator: StaffMember) -> None:
    mine = insert(session, maya)
    assert [row.referral for row in queries.behind(maya, measures.SENT)] == [mine]
    assert queries.behind(administrator, measures.SENT) == []


def test_an_agency_has_no_numbers(session: Db, maya: StaffMember) -> None:
    insert(session, maya)
    assert queries.tally(make_staff(Role.AGENCY))[measures.SENT] == 0


def test_the_list_comes_in_pages_sent_last_first(session: Db, maya: StaffMember) -> None:
    for hours in range(queries.PAGE + 2):
        insert(session, maya, sent_at=NOW - timedelta(hours=hours))
    first, second = (queries.behind(maya, measures.SENT, page=page) for page in (1, 2))
    assert (len(first), len(second)) == (queries.PAGE, 2)
    times = [row.referral.sent_at for row in (*first, *second)]
    assert times == [NOW - timedelta(hours=hours) for hours in range(queries.PAGE + 2)]


def test_since_when_leaves_mistakes_out(session: Db, maya: StaffMember) -> None:
    assert queries.first_sent(maya) is None
    insert(session, maya, sent_at=NOW)
    insert(session, maya, Status.ENTERED_IN_ERROR, sent_at=NOW - timedelta(days=9))
    assert queries.first_sent(maya) == NOW
