"""pip-audit's JSON, and what it writes when there is none."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.check_result import Message, msg
from tasks.observation import ObservationError
from tasks.outside import external_text
from tasks.security.facts.scans import LeftOut

Pin = tuple[str, str]
"""Canonical name and version, as pip-audit writes them."""

_HTTP = re.compile(r"\b([45][0-9]{2}) (?:Client|Server) Error")
_TIMEOUT = re.compile(r"(?:Read|Connect)Timeout|timed out")
_UNREACHED = re.compile(
    r"ConnectionError|NewConnectionError|ChunkedEncodingError|ProtocolError|Could not connect|SSLError"
)
_NO_JSON = re.compile(r"JSONDecodeError|KeyError|TypeError|AttributeError|InvalidVersion|ValueError")


@dataclass(frozen=True, slots=True)
class Named:
    """A vulnerability as pip-audit names it."""

    ids: frozenset[str]
    title: str
    fixed_in: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What pip-audit answered: the vulnerabilities of each package that it audited, and those that it skipped."""

    audited: Mapping[Pin, tuple[Named, ...]]
    skipped: Mapping[str, LeftOut]


def parse_report(stdout: bytes, stderr: bytes) -> Report:
    """The report; its exit status says nothing. Raises ObservationError when there is none."""
    try:
        content = json.loads(stdout)
        entries = content["dependencies"]
        audited = {(e["name"], e["version"]): tuple(map(_named, e["vulns"])) for e in entries if "skip_reason" not in e}
        skipped = {e["name"]: _skipped(e["name"], e["skip_reason"]) for e in entries if "skip_reason" in e}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ObservationError(_why(stderr.decode("utf-8", "replace"))) from None
    return Report(audited, skipped)


def _named(entry: Any) -> Named:
    ids = frozenset((entry["id"], *entry["aliases"]))
    if not all(isinstance(one, str) and one for one in ids):
        raise ValueError("an id is no text")
    title = str(entry.get("description") or "")
    return Named(ids, title, tuple(map(str, entry["fix_versions"])))


def _skipped(name: str, reason: str) -> LeftOut:
    return LeftOut(external_text(name, 120), msg("unmatched: {why}", why=external_text(reason)))


def _why(stderr: str) -> Message:
    """Its last words in ours: they may hold addresses, and none is shown."""
    if code := _HTTP.search(stderr):
        return msg("pip-audit ended without a report: the advisory source answered with HTTP {code}", code=code[1])
    if _TIMEOUT.search(stderr):
        return msg("pip-audit ended without a report: the advisory source did not answer in time")
    if _UNREACHED.search(stderr):
        return msg("pip-audit ended without a report: the advisory source cannot be reached, or cut its answer short")
    if _NO_JSON.search(stderr):
        return msg("pip-audit ended without a report: the advisory source's response is not OSV's JSON")
    if last := external_text(stderr.strip().rpartition("\n")[2]):
        return msg("pip-audit ended without a report: {why}", why=last)
    return msg("pip-audit ended without a report, or with a damaged one, and did not say why")
