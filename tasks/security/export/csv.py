"""Findings as CSV, one line each, safe to open in a spreadsheet."""

import csv
import io
from datetime import datetime
from zoneinfo import ZoneInfo

from tasks.outside import external_text
from tasks.security.findings.states import due_on, finding_state
from tasks.security.findings.waivers import Reviewed, WaiverReview
from tasks.security.limits import FixWithin

COLUMNS = (
    *("fingerprint", "state", "kind", "severity", "confidence", "rule", "title", "path", "line"),
    *("package", "version", "fixed_in", "aliases", "first_seen", "last_seen", "due", "reopened"),
    *("waiver_reason", "waiver_owner", "waiver_expires", "scanner", "target"),
)
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "'")
_MOST_CHARS = 1000


def findings_csv(review: WaiverReview, fix_within: FixWithin, zone: ZoneInfo, now: datetime) -> str:
    """The findings of a review, in its order; times are ISO 8601 in the service's zone."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for one in review.findings:
        writer.writerow([_cell(value) for value in _values(one, fix_within, zone, now)])
    return text.getvalue()


def _values(one: Reviewed, fix_within: FixWithin, zone: ZoneInfo, now: datetime) -> tuple[object, ...]:
    known, finding, waiver = one.known, one.known.finding, one.waiver
    return (
        known.fingerprint,
        finding_state(known, waiver, now),
        finding.kind,
        finding.rating,
        finding.confidence,
        finding.rule,
        finding.title,
        finding.path,
        finding.line,
        finding.package,
        finding.version,
        " ".join(finding.fixed_in),
        " ".join(finding.aliases),
        known.first_seen.astimezone(zone).isoformat(timespec="seconds"),
        known.last_seen.astimezone(zone).isoformat(timespec="seconds"),
        due_on(known, fix_within, zone) if known.is_open else None,
        known.reopened,
        None if waiver is None else waiver.reason,
        None if waiver is None else waiver.owner,
        None if waiver is None else waiver.expires,
        known.scanner,
        known.target,
    )


def _cell(value: object) -> str:
    """A spreadsheet would run a text that begins like a formula: an apostrophe makes it a text."""
    text = "" if value is None else external_text(str(value), _MOST_CHARS)
    return f"'{text}" if text.lstrip(" \u3000").startswith(_FORMULA) else text
