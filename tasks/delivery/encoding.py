"""A message as bytes for the wire or a file: seven bits, CRLF, and no header that was not set."""

import copy
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage

from tasks.delivery.errors import DeliveryError, MailOutcome

_HIDDEN = ("bcc", "resent-bcc")
_ADDRESSES = ("from", "sender", "to", "cc", "reply-to")


def encoded(message: EmailMessage, *, utf8: bool) -> bytes:
    """The message without Bcc; `utf8` leaves non-ASCII headers raw (needs SMTPUTF8).

    Raises DeliveryError PERMANENT when it cannot be encoded, or a header would come out that was not set.
    """
    try:
        visible = _visible(message)
        data = visible.as_bytes(policy=policy.SMTP.clone(cte_type="7bit", utf8=utf8))
    except (ValueError, MessageError) as error:
        raise DeliveryError(
            MailOutcome.PERMANENT,
            f"the message cannot be written as mail ({error}): correct its headers and texts",
        ) from error
    if message_from_bytes(data, policy=policy.compat32).keys() != visible.keys():
        raise DeliveryError(
            MailOutcome.PERMANENT,
            "the message holds a line break that would become a header: take it out of its headers",
        )
    return data


def needs_utf8(message: EmailMessage, *envelope: str) -> bool:
    """True when an address of the envelope or of the headers is not ASCII."""
    headers = [value for name in _ADDRESSES for value in message.get_all(name, [])]
    addresses = [address.addr_spec for value in headers for address in value.addresses]
    return not all(address.isascii() for address in (*addresses, *envelope))


def _visible(message: EmailMessage) -> EmailMessage:
    visible = copy.copy(message)
    for name in message.keys():  # noqa: SIM118 - iterating a message yields its parts' lines, not its names
        del visible[name]
    for name, value in message.items():
        if name.lower() not in _HIDDEN:
            visible[name] = _one_line(name, value)
    return visible


def _one_line(name: str, value: str) -> str:
    # An encoded word in a log line ("=?utf-8?q?a=0D=0ABcc:…?=") is decoded when it is set as subject,
    # and Python before 3.11.10 then writes its line break, and a header of its own after it (CVE-2024-6923).
    while len(lines := str(value).splitlines()) > 1:
        value = policy.SMTP.header_factory(name, " ".join(lines))
    return value
