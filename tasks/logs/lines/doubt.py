"""Which lines may hold a request although nothing says how it ended."""

import re
from typing import Literal

from tasks.logs.lines.record import Record

_PART_OF_JSON = re.compile(rb'^[\x00\s]*(?:\xef\xbb\xbf)?\{|":')
_PART_OF_ACCESS = re.compile(rb'\[\d\d/\w{3}/\d{4}:|" [1-5]\d\d |^[0-9A-Fa-f.:]+ ')
_REQUEST = re.compile(rb'\b(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)\b.{0,300}?[ ="][1-5]\d\d(?![\w.:/])')
"""A request in another format, such as key=value: method and status."""
_DIGIT = re.compile(r"[0-9]")
_NO_ANSWER = frozenset({0, -1})
"""Of Envoy and Caddy, of HAProxy: the client left before there was a status; nginx's is 000."""


def may_be_record(raw: bytes, form: Literal["json", "combined"]) -> bool:
    """True for a line that cannot be read and is a piece of a record, a request, or no text; a stack is none."""
    if (_PART_OF_JSON if form == "json" else _PART_OF_ACCESS).search(raw) or _REQUEST.search(raw):
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return True
    return False


def is_aborted(record: Record, is_addressed: bool) -> bool:
    """True for a request whose client left before it was answered; a job that ends with 0 has neither of the two."""
    if not is_addressed and record.duration is None:
        return False
    status = record.status
    if isinstance(status, str):
        return status.strip() in ("0", "000", "-1")
    return not isinstance(status, bool) and status in _NO_ANSWER


def is_unanswered(record: Record, is_addressed: bool) -> bool:
    """True for a line without a readable status that is a request's: it has an address and took a time, or a status.

    Without both it is one if it says nothing else. Other lines have a status as well, such as a job's `done`: one
    without an address has a number in it, and is not a job's 0.
    """
    if record.status is None:
        return is_addressed and (record.duration is not None or says_nothing(record))
    return is_addressed or (_DIGIT.search(str(record.status)) is not None and record.status not in (0, "0"))


def says_nothing(record: Record) -> bool:
    """True for a line with method and address and no text, which only an access log writes."""
    if record.message or record.error:
        return False
    return bool(record.request or (record.method and record.url))
