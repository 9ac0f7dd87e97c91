"""Reads a log line into a record: fast when it is as expected, forgiving when it is not."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, ClassVar, Final

import msgspec

from tasks.logs.lines.access import parse_combined
from tasks.logs.settings import Fields, Source

Scalar = str | int | float | bool | None
FIELDS = tuple(Fields.model_fields)
_MILLISECONDS = {"ms": 1.0, "s": 1000.0, "us": 0.001}
MOST_EPOCH_SECONDS = 1e11
"""A larger number counts milliseconds, and so on: in seconds it would be the year 5138."""
_NONE = "-"
"""nginx's word for none."""
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_LAST = datetime(2100, 1, 1, tzinfo=UTC)
"""A time before or after these is none: a clock that was never set, a number of another meaning."""
TO_MINUTE: Final = len("2026-11-25T09:00")
_ZONE = re.compile(r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)\Z")
_LENIENT = (b"NaN", b"Infinity", b"\\u")
"""What Python's reader takes and msgspec's does not: the numbers that are none, and half a surrogate pair."""


# Without the garbage collector: it would look through the records that were just made, thousands at a time.
class Record(msgspec.Struct, gc=False):
    """A line's fields as written; a value of a wrong type is None here and `drifted` is set."""

    timestamp: Any = None
    level: Scalar = None
    module: Scalar = None
    message: Scalar = None
    request_id: Scalar = None
    method: Scalar = None
    url: Scalar = None
    request: Scalar = None
    status: Scalar = None
    duration: Scalar = None
    error: Any = None
    release: Scalar = None
    drifted: bool = False


class _TypedLine(msgspec.Struct, gc=False):
    drifted: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Reader:
    """What reads a line of a source; called, it gives None for a line that cannot be read, and raises nothing.

    Who reads many lines calls `expected`, which has no drifted values, and `other` with what that raises of UNEXPECTED.
    """

    expected: Callable[[bytes], Record]
    other: Callable[[bytes, Exception], Record | None]

    def __call__(self, line: bytes) -> Record | None:
        try:
            return self.expected(line)
        except UNEXPECTED as error:
            return self.other(line, error)


class _Otherwise(Exception):
    """A line that was read in the only way there is, and is not as expected."""

    def __init__(self, record: Record | None) -> None:
        self.record = record


UNEXPECTED: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, _Otherwise)


def reader_of(source: Source) -> Reader:
    """What reads a line of this source."""
    fields = dict(source.fields)
    names = list(fields.values())
    if source.format == "combined":
        return _in_one_way(_combined)
    if any("." in name for name in names) or len(set(names)) < len(names):
        return _in_one_way(lambda line: _loosely(line, fields))
    types: list[tuple[str, Any, Any]] = [
        (name, Any if name == "error" else Scalar, None) for name in fields if name != "timestamp"
    ]
    shape = msgspec.defstruct(
        "Line",
        [("timestamp", str | int | float | None, None), *types],
        bases=(_TypedLine,),
        rename=fields,
        gc=False,
    )

    def other(line: bytes, error: Exception) -> Record | None:
        return None if _is_surely_malformed(line, error) else _loosely(line, fields)

    return Reader(msgspec.json.Decoder(shape).decode, other)  # type: ignore[arg-type]  # the same fields


def _in_one_way(read: Callable[[bytes], Record | None]) -> Reader:
    def expected(line: bytes) -> Record:
        record = read(line)
        if record is None or record.drifted:
            raise _Otherwise(record)
        return record

    def other(_line: bytes, error: Exception) -> Record | None:
        assert isinstance(error, _Otherwise)
        return error.record

    return Reader(expected, other)


def error_parts(error: Any) -> tuple[str, str, str]:
    """Name, message and stack of a line's error field; empty where it has none."""
    if isinstance(error, str):
        return "", error, ""
    if not isinstance(error, dict):
        return "", "", ""
    name, message, stack = (_text(error.get(key)) for key in ("name", "message", "stack"))
    return name or _text(error.get("type")), message, stack


def is_there(error: Any) -> bool:
    """True when a line's error field says that there is an error; null, false, 0 and what is empty do not."""
    return bool(error)


def status_of(value: Scalar) -> tuple[int | None, bool]:
    """An HTTP status, and whether it was of another type than a whole number.

    Of a list, as nginx's `$upstream_status` is after several tries, it is the last one's: the one that was answered.
    """
    if isinstance(value, str) and (tries := _tries(value)):
        value = tries[-1]
    if value is None or value == _NONE:
        return None, False
    if isinstance(value, bool):
        return None, True
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None, True
    known = number.is_integer() and 100 <= number <= 599
    return (int(number) if known else None), not (known and isinstance(value, int))


def milliseconds(value: Scalar, unit: str) -> tuple[float | None, bool]:
    """A duration in ms, and whether it was of another type than a number.

    Of a list, as nginx's `$upstream_response_time` is after several tries, it is the sum: one followed the other.
    """
    if value is None or value == _NONE:
        return None, False
    if isinstance(value, str) and (", " in value or " : " in value):  # 12,5 and 0:00:01 are no lists
        tries = _tries(value)
        each = [milliseconds(part, unit)[0] for part in tries if part != _NONE]
        readable = [part for part in each if part is not None]
        return (sum(readable) if readable and len(readable) == len(each) else None), bool(each)
    if isinstance(value, bool):
        return None, True
    try:
        number = float(value) * _MILLISECONDS[unit]
    except (ValueError, OverflowError):
        return None, True
    known = math.isfinite(number) and number >= 0
    return (number if known else None), isinstance(value, str) or not known


def _tries(value: str) -> list[str]:
    """The values of a list with commas between servers and colons between groups of them; empty when it is none."""
    if "," not in value and ":" not in value:
        return []
    return [part.strip() for part in value.replace(":", ",").split(",")]


def minute_of(text: str) -> tuple[str, str]:
    """A time's date, hour and minute, and its zone; what is between them is not looked at."""
    found = _ZONE.search(text, TO_MINUTE)
    return text[:TO_MINUTE], text[TO_MINUTE:].lstrip(":0123456789.,") if found is None else found[0]


def instant(value: Any, zone: tzinfo) -> datetime | None:
    """A line's time in UTC; None when it cannot be read. `zone` is where a time lives that names none."""
    try:
        if isinstance(value, datetime):
            at = value
        elif isinstance(value, str) and not value.replace(".", "", 1).isdigit():
            at = datetime.fromisoformat(value)
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            number = float(value)
            while abs(number) > MOST_EPOCH_SECONDS and math.isfinite(number):
                number /= 1000
            at = datetime.fromtimestamp(number, UTC)
        else:
            return None
        at = (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC)
        return at if _FIRST <= at < _LAST else None
    except (ValueError, OverflowError, OSError):
        return None


def _combined(line: bytes) -> Record | None:
    found = parse_combined(line.decode(errors="replace").strip("\x00\ufeff"), duration="seconds")
    if found is None:
        return None
    return Record(
        timestamp=found.time, method=found.method, url=found.url, status=found.status, duration=found.duration_ms
    )


def _is_surely_malformed(line: bytes, error: Exception) -> bool:
    """True for a line that a more lenient reader would not read either, as most that cannot be read are."""
    if line[:1] != b"{" or line[-1:] != b"}":
        return False
    return type(error) is msgspec.DecodeError and not any(word in line for word in _LENIENT)


def _loosely(line: bytes, fields: Mapping[str, str]) -> Record | None:
    body = line.strip(b"\x00").removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n")
    data = _json(body) if body[:1] == b"{" and body[-1:] == b"}" else None
    if not isinstance(data, dict):
        return None
    values: dict[str, Any] = {}
    drifted = False
    for name, key in fields.items():
        value = _at(data, key)
        if name == "level" and isinstance(value, dict | list):
            value, drifted = f"({type(value).__name__})", True  # it may say anything
        elif name != "error" and isinstance(value, dict | list):
            value, drifted = None, True
        values[name] = value
    return Record(**values, drifted=drifted)


def _json(line: bytes) -> Any:
    text = line.decode(errors="replace")
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        pass
    try:
        return json.loads(text)  # takes lone surrogates and NaN
    except (ValueError, RecursionError):
        return None


def _at(data: dict[str, Any], key: str) -> Any:
    if key in data or "." not in key:
        return data.get(key)
    value: Any = data
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None or isinstance(value, dict | list) else str(value)
