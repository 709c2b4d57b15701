"""Distance in words that claim no more than we know."""

from __future__ import annotations

from app.geography.places import Precision
from app.i18n import gettext as _


def words(miles: float, precision: Precision) -> str:
    """How far away, for a person, in the language spoken now.

    A distance between two street addresses is told to the tenth below ten miles: "0.4 miles", "3.2 miles". Where one
    end is only a ZIP code, whole miles and "about"; where it is only a town or county, tens of miles.
    """
    if precision is Precision.NONE:
        return _("distance not known")
    if precision is Precision.COUNTY:
        return _about(round(miles, -1)) if miles >= 15 else _("somewhere within 15 miles")  # noqa: PLR2004
    if precision is Precision.ZIP:
        return _("about 2 miles or less") if round(miles) < 2 else _about(round(miles))  # noqa: PLR2004
    return _exact(miles)


def _about(miles: float) -> str:
    return _("about %(n)s miles", n=f"{miles:,.0f}")


def _exact(miles: float) -> str:
    tenths = round(miles, 1)
    if tenths < 0.1:  # noqa: PLR2004
        return _("less than 0.1 miles")
    if tenths == 1:
        return _("1 mile")
    return _("%(n)s miles", n=f"{tenths:.1f}" if tenths < 10 else f"{miles:,.0f}")  # noqa: PLR2004
