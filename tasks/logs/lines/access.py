"""Reads a line of an access log in the common or combined format of Apache and nginx."""

import math
import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Literal

import msgspec

DurationField = Literal["none", "seconds", "microseconds"]

# Whatever the locale, logs name months in English.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_QUOTED = r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
# Found by its time: before it stand an address, two names that may hold spaces, and with some formats a host.
_LINE = re.compile(
    r"\[([0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4})\] "
    rf"{_QUOTED} ([0-9]{{3}}|0|-1?) ([0-9]{{1,18}}|-)(.*)",
    re.DOTALL,
)
_REQUEST = re.compile(r"([A-Z][A-Z-]{0,19}+) (\S.*)", re.DOTALL)
# One that is never closed reaches to the end: were it passed over, each of its quotes would be looked at in turn.
_ANY_QUOTED = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_MILLISECONDS = {"seconds": 1000.0, "microseconds": 0.001}


class AccessLine(msgspec.Struct, frozen=True, gc=False):
    """One request; `method` and `url` are empty when it was no HTTP, `status` is 0 when nothing was answered."""

    time: datetime
    method: str
    url: str
    status: int
    size: int | None
    duration_ms: float | None


def parse_combined(line: str, duration: DurationField = "none") -> AccessLine | None:
    """Read a line; None when it is not of this format or its time does not exist.

    `duration` is the unit of an extra field behind the format's own, as `rt=0.123` or as the first bare number:
    seconds as nginx's `$request_time`, microseconds as Apache's `%D`.
    """
    found = _LINE.search(line)
    if found is None:
        return None
    time = _time(found[1])
    if time is None:
        return None
    method, url = _request(found[2])
    status, size, rest = found[3], found[4], found[5]
    return AccessLine(
        time,
        method,
        url,
        0 if status.startswith("-") else int(status),
        None if size == "-" else int(size),
        None if duration == "none" else _duration_ms(rest, _MILLISECONDS[duration]),
    )


@lru_cache(maxsize=1024)
def _time(text: str) -> datetime | None:
    """`10/Oct/2000:13:55:36 -0700`; a leap second is the second before it."""
    offset = timedelta(hours=int(text[22:24]), minutes=int(text[24:26]))
    try:
        return datetime(
            int(text[7:11]),
            _MONTHS.index(text[3:6]) + 1,
            int(text[:2]),
            int(text[12:14]),
            int(text[15:17]),
            59 if text[18:20] == "60" else int(text[18:20]),
            tzinfo=timezone(-offset if text[21] == "-" else offset),
        )
    except ValueError:
        return None


def _request(request: str) -> tuple[str, str]:
    """Method and address of a request line; both empty when it is none."""
    found = _REQUEST.fullmatch(request)
    if found is None:
        return "", ""
    url, protocol, _ = found[2].rpartition(" HTTP/")
    return found[1], url if protocol else found[2]


def _duration_ms(rest: str, milliseconds: float) -> float | None:
    fields = _ANY_QUOTED.sub(" ", rest).split()
    named = [field[3:] for field in fields if field.startswith("rt=")]
    for field in named or fields:
        try:
            number = float(field)
        except ValueError:
            continue
        return number * milliseconds if math.isfinite(number) and number >= 0 else None
    return None
