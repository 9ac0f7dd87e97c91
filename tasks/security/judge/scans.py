"""Whether everything was scanned, and whether the advisory feeds can be relied on."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from tasks.check_result import CheckResult, Evidence, Limit, Message, Quantity, Scalar, Status, Table, moment, msg
from tasks.observation import printable
from tasks.personal import mask
from tasks.security.checks import FEED, SCAN, SCANNED, SUPPRESSIONS
from tasks.security.facts.scans import Completeness, Feed, Kind, Scan
from tasks.security.limits import SecurityLimits

_MOST_ROWS = 30
_MOST_NAMES = 10
_CLOCKS_H = 1.0
"""By how much two clocks may differ."""
_ALL = msg("Everything must be scanned")
_FEED_SOURCE = msg("[security.limits] max_feed_age_h")
_AGE_SOURCE = msg("[security.limits] max_scan_age_h")
_RISE_SOURCE = msg("No more than in the previous complete scan")


def judge_scans(scans: Sequence[Scan], complete: Mapping[str, datetime], now: datetime) -> list[CheckResult]:
    """One result a scan; `complete` has by subject when a target was last scanned completely."""
    return [_judge_scan(scan, complete.get(scan.target.subject), now) for scan in scans]


def judge_feeds(scans: Sequence[Scan], limits: SecurityLimits, now: datetime) -> list[CheckResult]:
    """One result a feed, by the scan of a lock file that asked it; UNKNOWN for a scan that got no answer."""
    asked = [scan for scan in scans if scan.target.kind is Kind.DEPENDENCY]
    answered = [(scan, scan.feed) for scan in reversed(asked) if scan.feed is not None]
    # One feed may answer for two ecosystems: what it does not know of one of them, or is older, decides.
    answered.sort(key=lambda pair: (not pair[1].canary_found, now - (pair[1].modified_at or now)))
    feeds = {feed.source: (scan, feed) for scan, feed in answered}
    heard = {scan.target.scanner for scan, _ in answered}
    silent = [s for s in asked if s.completeness is Completeness.FAILED and s.target.scanner not in heard]
    found = [_judge_feed(scan, feed, limits, now) for scan, feed in feeds.values()]
    found += [FEED.judged(Status.UNKNOWN, scan.target.subject, scan.reason, at=now) for scan in silent]
    return found or [FEED.judged(Status.SKIPPED, "feed", msg("There are no packages to ask about"), at=now)]


def judge_suppressions(scans: Sequence[Scan], before: Mapping[str, int], now: datetime) -> list[CheckResult]:
    """Findings that marks in the code or a baseline take out, against the complete scan before of the same target."""
    return [
        _judge_suppressed(scan, before.get(scan.target.subject), now)
        for scan in scans
        if scan.target.kind is not Kind.DEPENDENCY
    ]


def judge_scanned(
    complete: Mapping[str, datetime],
    newest: Sequence[Scan],
    source: str,
    limits: SecurityLimits,
    at: datetime,
    now: datetime,
) -> list[CheckResult]:
    """The age of each target's last complete scan at the end of the review; UNKNOWN if it is too old or never was.

    `newest` are the scans of each kind's newest round; a kind that was never scanned is UNKNOWN as well, and so is a
    scan of something else than `source` names now (empty: not compared).
    """
    never = msg("Never scanned: run `rounds run security-scan`")
    missing = [kind for kind in Kind if kind not in {scan.target.kind for scan in newest}]
    ages = [
        _elsewhere(scan, limits, now)
        if source and scan.source not in ("", source)
        else _judge_age(scan.target.subject, complete.get(scan.target.subject), limits, at, now)
        for scan in newest
    ]
    return [*(SCANNED.judged(Status.UNKNOWN, kind.value, never, at=now) for kind in missing), *ages]


def _judge_scan(scan: Scan, last: datetime | None, now: datetime) -> CheckResult:
    coverage = scan.coverage
    evidence = tuple(_evidence(scan, last))
    if scan.completeness is not Completeness.COMPLETE:
        return SCAN.judged(Status.UNKNOWN, scan.target.subject, scan.reason, at=now, evidence=evidence)
    reason = scan.reason
    if scan.reused:
        reason = msg("Unchanged since the scan at {at}: its result still holds", at=moment(scan.at))
    return SCAN.judged(
        Status.PASS,
        scan.target.subject,
        reason,
        at=now,
        observed=Quantity(coverage.scanned),
        limit=Limit("=", coverage.asked, "", _ALL),
        evidence=evidence,
    )


def _evidence(scan: Scan, last: datetime | None) -> Iterator[Evidence]:
    rows: list[tuple[Scalar | Message, ...]] = [
        (msg("Scanner"), f"{scan.target.scanner} {scan.version}".strip()),
        (msg("Scanned at"), moment(scan.at)),
    ]
    if scan.completeness is not Completeness.COMPLETE:
        rows.append((msg("Last complete scan"), msg("none") if last is None else moment(last)))
    if scan.coverage.lines:
        rows.append((msg("Lines of code"), scan.coverage.lines))
    if scan.target.kind is not Kind.DEPENDENCY:
        rows.append((msg("Left out by [source] exclude"), scan.coverage.excluded))
        if scan.coverage.passed_over:
            rows.append((msg("Folders of tools, not scanned"), _some(scan.coverage.passed_over)))
        rows.append((msg("Suppressed findings"), scan.suppressed))
    yield Table(msg("Scan"), (msg("What"), msg("Value")), tuple(rows))
    if left_out := scan.coverage.left_out:
        shown = tuple((printable(mask(left.what), 200), left.reason) for left in left_out[:_MOST_ROWS])
        title = msg("Not scanned ({number}, of which {shown} are shown)", number=len(left_out), shown=len(shown))
        yield Table(title, (msg("What"), msg("Reason")), shown)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(printable(mask(name), 80) for name in names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown}, … ({len(names)})"


def _judge_feed(scan: Scan, feed: Feed, limits: SecurityLimits, now: datetime) -> CheckResult:
    limit = Limit("≤", limits.max_feed_age_h, "h", _FEED_SOURCE)
    if not feed.canary_found:
        reason = msg(
            "The feed does not know {canary}, which is vulnerable: its answers prove nothing", canary=feed.canary
        )
        return FEED.judged(Status.UNKNOWN, feed.source, reason, at=now, limit=limit)
    if feed.modified_at is None:
        unknown = msg("When the feed last changed is not known: set [security.advisories] changes_url")
        incomplete = scan.completeness is not Completeness.COMPLETE
        reason = scan.reason if incomplete else unknown
        return FEED.judged(Status.UNKNOWN, feed.source, reason, at=now, limit=limit)
    age_h = round((scan.at - feed.modified_at).total_seconds() / 3600, 1)
    if age_h < -_CLOCKS_H:
        reason = msg("The feed says that it last changed at {at}, in the future", at=moment(feed.modified_at))
        return FEED.judged(Status.UNKNOWN, feed.source, reason, at=now, observed=Quantity(age_h, "h"), limit=limit)
    if age_h > limits.max_feed_age_h:
        reason = msg("The feed last changed at {at}: newer advisories are missing", at=moment(feed.modified_at))
        return FEED.judged(Status.UNKNOWN, feed.source, reason, at=now, observed=Quantity(age_h, "h"), limit=limit)
    reason = msg("The feed knows {canary} and last changed at {at}", canary=feed.canary, at=moment(feed.modified_at))
    return FEED.judged(Status.PASS, feed.source, reason, at=now, observed=Quantity(max(age_h, 0.0), "h"), limit=limit)


def _judge_suppressed(scan: Scan, before: int | None, now: datetime) -> CheckResult:
    subject = scan.target.subject
    if scan.completeness is not Completeness.COMPLETE:
        return SUPPRESSIONS.judged(Status.UNKNOWN, subject, scan.reason, at=now)
    if before is None:
        first = msg("No earlier complete scan to compare with ({number} suppressed)", number=scan.suppressed)
        return SUPPRESSIONS.judged(Status.SKIPPED, subject, first, at=now)
    rose = scan.suppressed > before
    reason = msg("Suppressed: {number}, before: {before}", number=scan.suppressed, before=before)
    return SUPPRESSIONS.judged(
        Status.WARN if rose else Status.PASS,
        subject,
        reason,
        at=now,
        observed=Quantity(scan.suppressed),
        limit=Limit("≤", before, "", _RISE_SOURCE),
    )


def _elsewhere(scan: Scan, limits: SecurityLimits, now: datetime) -> CheckResult:
    reason = msg("[source] names something else than at the scan of {at}: run it again", at=moment(scan.as_of))
    limit = Limit("≤", limits.max_scan_age_h, "h", _AGE_SOURCE)
    return SCANNED.judged(Status.UNKNOWN, scan.target.subject, reason, at=now, limit=limit)


def _judge_age(target: str, last: datetime | None, limits: SecurityLimits, at: datetime, now: datetime) -> CheckResult:
    limit = Limit("≤", limits.max_scan_age_h, "h", _AGE_SOURCE)
    if last is None:
        never = msg("Never scanned completely: see the reports of the security scan")
        return SCANNED.judged(Status.UNKNOWN, target, never, at=now, limit=limit)
    age = at - last
    observed = Quantity(round(max(age, timedelta()).total_seconds() / 3600, 1), "h")
    if age > timedelta(hours=limits.max_scan_age_h):
        old = msg("Last scanned completely at {at}: what has changed since is unknown", at=moment(last))
        return SCANNED.judged(Status.UNKNOWN, target, old, at=now, observed=observed, limit=limit)
    reason = msg("Scanned completely at {at}", at=moment(last))
    return SCANNED.judged(Status.PASS, target, reason, at=now, observed=observed, limit=limit)
