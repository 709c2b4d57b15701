"""The ways a text can leave: on the console, or through Twilio.

Neither raises for what the outside world does: every way a send can end is an `Outcome`. What must not be lost is the
difference between "certainly not created" and "perhaps created", because Twilio has no key that would make sending
twice harmless.
"""

from __future__ import annotations

import json
import logging
import ssl
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Literal, Protocol, TypeVar
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests
import urllib3
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from twilio.base import values
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from twilio.rest.api.v2010.account.message import MessageInstance

from app.config import Settings
from app.db import db
from app.messaging import delivery
from app.messaging.delivery import BUSY, Accepted, Act, NotSent, Outcome, Outgoing, Refused, Unsure
from app.messaging.models import ConsoleText

log = logging.getLogger(__name__)


class LookupFailed(Exception):
    """The provider could not be asked; that is not the same as finding nothing."""


@dataclass(frozen=True)
class Wish:
    """Whether somebody wants texts from us, as the provider's own list should have it."""

    id: uuid.UUID
    phone: str
    status: Literal["opt-in", "opt-out"]
    since: datetime


MOST_WISHES = 25
"""How many the provider takes at once."""


class Gateway(Protocol):
    @property
    def sender(self) -> str:
        """The number or service our texts come from."""

    @property
    def lease(self) -> timedelta:
        """How long one send may take before its worker counts as dead."""

    @property
    def looks(self) -> Sequence[timedelta]:
        """When to look for a text that may exist, each counted from the look before.

        Finding nothing in all of them means that it does not exist.
        """

    def send(self, message: Outgoing) -> Outcome: ...

    def find(self, message: Outgoing, since: datetime) -> Sequence[Accepted]:
        """Every text just like `message` created since then, oldest first.

        :raises LookupFailed: the provider could not be asked.
        """

    def report(self, sid: str) -> Accepted:
        """What the provider says of one text now.

        :raises LookupFailed: the provider could not be asked.
        """

    def inbox(self, since: datetime) -> Iterable[Mapping[str, str]]:
        """Texts that reached our numbers since then, in the words of the webhook.

        :raises LookupFailed: the provider could not be asked.
        """

    def mirror(self, wishes: Sequence[Wish]) -> Collection[uuid.UUID]:
        """Tell the provider who wants texts and who does not; says which of these it has taken.

        :raises LookupFailed: the provider could not be told.
        """

    def deactivated(self, day: date) -> Iterable[str]:
        """The phones that the carriers switched off on that day, one a line: a stream of perhaps a million.

        :raises LookupFailed: there is no list of that day yet, or it broke off; what came of it is true all the same.
        """


class ConsoleGateway:
    """Delivers every text at once, to the phone simulator, and logs that it did but not what or to whom.

    It remembers what it sent in a transaction of its own, as a provider would: a worker that dies before it has
    recorded the answer finds the text again instead of sending it twice.
    """

    sender = "console"
    lease = timedelta(seconds=15)
    looks = (timedelta(0),)

    def send(self, message: Outgoing) -> Outcome:
        sid = f"SM{message.message_id.hex}"
        with Session(db.engine) as memory, memory.begin():
            memory.execute(insert(ConsoleText).values(message_id=message.message_id, sid=sid).on_conflict_do_nothing())
        log.info("text %s delivered on the console, %d segment(s)", message.message_id, message.segments)
        return Accepted(sid, "delivered")

    def find(self, message: Outgoing, since: datetime) -> Sequence[Accepted]:  # noqa: ARG002  one id, one text
        with Session(db.engine) as memory:
            sids = memory.scalars(select(ConsoleText.sid).where(ConsoleText.message_id == message.message_id))
            return [Accepted(sid, "delivered") for sid in sids]

    def report(self, sid: str) -> Accepted:
        return Accepted(sid, "delivered")

    def inbox(self, since: datetime) -> Iterable[Mapping[str, str]]:  # noqa: ARG002  the simulator loses nothing
        return ()

    def mirror(self, wishes: Sequence[Wish]) -> Collection[uuid.UUID]:
        return [wish.id for wish in wishes]

    def deactivated(self, day: date) -> Iterable[str]:  # noqa: ARG002  no phone of the simulator is ever given up
        return ()


class _NeverSent(Exception):
    """No connection was made, so nothing can have been created."""


class _AnswerLost(Exception):
    """The request went out, wholly or in part, and no answer came back."""


class _Busy(Exception):
    """Too many requests: the provider says that it has not processed this one."""

    def __init__(self, retry_after: timedelta | None) -> None:
        super().__init__("busy")
        self.retry_after = retry_after


class Transport(TwilioHttpClient):
    """Twilio's HTTP client with the defaults that production needs.

    Of itself it waits for ever, lets errors of `requests` through, writes phone numbers into the log (they stand in
    the addresses of lists), and takes proxies and passwords from the environment and ~/.netrc.
    """

    def __init__(self, base_url: str, timeout: float) -> None:
        """`base_url` stands in for https://api.twilio.com when it is not empty.

        :param timeout: seconds for connecting and for each read; to Twilio's client it must be one number.
        """
        super().__init__(timeout=timeout)
        self._base = urlsplit(base_url)
        self.session.trust_env = False

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401  Twilio's own
        try:
            response = super().request(method, self._address(url), *args, **kwargs)
        except requests.RequestException as error:
            kind = _NeverSent if _before_sending(error) else _AnswerLost
            raise kind(type(error).__name__) from error
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            raise _Busy(_retry_after(response.headers or {}))
        return response

    def lines(self, url: str) -> Iterator[str]:
        """The lines of a file that an answer led to, as they come; the file may be too large to hold.

        It lies with somebody else, so it is asked for without our password.

        :raises LookupFailed: it is not there, it broke off, or it does not end.
        """
        address = urljoin(self._address(_DEACTIVATIONS), url)
        try:
            with requests.Session() as stranger:
                stranger.trust_env = False
                with stranger.get(address, stream=True, timeout=self.timeout) as file:
                    file.raise_for_status()
                    yield from _lines(file)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise LookupFailed(type(error).__name__) from error

    def _address(self, url: str) -> str:
        if not self._base.netloc:
            return url
        asked = urlsplit(url)
        return urlunsplit((self._base.scheme, self._base.netloc, asked.path, asked.query, ""))

    def log_request(self, kwargs: dict[str, Any]) -> None:
        """Nothing: see the class."""

    def log_response(self, status_code: int, response: requests.Response) -> None:
        """Nothing: see the class."""


def _lines(file: requests.Response) -> Iterator[str]:
    """The lines of a file in pieces of a size that no single line can grow beyond."""
    begun = b""
    for number, piece in enumerate(file.iter_content(_PIECE)):
        if number >= _MOST_PIECES or len(begun) > _PIECE:
            raise LookupFailed("too long")
        *whole, begun = (begun + piece).split(b"\n")
        for line in whole:
            yield line.decode("ascii", "replace")
    yield begun.decode("ascii", "replace")


def _before_sending(error: requests.RequestException) -> bool:
    """Whether `error` came before the first byte of the request: refused, no such host, no route, a bad certificate."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, urllib3.exceptions.SSLError):
        # Other TLS errors can strike while the answer is read.
        return bool(reason.args) and isinstance(reason.args[0], ssl.SSLCertVerificationError)
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """The wait that a Retry-After header asks for, in either of its two forms."""
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return timedelta(seconds=int(value))
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    # Against the provider's own clock, so that ours may be wrong.
    said = headers.get("Date", "")
    return moment - (parsedate_to_datetime(said) if said else datetime.now(UTC))


_DEACTIVATIONS = "https://messaging.twilio.com/v1/Deactivations"
_PIECE = 64 * 1024
_MOST_PIECES = 1024
"""64 MiB are five million phones. No day has that many switched off; what goes on for longer is no list."""

Answer = TypeVar("Answer")

_UNREADABLE = (TwilioException, ValueError, TypeError, KeyError, AttributeError)
"""What Twilio's library raises for an answer it cannot make sense of."""

_CLOCKS_DIFFER = timedelta(hours=2)
"""How far apart our clock and the provider's may be. A wide margin costs nothing: texts of ours that are known are
never taken for the one that is missing."""

_FIRST_TWILIO_CODE = 1000
"""Below, the library has put the HTTP status in place of a code that was not there."""

_LOOK_BACK = 400
"""How many texts to one phone are looked through."""

_INBOX_PAGE = 1000


class TwilioGateway:
    def __init__(  # noqa: PLR0913  one for each setting
        self,
        *,
        account_sid: str,
        token: str,
        messaging_service: str,
        numbers: Sequence[str],
        api_url: str,
        public_url: str,
        timeout: float,
        looks: Sequence[float],
    ) -> None:
        """Texts come from the Messaging Service, or from the first of `numbers` when there is none.

        :param numbers: with a Messaging Service, those of its pool that may be chosen; may be empty then.
        :param timeout: and `looks`, in seconds.
        """
        self.lease = timedelta(seconds=3 * timeout)  # longer than connecting and reading may take together
        self.looks = [timedelta(seconds=wait) for wait in looks]
        # An empty environment: TWILIO_EDGE and TWILIO_REGION would rewrite the address, a stand-in's above all.
        self._transport = Transport(api_url, timeout)
        self._client = Client(
            account_sid, token, http_client=self._transport, environment={"TWILIO_ACCOUNT_SID": account_sid}
        )
        self._service = messaging_service
        self._numbers = numbers
        self._public_url = public_url

    @property
    def sender(self) -> str:
        return self._service or self._numbers[0]

    def _from(self, number: str | None) -> str | object:
        """What to say as From: the number the text has to come from, else nothing where the service chooses."""
        return number or (values.unset if self._service else self._numbers[0])

    def close(self) -> None:
        """Close the connections that are kept open for the next text."""
        self._transport.session.close()

    def send(self, message: Outgoing) -> Outcome:
        try:
            created = self._client.messages.create(
                to=message.to,
                body=message.body,
                from_=self._from(message.number if message.number in self._numbers else None),
                messaging_service_sid=self._service or values.unset,
                # Our own id in the address: a callback proves that this text exists even if the answer to this
                # call is lost.
                status_callback=f"{self._public_url}/sms/status/{message.message_id}",
                validity_period=_seconds(message.validity) if message.validity else values.unset,
                # It would also rewrite Chinese punctuation; texts are written with care instead.
                smart_encoded=False,
            )
        except _Busy as busy:
            return NotSent(BUSY, busy.retry_after)
        except _NeverSent as error:
            return NotSent(str(error))
        except _AnswerLost as error:
            return Unsure(str(error))
        except (TwilioRestException, TwilioServiceException) as error:
            return _refusal(error.status, error.code)
        except _UNREADABLE as error:
            return Unsure(type(error).__name__)
        return _accepted(created) if created.sid else Unsure("no sid")

    def find(self, message: Outgoing, since: datetime) -> Sequence[Accepted]:
        listed = _asked(
            lambda: self._client.messages.list(
                to=message.to,
                from_=self._from(message.number),
                limit=_LOOK_BACK,
            )
        )
        like_it = [found for found in listed if self._is_like(found, message, since - _CLOCKS_DIFFER)]
        return [_accepted(found) for found in reversed(like_it)]

    def _is_like(self, found: MessageInstance, message: Outgoing, earliest: datetime) -> bool:
        return (
            found.body == message.body
            and not str(found.direction).startswith("inbound")
            and (not self._service or found.messaging_service_sid in {None, self._service})
            and (found.date_created is None or found.date_created >= earliest)
        )

    def report(self, sid: str) -> Accepted:
        return _accepted(_asked(lambda: self._client.messages(sid).fetch()))

    def deactivated(self, day: date) -> Iterable[str]:
        # Not through the library's own method: it cannot make sense of a redirection that brings no JSON.
        answer = _asked(lambda: self._client.request("GET", _DEACTIVATIONS, params={"Date": day.isoformat()}))
        address = _where_it_is(answer)
        if address is None:
            raise LookupFailed(f"HTTP {answer.status_code}")
        return self._transport.lines(address)

    def inbox(self, since: datetime) -> Iterable[Mapping[str, str]]:
        return [
            _as_webhook(found)
            for number in self._numbers or (values.unset,)
            for found in self._listed_to(number, since)
            if found.direction == "inbound"
        ]

    def _listed_to(self, number: str | object, since: datetime) -> Sequence[MessageInstance]:
        return _asked(
            lambda: self._client.messages.list(to=number, date_sent_after=since, page_size=_INBOX_PAGE),
        )

    def mirror(self, wishes: Sequence[Wish]) -> Collection[uuid.UUID]:
        senders = (self._service,) if self._service else self._numbers
        taken = [self._tell(wishes, sender) for sender in senders]
        return [wish.id for wish in wishes if all(wish.id.hex in ids for ids in taken)]

    def _tell(self, wishes: Sequence[Wish], sender: str) -> Collection[str]:
        """Tell the provider about one sender of ours; the correlation ids of what it has taken."""
        items: list[object] = [
            {
                "contact_id": wish.phone,
                "correlation_id": wish.id.hex,
                "sender_id": sender,
                "status": wish.status,
                "source": "others",
                "date_of_consent": wish.since.isoformat(timespec="seconds"),
            }
            for wish in wishes
        ]
        answer = _asked(lambda: self._client.accounts.v1.bulk_consents.create(items=items))
        return {item["correlation_id"] for item in answer.items or () if not item["error_code"]}


def _where_it_is(answer: Response) -> str | None:
    """The address of the file that an answer leads to, in the head or in the JSON of a redirection."""
    if answer.status_code >= HTTPStatus.BAD_REQUEST:
        return None
    location = (answer.headers or {}).get("Location")
    if location:
        return str(location)
    try:
        return str(json.loads(answer.text)["redirect_to"])
    except _UNREADABLE:
        return None


def _seconds(validity: timedelta) -> int:
    """A validity as Twilio takes it: 1 to 36000 seconds."""
    return max(1, min(36_000, int(validity.total_seconds())))


def _accepted(found: MessageInstance) -> Accepted:
    return Accepted(
        sid=str(found.sid),
        status=str(found.status or "accepted"),
        code=str(found.error_code) if found.error_code else None,
    )


def _refusal(status: int, code: int | None) -> Outcome:
    """What an answer other than 2xx says about whether the text exists."""
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} and (code or 0) < _FIRST_TWILIO_CODE:
        return Refused("20003")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or (code or 0) < _FIRST_TWILIO_CODE:
        return Unsure(f"HTTP {status}")
    act = delivery.rule(str(code)).act
    if act is Act.LOOK:
        return Unsure(str(code))
    return NotSent(str(code)) if act is Act.WAIT else Refused(str(code))


def _asked(question: Callable[[], Answer]) -> Answer:
    try:
        return question()
    except (_Busy, _NeverSent, _AnswerLost, *_UNREADABLE) as error:
        raise LookupFailed(type(error).__name__) from error


def _as_webhook(found: MessageInstance) -> Mapping[str, str]:
    fields = {
        "MessageSid": found.sid,
        "AccountSid": found.account_sid,
        "From": found.from_,
        "To": found.to,
        "Body": found.body,
        "NumMedia": found.num_media,
        "NumSegments": found.num_segments,
    }
    return {name: value or "" for name, value in fields.items()}


@lru_cache(maxsize=8)
def chosen(settings: Settings) -> Gateway:
    """The gateway that the settings ask for; one and the same for equal settings, so that it keeps its connections."""
    if settings.sms_gateway == "console":
        return ConsoleGateway()
    return TwilioGateway(
        account_sid=settings.twilio_account_sid,
        token=settings.twilio_auth_tokens[0],
        messaging_service=settings.twilio_messaging_service_sid,
        numbers=settings.twilio_numbers,
        api_url=settings.twilio_api_base_url,
        public_url=settings.public_base_url,
        timeout=settings.twilio_timeout,
        looks=settings.twilio_looks,
    )
