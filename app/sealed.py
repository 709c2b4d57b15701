"""What stands in a link that we send: it names a row and an edition of it, and nobody else can make one.

It carries no facts and no date. Until when it holds is for the row to say, so that it can be ended at any time.
"""

from __future__ import annotations

import base64
import binascii
import uuid

from itsdangerous import BadSignature, Signer

from app.config import settings
from app.errors import NotFound
from app.i18n import gettext as _


def seal(row_id: uuid.UUID, purpose: str, edition: int = 1) -> str:
    """A short text that names a row and an edition of it, signed for one purpose."""
    payload = row_id.bytes + edition.to_bytes(2, "big")
    return _signer(purpose).sign(base64.urlsafe_b64encode(payload)).decode()


def unseal(token: str, purpose: str) -> tuple[uuid.UUID, int]:
    """The row and the edition that a sealed text names.

    :raises NotFound: it was not sealed by us, or for something else.
    """
    try:
        payload = base64.urlsafe_b64decode(_signer(purpose).unsign(token.encode("ascii")))
        return uuid.UUID(bytes=payload[:16]), int.from_bytes(payload[16:], "big")
    except (BadSignature, binascii.Error, ValueError):
        raise NotFound(_("This link does not work. Please look at the message it came with.")) from None


def _signer(purpose: str) -> Signer:
    return Signer(settings().secret_key, salt=purpose)
