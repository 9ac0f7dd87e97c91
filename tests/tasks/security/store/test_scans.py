"""Scans and findings in the history, on each kind of database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from tasks.check_result import msg
from tasks.history.engine import HistoryError, writing
from tasks.secrets import _resolved, keep_secret
from tasks.security.facts import (
    Change,
    Completeness,
    Confidence,
    Coverage,
    Feed,
    Finding,
    Kind,
    LeftOut,
    Rating,
    Scan,
    Target,
)
from tasks.security.store.findings import read_events, read_findings
from tasks.security.store.scans import read_scans, read_suppressed, store_scans

NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CODE = Target("bandit", "app", Kind.CODE)
LOCK = Target("pip-audit", "requirements.txt", Kind.DEPENDENCY)


def finding(key: str, title: str = "exec used", path: str = "a.py", body: str = "") -> Finding:
    return Finding(Kind.CODE, key * 8, body or key, "B102", title, Rating.MEDIUM, Confidence.HIGH, path, 7)


def scan(
    *findings: Finding,
    at: datetime = NOW,
    target: Target = CODE,
    completeness: Completeness = Completeness.COMPLETE,
    suppressed: int = 0,
) -> Scan:
    coverage = Coverage(3, 2, 120, (LeftOut("big.py", msg("too large: {kb} kB", kb=9000)),))
    feed = Feed("osv.example", "jinja2==2.10", canary_found=True, modified_at=at - DAY) if target is LOCK else None
    reason = msg("{number} files were scanned", number=2)
    return Scan(target, "1.9.4", at, 2.5, completeness, reason, coverage, "d" * 64, findings, suppressed, feed)


def states(history: Engine) -> dict[str, tuple[bool, int]]:
    return {known.fingerprint[0]: (known.is_open, known.reopened) for known in read_findings(history, "kondate")}


def events(history: Engine) -> list[tuple[str, Change, str]]:
    found = read_events(history, "kondate", NOW - 9 * DAY, NOW + 9 * DAY)
    return [(event.fingerprint[0], event.change, event.detail) for event in found]


def test_the_life_of_a_finding(history: Engine) -> None:
    for day, found in enumerate([("a", "b"), ("a",), ("a", "b"), ("b",)]):
        store_scans(history, "kondate", [scan(*map(finding, found), at=NOW + day * DAY)])
    assert states(history) == {"a": (False, 0), "b": (True, 1)}
    found = [("a", Change.FOUND, ""), ("b", Change.FOUND, ""), ("b", Change.FIXED, "")]
    assert events(history) == [*found, ("b", Change.REOPENED, ""), ("a", Change.FIXED, "")]
    known = {one.fingerprint[0]: one for one in read_findings(history, "kondate")}
    assert (known["b"].first_seen, known["b"].last_seen) == (NOW, NOW + 3 * DAY)
    assert known["b"].finding == finding("b")


def test_a_moved_finding_keeps_its_fingerprint_and_what_follows_it_gets_another(history: Engine) -> None:
    store_scans(history, "kondate", [scan(finding("a", body="x"))])
    store_scans(history, "kondate", [scan(finding("b", path="b.py", body="x"), at=NOW + DAY)])
    store_scans(
        history, "kondate", [scan(finding("b", path="b.py", body="x"), finding("a", body="x"), at=NOW + 2 * DAY)]
    )
    moved, again = read_findings(history, "kondate")
    assert (moved.fingerprint, moved.finding.path, moved.first_seen) == ("a" * 8, "b.py", NOW)
    assert again.fingerprint != moved.fingerprint and again.finding.path == "a.py"
    assert [change for _, change, _ in events(history)] == [Change.FOUND, Change.MOVED, Change.FOUND]


def test_partial_and_failed_scans_close_nothing(history: Engine) -> None:
    store_scans(history, "kondate", [scan(finding("a"))])
    for day, how in enumerate((Completeness.PARTIAL, Completeness.FAILED), 1):
        store_scans(history, "kondate", [scan(at=NOW + day * DAY, completeness=how)])
    assert states(history) == {"a": (True, 0)}


def test_a_scan_is_read_as_it_was_stored_and_a_reused_one_is_not_kept_again(history: Engine) -> None:
    stored = scan(target=LOCK, suppressed=4)
    store_scans(history, "kondate", [stored])
    [read] = read_scans(history, "kondate")
    assert read == replace(stored, findings=(), reused=True)
    store_scans(history, "kondate", [read])
    assert read_scans(history, "kondate") == (read,)


def test_the_newest_scan_and_the_newest_complete_one(history: Engine) -> None:
    store_scans(history, "kondate", [scan(), scan(target=LOCK)])
    store_scans(history, "kondate", [scan(at=NOW + DAY, completeness=Completeness.FAILED)])
    at = {s.target.subject: s.at for s in read_scans(history, "kondate")}
    complete = {s.target.subject: s.at for s in read_scans(history, "kondate", complete=True)}
    assert at == {"bandit app": NOW + DAY, "pip-audit requirements.txt": NOW}
    assert complete == {"bandit app": NOW, "pip-audit requirements.txt": NOW}
    assert read_scans(history, "another") == ()


def test_suppressions_are_compared_with_the_complete_scan_before(history: Engine) -> None:
    assert read_suppressed(history, "kondate", "bandit", "app", NOW) is None
    store_scans(history, "kondate", [scan(suppressed=2)])
    store_scans(history, "kondate", [scan(at=NOW + DAY, completeness=Completeness.PARTIAL, suppressed=9)])
    assert read_suppressed(history, "kondate", "bandit", "app", NOW + 2 * DAY) == 2
    assert read_suppressed(history, "kondate", "bandit", "app", NOW) is None


def test_events_are_only_added(history: Engine) -> None:
    store_scans(history, "kondate", [scan(finding("a"))])
    for statement in ("UPDATE security_events SET change = 'fixed'", "DELETE FROM security_events"):
        with pytest.raises(HistoryError, match="append-only"), writing(history) as connection:
            connection.execute(text(statement))


def test_a_secret_in_a_title_is_masked(history: Engine) -> None:
    keep_secret("correct-horse-battery")
    try:
        store_scans(history, "kondate", [scan(finding("a", title="password correct-horse-battery"))])
        [known] = read_findings(history, "kondate")
        assert "correct-horse" not in known.finding.title
    finally:
        _resolved.discard("correct-horse-battery")
