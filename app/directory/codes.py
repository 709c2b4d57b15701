"""The closed word lists of the directory: HSDS's own, and one of ours."""

from __future__ import annotations

from enum import StrEnum


class ServiceStatus(StrEnum):
    """HSDS service.status."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    DEFUNCT = "defunct"
    TEMPORARILY_CLOSED = "temporarily closed"


class LocationType(StrEnum):
    """HSDS location.location_type and address.address_type."""

    PHYSICAL = "physical"
    POSTAL = "postal"
    VIRTUAL = "virtual"


class Frequency(StrEnum):
    """HSDS schedule.freq; the words are iCalendar's."""

    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"


class Weekday(StrEnum):
    """HSDS schedule.wkst; the words are iCalendar's."""

    MONDAY = "MO"
    TUESDAY = "TU"
    WEDNESDAY = "WE"
    THURSDAY = "TH"
    FRIDAY = "FR"
    SATURDAY = "SA"
    SUNDAY = "SU"


class CapacityStatus(StrEnum):
    """Whether a service takes people in now. An extension: HSDS only counts free units.

    The words are those of the FHIR SDOH Clinical Care guide for a program's capacity.
    """

    CAPACITY = "capacity"
    NO_CAPACITY = "no-capacity"
    WAITLIST = "waitlist"
    ADDITIONAL_ASSESSMENT = "additional-assessment-required"
    UNKNOWN = "unknown"
