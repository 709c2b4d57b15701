from __future__ import annotations

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, CreatedAt, words
from app.geography.places import Precision


class GeocodedAddress(Base):
    """What an outside geocoder answered, so that it is asked once about each address.

    The key is a keyed hash: this table is no list of where patients live, not even for somebody who tries addresses.
    """

    __tablename__ = "geocoded_address"
    __table_args__ = (
        CheckConstraint(
            "(latitude IS NULL) = (precision = 'none') AND (longitude IS NULL) = (precision = 'none')",
            name="found_has_coordinates",
        ),
    )

    key: Mapped[str] = mapped_column(primary_key=True)
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    precision: Mapped[Precision] = mapped_column(words(Precision))
    """`none` when it knew no such address."""
    at: Mapped[CreatedAt] = mapped_column(index=True)
