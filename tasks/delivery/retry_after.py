"""How long a server asks to be left alone."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 3600.0


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that `Retry-After` says, at most an hour; None without one that can be read.

    A date counts from the server's own `Date`, so that a wrong clock on either side changes nothing.
    Source: RFC 9110 10.2.3.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text), LONGEST_S)
    until = _time(text)
    if until is None:
        return None
    wait = (until - (_time(headers.get("Date", "")) or now)).total_seconds()
    return min(math.ceil(max(wait, 0.0)), LONGEST_S)


def _time(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter for a year that no calendar has
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
