"""Phone numbers as E.164, read the way people write them."""

from __future__ import annotations

import phonenumbers


class NotAPhone(ValueError):
    """What was typed cannot be a phone number."""


def e164(typed: str, region: str = "US") -> str:
    """`typed` as E.164, such as +14105550123; a number without a country is one of `region`.

    :raises NotAPhone: too short, too long, or no number at all. Whether it is in service is not ours to know, and
        fictional 555-01xx numbers are let through because demonstrations need them.
    """
    try:
        number = phonenumbers.parse(typed, region)
    except phonenumbers.NumberParseException as error:
        raise NotAPhone(typed) from error
    if not phonenumbers.is_possible_number(number):
        raise NotAPhone(typed)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def spoken(number: str) -> str:
    """An E.164 number as people of its country read it: +14105550123 becomes (410) 555-0123."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    style = phonenumbers.PhoneNumberFormat
    return phonenumbers.format_number(parsed, style.NATIONAL if parsed.country_code == 1 else style.INTERNATIONAL)
