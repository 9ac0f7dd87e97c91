"""Messages of the outbox to the addresses of a level, and those that may go in place of another."""

from collections.abc import Mapping
from typing import Final

from tasks.alerts.addresses import Address, fallbacks_of
from tasks.check_result import Scalar, Severity
from tasks.history.chain import sha256
from tasks.history.outbox import OutboxMessage
from tasks.settings import Settings

SEVERITY: Final = "severity"
TIMEZONE: Final = "timezone"
INSTEAD_OF: Final = "instead_of"
"""Keys of the payload of every such message; the last one names who could not be notified, of a fallback alone."""


def message_to(address: Address, kind: str, cause: str, payload: Mapping[str, Scalar]) -> OutboxMessage:
    """A message about a cause, of which nobody is notified twice: it begins the dedupe key, at most 170 characters.

    The payload has the level as `severity`.
    """
    to = sha256(f"{address.channel} {address.recipient}")[:24]
    full = dict(payload) | {TIMEZONE: address.timezone}
    return OutboxMessage(kind, f"{cause}/{to}", address.channel, address.recipient, address.locale, full)


def messages_instead(settings: Settings, message: OutboxMessage) -> tuple[OutboxMessage, ...]:
    """Messages about the same cause to those who may be notified instead; they say in whose place.

    Whoever was notified of the cause has a message of the same dedupe key.
    """
    severity = message.payload.get(SEVERITY)
    level = None if severity is None else Severity(int(severity))
    before = message.payload.get(INSTEAD_OF)
    failed = message.recipient if before is None else f"{before}, {message.recipient}"
    cause = message.dedupe_key.rpartition("/")[0]
    payload = dict(message.payload) | {INSTEAD_OF: failed}
    found = fallbacks_of(settings, message.channel, message.recipient, level)
    return tuple(message_to(address, message.kind, cause, payload) for address in found)
