"""A compare-and-set that is written once does what one of the ORM does."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import bindparam, select

from app.db import CompareAndSet, session
from app.patients.models import Patient
from app.screening.models import Need, NeedStatus
from tests import factories

_NEED = Need.__table__.c
MEET = CompareAndSet(Need, _NEED.id == bindparam("need_id"), _NEED.status == bindparam("was"))


@pytest.fixture
def need(ana: Patient) -> Need:
    return factories.make_need(ana)


def test_it_writes_what_is_as_expected_and_tells_what_is_loaded(need: Need) -> None:
    assert MEET({"status": NeedStatus.MET}, need_id=need.id, was=need.status) == 1
    assert need.status is NeedStatus.MET
    assert _stored(need) is NeedStatus.MET


def test_it_leaves_alone_what_is_not(need: Need) -> None:
    before = need.status
    assert MEET({"status": NeedStatus.MET}, need_id=need.id, was=NeedStatus.MET) == 0
    assert MEET({"status": NeedStatus.MET}, need_id=uuid.uuid4(), was=before) == 0
    assert need.status is before
    assert _stored(need) is before


def test_it_sees_what_the_session_has_not_written_yet(need: Need) -> None:
    before = need.status
    need.status = NeedStatus.IN_PROGRESS
    assert MEET({"status": NeedStatus.MET}, need_id=need.id, was=before) == 0
    assert need.status is NeedStatus.IN_PROGRESS


def _stored(need: Need) -> NeedStatus:
    return session.scalars(select(Need.status).where(Need.id == need.id)).one()
