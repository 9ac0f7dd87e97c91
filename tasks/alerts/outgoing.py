"""Messages of the outbox to the addresses of a level, and the one that goes in place of another."""

from collections.abc import Mapping
from typing import Final

from tasks.alerts.addresses import Address, fallback_of
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


def message_instead(settings: Settings, message: OutboxMessage) -> OutboxMessage | None:
    """The message about the same cause to who is notified instead; it says in whose place.

    Whoever was notified of the cause has a message of the same dedupe key: so every chain ends.
    """
    severity = message.payload.get(SEVERITY)
    level = None if severity is None else Severity(int(severity))
    address = fallback_of(settings, message.channel, message.recipient, level)
    if address is None:
        return None
    before = message.payload.get(INSTEAD_OF)
    failed = message.recipient if before is None else f"{before}, {message.recipient}"
    cause = message.dedupe_key.rpartition("/")[0]
    return message_to(address, message.kind, cause, dict(message.payload) | {INSTEAD_OF: failed})
