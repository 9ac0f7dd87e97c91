"""Why a message was not delivered, and what the caller may do about it."""

from enum import StrEnum


class MailOutcome(StrEnum):
    """What a failed delivery allows: again later, never again, or once more with the same Message-ID."""

    RETRY = "retry"
    PERMANENT = "permanent"
    UNKNOWN = "unknown"


class DeliveryError(Exception):
    """A message was not delivered, or nobody can say whether it was; the text says what to do.

    `retry_after_s` is how long the other side asks to be left alone.
    """

    def __init__(self, kind: MailOutcome, text: str, retry_after_s: float | None = None) -> None:
        super().__init__(kind, text, retry_after_s)  # all in args: an error that crosses processes is rebuilt from them
        self.kind = kind
        self.text = text
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return self.text


def permanent(text: str) -> DeliveryError:
    """What will not be delivered until somebody changes what the text names."""
    return DeliveryError(MailOutcome.PERMANENT, text)
