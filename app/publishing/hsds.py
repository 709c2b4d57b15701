"""HSDS 3.1 as others read it: each table with its fields in HSDS's own words, and how records nest in its API.

The tables are those of the standard's tabular package (3.2.3, which describes HSDS 3.1), but for what `LEFT_OUT` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.directory.codes import CapacityStatus, Frequency, LocationType, ServiceStatus, Weekday

VERSION = "3.1"
PROFILE = "https://docs.openreferral.org/en/v3.1.1/"

FORMATS = frozenset({"uuid", "email", "uri"})
"""Texts of which HSDS says how they look."""


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: str
    """string, number, integer, boolean, date, time or datetime; or one of `FORMATS`, which is a string."""
    required: bool
    """By HSDS, which asks for more than many directories know."""
    extension: bool
    """Ours and not HSDS's."""
    column: str
    """Its name in our table."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One table, and the file it stands in."""

    name: str
    file: str
    fields: tuple[Field, ...]

    @property
    def links(self) -> Mapping[str, str]:
        """Each field that holds the id of a row of another table, with that table."""
        found = {field.name: field.name.removesuffix("_id") for field in self.fields if field.name.endswith("_id")}
        return {name: table for name, table in found.items() if table in BY_NAME}


@dataclass(frozen=True, slots=True)
class Nested:
    """What stands inside of a record in the API: a list of rows that point at it, or the one row it points at."""

    name: str
    table: str
    by: str
    """The column that points: of the inner table for a list, of the outer one for a single row."""
    many: bool = True
    inside: tuple[Nested, ...] = ()


def _resource(name: str, file: str, fields: str, extensions: str = "", **columns: str) -> Resource:
    """A table from two lists of `field:kind!`, where a string needs no kind and `!` means required.

    :param columns: our own names of columns, where they are not HSDS's.
    """
    parsed = []
    for extension, listed in ((False, fields), (True, extensions)):
        for word in listed.split():
            plain = word.removesuffix("!")
            field, _colon, kind = plain.partition(":")
            required = word.endswith("!")
            parsed.append(Field(field, kind or "string", required, extension, columns.get(field, field)))
    return Resource(name, file, tuple(parsed))


# What is referred to comes first.
RESOURCES = (
    _resource("taxonomy", "taxonomies.csv", "id:uuid! name! description! uri:uri version"),
    _resource(
        "taxonomy_term",
        "taxonomy_terms.csv",
        "id:uuid! code name! description! parent_id:uuid taxonomy language taxonomy_id:uuid term_uri:uri",
    ),
    _resource("unit", "units.csv", "id:uuid! name! scheme identifier uri:uri"),
    _resource(
        "organization",
        "organizations.csv",
        "id:uuid! name! alternate_name description! email:email website:uri tax_status tax_id year_incorporated:number"
        " legal_status logo uri:uri parent_organization_id:uuid",
    ),
    _resource(
        "organization_identifier",
        "organization_identifiers.csv",
        "id:uuid! organization_id:uuid! identifier_scheme identifier_type! identifier!",
    ),
    _resource("program", "programs.csv", "id:uuid! organization_id:uuid! name! alternate_name description!"),
    _resource(
        "location",
        "locations.csv",
        "id:uuid! location_type! url:uri organization_id:uuid name alternate_name description transportation"
        " latitude:number longitude:number external_identifier external_identifier_type",
        "confidential:boolean",
    ),
    _resource(
        "address",
        "addresses.csv",
        "id:uuid! location_id:uuid attention address_1! address_2 city! region state_province! postal_code! country!"
        " address_type!",
    ),
    _resource("accessibility", "accessibility.csv", "id:uuid! location_id:uuid description details url:uri"),
    _resource(
        "service",
        "services.csv",
        "id:uuid! organization_id:uuid! program_id:uuid name! alternate_name description url:uri email:email status!"
        " interpretation_services application_process fees_description wait_time accreditations"
        " eligibility_description minimum_age:number maximum_age:number assured_date:date assurer_email:email licenses"
        " alert last_modified:datetime",
        "capacity_status capacity_until:date capacity_source capacity_at:datetime intake_daily_limit:integer"
        " interpreter:boolean last_verified_on:date last_verified_by",
    ),
    _resource(
        "service_at_location",
        "service_at_location.csv",
        "id:uuid! service_id:uuid! location_id:uuid! description",
    ),
    _resource(
        "contact",
        "contacts.csv",
        "id:uuid! organization_id:uuid service_id:uuid service_at_location_id:uuid location_id:uuid name title"
        " department email:email",
    ),
    _resource(
        "phone",
        "phones.csv",
        "id:uuid! location_id:uuid service_id:uuid organization_id:uuid contact_id:uuid service_at_location_id:uuid"
        " number! extension:number type description",
        "extension_text",
        extension_text="extension",
    ),
    _resource("language", "languages.csv", "id:uuid! service_id:uuid location_id:uuid phone_id:uuid name code note"),
    _resource(
        "schedule",
        "schedules.csv",
        "id:uuid! service_id:uuid location_id:uuid service_at_location_id:uuid valid_from:date valid_to:date"
        " dtstart:date timezone:number until:date count:number wkst freq interval:number byday byweekno bymonthday"
        " byyearday description opens_at:time closes_at:time schedule_link:uri attending_type notes",
        "closed:boolean yearly:boolean",
    ),
    _resource(
        "service_area",
        "service_areas.csv",
        "id:uuid! service_id:uuid service_at_location_id:uuid name description extent extent_type uri",
        "postal_codes",
    ),
    _resource("required_document", "required_documents.csv", "id:uuid! service_id:uuid document uri:uri"),
    _resource(
        "cost_option",
        "cost_options.csv",
        "id:uuid! service_id:uuid! valid_from:date valid_to:date option currency amount:number amount_description",
    ),
    _resource(
        "service_capacity",
        "service_capacity.csv",
        "id:uuid! service_id:uuid! unit_id:uuid! available:number! maximum:number description updated:datetime!",
    ),
    _resource(
        "attribute",
        "attributes.csv",
        "id:uuid! link_id:uuid! taxonomy_term_id:uuid! link_type link_entity! value label",
    ),
    _resource("url", "url.csv", "id:uuid! label url:uri! organization_id:uuid service_id:uuid"),
    _resource("funding", "funding.csv", "id:uuid! organization_id:uuid service_id:uuid source", source="funder"),
    _resource(
        "metadata",
        "metadata.csv",
        "id:uuid! resource_id:uuid! resource_type! last_action_date:date! last_action_type! field_name!"
        " previous_value! replacement_value! updated_by!",
    ),
)

BY_NAME: Mapping[str, Resource] = {resource.name: resource for resource in RESOURCES}

LEFT_OUT: Mapping[str, str] = {
    "meta_table_description": "about the files, which are always UTF-8",
    "service.fees": "replaced by fees_description, where what is imported as fees goes",
}
"""Tables and fields of HSDS that we do not keep, and why."""

WORDS: Mapping[tuple[str, str], type[StrEnum]] = {
    ("location", "location_type"): LocationType,
    ("address", "address_type"): LocationType,
    ("service", "status"): ServiceStatus,
    ("service", "capacity_status"): CapacityStatus,
    ("schedule", "freq"): Frequency,
    ("schedule", "wkst"): Weekday,
}
"""Fields that hold one of a list of words."""

OF_CONFIDENTIAL_LOCATION = frozenset({"id", "location_type", "organization_id", "confidential"})
"""What may be told of a place whose address is confidential. Its names and descriptions often hold the street."""

INSIDE_CONFIDENTIAL_LOCATION = frozenset({"languages", "phones", "schedules"})
"""What of the rows around such a place."""

PRIVATE = frozenset({("service", "last_verified_by")})
"""Fields that say who of us did something, which the API keeps to itself."""


def _many(name: str, table: str, of: str, *inside: Nested) -> Nested:
    return Nested(name, table, f"{of}_id", inside=inside)


def _one(name: str, table: str, by: str, *inside: Nested) -> Nested:
    return Nested(name, table, by, many=False, inside=inside)


def _phones(of: str) -> Nested:
    return _many("phones", "phone", of, _many("languages", "language", "phone"))


def _contacts(of: str) -> Nested:
    return _many("contacts", "contact", of, _phones("contact"))


_LOCATION = (
    _many("languages", "language", "location"),
    _many("addresses", "address", "location"),
    _contacts("location"),
    _many("accessibility", "accessibility", "location"),
    _phones("location"),
    _many("schedules", "schedule", "location"),
)
_OFFER = (
    _many("service_areas", "service_area", "service_at_location"),
    _contacts("service_at_location"),
    _phones("service_at_location"),
    _many("schedules", "schedule", "service_at_location"),
    _one("location", "location", "location_id", *_LOCATION),
)
_ORGANIZATION = (
    _many("additional_websites", "url", "organization"),
    _many("funding", "funding", "organization"),
    _contacts("organization"),
    _phones("organization"),
    _many("programs", "program", "organization"),
    _many("organization_identifiers", "organization_identifier", "organization"),
)
_SERVICE_WITHOUT_PLACES = (
    _many("additional_urls", "url", "service"),
    _phones("service"),
    _many("schedules", "schedule", "service"),
    _many("service_areas", "service_area", "service"),
    _many("languages", "language", "service"),
    _many("funding", "funding", "service"),
    _many("cost_options", "cost_option", "service"),
    _many("required_documents", "required_document", "service"),
    _contacts("service"),
    _many("capacities", "service_capacity", "service", _one("unit", "unit", "unit_id")),
    _one("program", "program", "program_id"),
)
_SERVICE = (*_SERVICE_WITHOUT_PLACES, _many("service_at_locations", "service_at_location", "service", *_OFFER))

ATTRIBUTE = (
    _one("taxonomy_term", "taxonomy_term", "taxonomy_term_id", _one("taxonomy_detail", "taxonomy", "taxonomy_id")),
)

BASIC: Mapping[str, tuple[Nested, ...]] = {
    "service": (_one("organization", "organization", "organization_id"), _one("program", "program", "program_id")),
    "service_at_location": (_one("service", "service", "service_id"), _one("location", "location", "location_id")),
    "organization": (),
    "taxonomy": (),
    "taxonomy_term": (_one("taxonomy_detail", "taxonomy", "taxonomy_id"),),
}
"""What stands inside of each record of a list: one-to-one only."""

FULL: Mapping[str, tuple[Nested, ...]] = {
    **BASIC,
    "service": (*_SERVICE, _one("organization", "organization", "organization_id", *_ORGANIZATION)),
    "service_at_location": (
        *_OFFER,
        _one(
            "service",
            "service",
            "service_id",
            *_SERVICE_WITHOUT_PLACES,
            _one("organization", "organization", "organization_id", *_ORGANIZATION),
        ),
    ),
    "organization": (
        *_ORGANIZATION,
        _many("locations", "location", "organization", *_LOCATION),
        _many("services", "service", "organization"),
    ),
}
"""Everything about a record; an organization's services only by their own fields."""

ORGANIZATION_WITH_SERVICES = (*FULL["organization"][:-1], _many("services", "service", "organization", *_SERVICE))
