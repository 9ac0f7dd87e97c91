"""Which lines may hold a request although nothing says how it ended."""

import re
from typing import Literal

from tasks.logs.lines.record import Record

_PART_OF_JSON = re.compile(rb'^[\x00\s]*(?:\xef\xbb\xbf)?\{|":')
_PART_OF_ACCESS = re.compile(rb'\[\d\d/\w{3}/\d{4}:|" [1-5]\d\d |^[0-9A-Fa-f.:]+ ')
_DIGIT = re.compile(r"[0-9]")


def may_be_record(raw: bytes, form: Literal["json", "combined"]) -> bool:
    """True for a line that cannot be read and is a piece of a record, or no text: a banner or a stack is neither."""
    if (_PART_OF_JSON if form == "json" else _PART_OF_ACCESS).search(raw):
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return True
    return False


def is_unanswered(record: Record, is_addressed: bool) -> bool:
    """True for a line without a readable status that is a request's: it has an address and took a time, or a status.

    Other lines have a status as well, such as a job's `done`: one without an address has a number in it.
    """
    if record.status is None:
        return is_addressed and record.duration is not None
    return is_addressed or _DIGIT.search(str(record.status)) is not None
