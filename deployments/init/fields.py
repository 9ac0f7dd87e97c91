"""Which field of JSON log lines holds what, by names and by values."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import msgspec

from deployments.init.durations import named_unit
from deployments.init.notes import Note
from tasks.check_result import msg
from tasks.logs.lines.record import instant, is_there, milliseconds, status_of

_MOST_PATHS = 400
_MOST_DEPTH = 4
_MOST_NAME = 100
_MOST_MODULES = 60
_MOST_MODULE_CHARS = 80
_MOST_RELEASES = 5
_FITTING = 0.8
"""The share of a field's values that must be of the wanted kind."""
_OFTEN = 0.5
"""A field with a better name is taken if it is in half as many lines as the most frequent one."""
_YEARS = range(2000, 2100)
_REQUEST = re.compile(r"[A-Z]{3,10} (/|https?://)\S* HTTP/[0-9.]+")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_WORDS = frozenset(
    {"trace", "debug", "verbose", "info", "information", "notice", "warn", "warning", "error", "err", "severe"}
    | {"critical", "crit", "fatal", "alert", "emerg", "emergency", "panic", "10", "20", "30", "40", "50", "60"}
)
_TIME_LOCAL = re.compile(r"[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:")
_UNUSABLE = re.compile(r'["\\\x00-\x1f\ud800-\udfff]')
_WITH_UNIT = re.compile(r"[0-9.]+ ?[a-zµμ]")
_NONE = (None, "", "-")
Values = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A wanted field: its names, the preferred one first, and the kind of its values.

    `alone` is true when its values are enough without a known name. `fits_all` judges all values of a field.
    """

    names: tuple[str, ...]
    fits: Callable[[Any], bool]
    alone: bool = False
    fits_all: Callable[[Sequence[Any]], bool] = bool
    least_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Mapped:
    """The fields that were found by what they hold, those of them found by values alone, and what else was seen."""

    fields: Mapping[str, str]
    guessed: frozenset[str]
    notes: tuple[Note, ...]


def decoded(line: bytes) -> dict[str, Any] | None:
    """A line's JSON object; None for any other line."""
    raw = line.strip(b"\x00 \t\r").removeprefix(b"\xef\xbb\xbf")
    try:
        data = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        try:
            data = json.loads(raw.decode(errors="replace"))
        except (ValueError, RecursionError):
            return None
    return data if isinstance(data, dict) else None


def values_of(objects: Sequence[Mapping[str, Any]]) -> Values:
    """Every value by the path of its field; a dot leads into an object."""
    found: dict[str, list[Any]] = {}
    for data in objects:
        for path, value in _nodes(data, "", 0):
            if path in found or len(found) < _MOST_PATHS:
                found.setdefault(path, []).append(value)
    return found


def map_fields(values: Values, lines: int) -> Mapped:
    """The fields of a log of so many lines."""
    fields: dict[str, str] = {}
    guessed: set[str] = set()
    for target, wanted in _WANTED.items():
        path = _chosen(values, wanted, lines, taken=set(fields.values()))
        if path is None and wanted.alone:
            path = _by_value(values, wanted, lines, taken=set(fields.values()))
            guessed |= {target} if path is not None else set()
        if path is not None:
            fields[target] = path
    modules = {str(value) for value in values.get(fields.get("module", ""), ())}
    if len(modules) == 1 and ("url" in fields or "request" in fields):
        del fields["module"]  # one name for all hides what the addresses tell
    return Mapped(fields, frozenset(guessed), tuple(_notes(values, fields)))


def _nodes(data: Mapping[str, Any], before: str, depth: int) -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if not isinstance(key, str) or not _usable(key) or (before and "." in key):
            continue
        path = f"{before}{key}"
        yield path, value
        if isinstance(value, dict) and depth < _MOST_DEPTH and "." not in key:
            yield from _nodes(value, f"{path}.", depth + 1)


def _usable(key: str) -> bool:
    """False for a name that TOML or the reader of log lines has no form for."""
    return 0 < len(key) <= _MOST_NAME and _UNUSABLE.search(key) is None


def _chosen(values: Values, wanted: Wanted, lines: int, taken: set[str]) -> str | None:
    ranks = {path: rank for path in values if path not in taken and (rank := _rank(path, wanted.names)) is not None}
    counts = {path: len(present) for path in ranks if (present := _fitting(values[path], wanted, lines))}
    often = max(counts.values(), default=0) * _OFTEN
    return min((path for path, count in counts.items() if count >= often), key=lambda path: ranks[path], default=None)


def _by_value(values: Values, wanted: Wanted, lines: int, taken: set[str]) -> str | None:
    counts = {
        path: len(present)
        for path in values
        if path not in taken and (present := _fitting(values[path], wanted, lines))
    }
    best = max(counts, key=lambda path: counts[path], default=None)
    return best if best is not None and counts[best] >= lines * _OFTEN else None


def _fitting(values: Sequence[Any], wanted: Wanted, lines: int) -> list[Any]:
    """The values that are there, if nearly all are of the wanted kind."""
    present = [value for value in values if not _is_none(value)]
    fitting = [value for value in present if wanted.fits(value)]
    enough = bool(fitting) and len(fitting) >= max(len(present) * _FITTING, lines * wanted.least_share)
    return fitting if enough and wanted.fits_all(fitting) else []


def _is_none(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value in _NONE)


def _rank(path: str, names: Sequence[str]) -> tuple[int, int] | None:
    name = path.removeprefix("@").replace("_", "").replace("-", "").lower()
    if name in names:
        return 0, names.index(name)
    last = name.rpartition(".")[2]
    return (name.count("."), names.index(last)) if "." in name and last in names else None


def _is_time(value: Any) -> bool:
    at = instant(value, UTC)
    return at is not None and at.year in _YEARS


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("/", "http://", "https://"))


def _is_short(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _MOST_MODULE_CHARS


def _is_duration(value: Any) -> bool:
    return milliseconds(value, "ms")[0] is not None


def _few(most: int) -> Callable[[Sequence[Any]], bool]:
    return lambda values: len({str(value) for value in values}) <= most


_DURATIONS = (
    *("requesttime", "duration", "responsetime", "requestduration", "responseduration", "elapsed", "elapsedtime"),
    *("latency", "timetaken", "took", "processingtime", "rt", "upstreamresponsetime"),
)
_WANTED: Mapping[str, Wanted] = {
    "timestamp": Wanted(
        ("timestamp", "timeiso8601", "time", "ts", "datetime", "eventtime", "date", "asctime", "msec", "t"),
        _is_time,
        alone=True,
        least_share=_OFTEN,
    ),
    "request": Wanted(
        ("request", "requestline"), lambda v: isinstance(v, str) and _REQUEST.fullmatch(v) is not None, alone=True
    ),
    "url": Wanted(
        (
            *("url", "requesturi", "requesturl", "uri", "path", "requestpath", "urlpath", "httpurl", "httppath"),
            *("http.target", "originalurl", "target"),
        ),
        _is_url,
    ),
    "method": Wanted(
        ("method", "httpmethod", "requestmethod", "verb"), lambda v: isinstance(v, str) and v.upper() in _METHODS
    ),
    "status": Wanted(
        ("status", "statuscode", "httpstatus", "httpstatuscode", "responsestatus", "responsecode", "code"),
        lambda v: not isinstance(v, dict | list) and status_of(v)[0] is not None,
    ),
    "level": Wanted(
        ("level", "severity", "loglevel", "levelname", "lvl", "severitytext"), lambda v: str(v).lower() in _WORDS
    ),
    "module": Wanted(
        ("module", "modulename", "service.module", "component", "subsystem", "logger", "loggername", "category"),
        _is_short,
        fits_all=_few(_MOST_MODULES),
    ),
    "message": Wanted(("message", "msg", "log", "text", "event"), lambda v: isinstance(v, str)),
    "error": Wanted(
        ("error", "err", "exception", "exc", "excinfo"),
        lambda v: isinstance(v, str | dict) and is_there(v),
    ),
    "release": Wanted(
        ("release", "version", "appversion", "serviceversion", "service.version", "gitsha", "commit"),
        lambda v: _is_short(v) or (isinstance(v, int | float) and not isinstance(v, bool)),
        fits_all=_few(_MOST_RELEASES),
    ),
    "request_id": Wanted(
        ("requestid", "reqid", "req.id", "xrequestid", "correlationid", "traceid", "trace.id"), _is_short
    ),
}


def find_duration(values: Values, lines: int) -> str | None:
    """The field of a request's duration, whatever its unit."""
    wanted = Wanted(_DURATIONS, _is_duration)
    named: dict[str, Sequence[Any]] = {}
    paths: dict[str, str] = {}
    for path, found in values.items():
        base, unit = named_unit(path)
        if base in _DURATIONS or (base == "time" and unit is not None):
            name = "requesttime" if base == "time" else base
            if name not in named or len(found) > len(named[name]):
                named[name], paths[name] = found, path
    chosen = _chosen(named, wanted, lines, taken=set())
    return None if chosen is None else paths[chosen]


def _notes(values: Values, fields: Mapping[str, str]) -> Iterator[Note]:
    if "timestamp" not in fields:
        local = next((p for p, v in values.items() if v and _TIME_LOCAL.match(str(v[0]))), None)
        if local is not None:
            yield (msg("{field} is not ISO 8601 and cannot be read: log $time_iso8601 (nginx) instead", field=local),)
    for path, found in values.items():
        if named_unit(path)[0] in _DURATIONS and any(isinstance(v, str) and _WITH_UNIT.match(v) for v in found):
            yield (msg("the values of {field} carry their unit, which cannot be read: log a number", field=path),)
