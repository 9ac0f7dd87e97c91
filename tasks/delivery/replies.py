"""What a mail server answered, fit to be shown and stored."""

import re
from collections.abc import Sequence

ENDLESS = (-1, "Response too long")
"""What aiosmtplib makes of a reply without end."""
_LONGEST = 200
_MASK = "••••••"
_NO_REPLY = "Malformed SMTP response line: "
"""aiosmtplib's words before a line that is no reply."""


def readable(code: int, text: str, secrets: Sequence[str]) -> str:
    """A reply on one line, bounded, without what it may repeat of the login."""
    reply = text.removeprefix(_NO_REPLY).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    for secret in secrets:
        reply = re.sub(re.escape(secret), _MASK, reply, flags=re.IGNORECASE)
    numbered = reply if code < 0 else f"{code} {reply}"
    return " ".join("".join(c if c.isprintable() else " " for c in numbered).split())[:_LONGEST]
