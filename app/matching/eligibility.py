"""Who may be offered at all. Each rule that excludes has a code, so that “why not this one?” has an answer."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from app.directory.codes import CapacityStatus
from app.matching.audiences import bits
from app.matching.candidates import Candidate, Question


class Against(StrEnum):
    """Why a service is not offered."""

    OUTSIDE_AREA = "outside-area"
    TOO_YOUNG = "too-young"
    TOO_OLD = "too-old"
    NOT_FOR_THEM = "not-for-them"
    """It is only for people to whom the patient is known not to belong. Not knowing excludes nobody."""
    NO_CONSENT = "no-consent"
    DECLINED = "declined"
    ALREADY_ASKED = "already-asked"
    FULL = "full"
    """Unlike the others, this gives way: full services are offered when there is nobody else at all."""


def against(question: Question, candidate: Candidate, at: datetime) -> list[Against]:
    """Everything that speaks against offering this service now; empty when nothing does."""
    found = []
    if candidate.covered is False:
        found.append(Against.OUTSIDE_AREA)
    age = question.age
    if age is not None:
        if candidate.min_age is not None and age < candidate.min_age:
            found.append(Against.TOO_YOUNG)
        if candidate.max_age is not None and age > candidate.max_age:
            found.append(Against.TOO_OLD)
    if candidate.audience and not candidate.audience & ~bits(question.is_none_of):
        found.append(Against.NOT_FOR_THEM)
    consented = question.consented_organizations
    if consented is not None and candidate.organization_id not in consented:
        found.append(Against.NO_CONSENT)
    if candidate.service_id in question.declined_services:
        found.append(Against.DECLINED)
    if candidate.service_id in question.asked_services:
        found.append(Against.ALREADY_ASKED)
    if capacity(candidate, at) == CapacityStatus.NO_CAPACITY:
        found.append(Against.FULL)
    return found


def capacity(candidate: Candidate, at: datetime) -> str:
    """Its room at this moment, a value of `CapacityStatus`; what was said until a date is unknown after it."""
    until = candidate.capacity_until
    if until is not None and until <= at:
        return CapacityStatus.UNKNOWN.value
    return candidate.capacity
