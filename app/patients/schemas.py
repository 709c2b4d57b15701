from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, pre_load, validate

from app.forms import AtMost, Text, YesNo
from app.i18n import LANGUAGES, marked
from app.patients import phones
from app.patients.endings import Ending
from app.patients.models import ConsentKind
from app.patients.operations import Address, Particulars
from app.patients.pauses import Why
from app.patients.traits import GENDERS

NAME = AtMost(120)
DATE = marked("Enter a birth date as year-month-day, such as 1985-03-27.")
ZIP = marked("Enter a ZIP code of five digits, such as 21215.")
LANGUAGE = marked("Choose the language they speak best.")
ENDING = marked("Say what has happened: choose one.")
PAUSE = marked("Say why: choose one.")
UNTIL = marked("Choose the day on which everything goes on.")
GENDER = marked("Choose one of these, or leave it out.")
SURE = marked("Check this box to say that you are sure.")
SPOKEN = "Choose one of these languages: {choices}."


def phone_or_nothing(typed: str) -> None:
    """:raises ValidationError: what was typed cannot be a phone number."""
    if not typed.strip():
        return
    try:
        phones.e164(typed)
    except phones.NotAPhone as error:
        raise ValidationError(marked("Enter a phone number with its area code, such as 410-555-0123.")) from error


class AddressIn(Schema):
    class Meta:
        unknown = EXCLUDE

    error_messages = {"type": "Send an object with line1, city, state and postal_code."}  # noqa: RUF012  so declared by marshmallow

    line1 = Text(load_default="", validate=AtMost(200))
    city = Text(load_default="", validate=AtMost(120))
    state = Text(load_default="", validate=AtMost(40))
    postal_code = fields.String(
        required=True,
        validate=validate.Regexp(r"^\s*\d{5}(-\d{4})?\s*$", error=ZIP),
        error_messages=dict.fromkeys(("required", "null", "invalid"), ZIP),
    )

    @post_load
    def made(self, data: dict[str, Any], **_: object) -> Address:
        return Address(**data)


class ConsentIn(Schema):
    class Meta:
        unknown = EXCLUDE

    error_messages = {"type": "Send an object with share and text, each true or false."}  # noqa: RUF012  so declared by marshmallow

    share = YesNo(load_default=False)
    text = YesNo(load_default=False)


class PatientIn(Schema):
    """A patient as a form or the API sends one."""

    class Meta:
        unknown = EXCLUDE

    given_name = Text(required=True, validate=NAME, error_messages={"required": marked("Enter a given name.")})
    family_name = Text(required=True, validate=NAME, error_messages={"required": marked("Enter a family name.")})
    birth_date = fields.Date(
        required=True,
        error_messages={
            "required": marked("Enter a birth date, such as 1985-03-27."),
            "invalid": DATE,
        },
    )
    phone = Text(load_default="", validate=[AtMost(40), phone_or_nothing])
    language = Text(load_default="en", validate=validate.OneOf(list(LANGUAGES), error=SPOKEN))
    address = fields.Nested(AddressIn, required=True, error_messages={"required": marked("Enter at least a ZIP code.")})
    consent = fields.Nested(ConsentIn, load_default=lambda: {"share": False, "text": False})

    @pre_load
    def without_nothing(self, data: Any, **_: object) -> Any:  # noqa: ANN401  whatever JSON was sent
        """An absent value and a null one mean the same."""
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


class PatientFormIn(PatientIn):
    """The same from a page, where the language is asked for and never assumed."""

    language = Text(
        required=True,
        validate=validate.OneOf(list(LANGUAGES), error=LANGUAGE),
        error_messages={"required": LANGUAGE},
    )


def particulars(data: dict[str, Any]) -> Particulars:
    """The part of a loaded `PatientIn` that says who the patient is."""
    return Particulars(
        given_name=data["given_name"],
        family_name=data["family_name"],
        birth_date=data["birth_date"],
        phone=data["phone"],
        language=data["language"],
        address=data["address"],
    )


def consent(data: dict[str, Any]) -> dict[ConsentKind, bool]:
    return {ConsentKind(kind): given for kind, given in data["consent"].items()}


class ConsentAnswersIn(Schema):
    """What a patient said when asked; a question that was not asked is left out."""

    class Meta:
        unknown = EXCLUDE

    share = YesNo()
    text = YesNo()
    how = Text(
        load_default="spoken",
        validate=validate.OneOf(["spoken", "written"], error=marked("Say whether it was spoken or written.")),
    )


def answers(data: dict[str, Any]) -> dict[ConsentKind, bool]:
    """The part of a loaded `ConsentAnswersIn` that was answered."""
    return {kind: data[kind.value] for kind in ConsentKind if kind.value in data}


class SafeContactIn(Schema):
    """How a patient can be reached without danger."""

    class Meta:
        unknown = EXCLUDE

    text_nothing = YesNo(load_default=False)
    voicemail_ok = YesNo(load_default=False)
    note = Text(load_default="", validate=AtMost(500))


class TraitsIn(Schema):
    """What a patient told that services ask for; what they did not tell is left out."""

    class Meta:
        unknown = EXCLUDE

    veteran = YesNo()
    pregnant = YesNo()
    children = YesNo()
    hiv = YesNo()
    gender = Text(load_default="", validate=validate.OneOf(["", *GENDERS], error=GENDER))


class EndingIn(Schema):
    """Why nothing is to be done for a patient any more; whoever says so has to say it twice."""

    class Meta:
        unknown = EXCLUDE

    how = fields.Enum(
        Ending, by_value=True, required=True, error_messages=dict.fromkeys(("required", "unknown"), ENDING)
    )
    sure = YesNo(required=True, validate=validate.OneOf([True], error=SURE), error_messages={"required": SURE})


class PauseIn(Schema):
    class Meta:
        unknown = EXCLUDE

    why = fields.Enum(Why, by_value=True, required=True, error_messages=dict.fromkeys(("required", "unknown"), PAUSE))
    until = fields.Date(required=True, error_messages=dict.fromkeys(("required", "invalid"), UNTIL))
    note = Text(load_default="", validate=AtMost(300))


class ConsentOut(Schema):
    share = fields.Boolean()
    text = fields.Boolean()


class AddressOut(Schema):
    line1 = fields.String()
    city = fields.String()
    state = fields.String()
    postal_code = fields.String()


class PatientOut(Schema):
    id = fields.UUID()
    given_name = fields.String()
    family_name = fields.String()
    birth_date = fields.Date()
    language = fields.String()
    phone = fields.String(allow_none=True)
    address = fields.Nested(AddressOut)
    consent = fields.Nested(ConsentOut)
    ended = fields.Enum(Ending, by_value=True, allow_none=True)
    ended_at = fields.AwareDateTime(allow_none=True)
    possible_duplicates = fields.List(fields.UUID())
