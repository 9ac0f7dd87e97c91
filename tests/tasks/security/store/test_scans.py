"""Scans and findings in the history, on each kind of database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from tasks.check_result import msg
from tasks.history.engine import HistoryError, writing
from tasks.secrets import _resolved, keep_secret
from tasks.security.facts.scans import (
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
from tasks.security.store.scans import (
    read_complete,
    read_first_scan,
    read_scans,
    read_suppressed,
    read_usable,
    store_scans,
)

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


def kept(history: Engine, *scans: Scan, at: datetime | None = None) -> None:
    """A round of these scans, at the time of the first of them."""
    store_scans(history, "kondate", scans, at or scans[0].at)


def states(history: Engine) -> dict[str, tuple[bool, int]]:
    return {known.fingerprint[0]: (known.is_open, known.reopened) for known in read_findings(history, "kondate")}


def events(history: Engine) -> list[tuple[str, Change, str]]:
    found = read_events(history, "kondate", NOW - 9 * DAY, NOW + 9 * DAY)
    return [(event.fingerprint[0], event.change, event.detail) for event in found]


def test_the_life_of_a_finding(history: Engine) -> None:
    for day, found in enumerate([("a", "b"), ("a",), ("a", "b"), ("b",)]):
        kept(history, scan(*map(finding, found), at=NOW + day * DAY))
    assert states(history) == {"a": (False, 0), "b": (True, 1)}
    found = [("a", Change.FOUND, ""), ("b", Change.FOUND, ""), ("b", Change.FIXED, "")]
    assert events(history) == [*found, ("b", Change.REOPENED, ""), ("a", Change.FIXED, "")]
    known = {one.fingerprint[0]: one for one in read_findings(history, "kondate")}
    assert (known["b"].first_seen, known["b"].last_seen) == (NOW, NOW + 3 * DAY)
    assert known["b"].finding == finding("b")


def test_a_moved_finding_keeps_its_fingerprint_and_what_follows_it_gets_another(history: Engine) -> None:
    kept(history, scan(finding("a", body="x")))
    kept(history, scan(finding("b", path="b.py", body="x"), at=NOW + DAY))
    kept(history, scan(finding("b", path="b.py", body="x"), finding("a", body="x"), at=NOW + 2 * DAY))
    moved, again = read_findings(history, "kondate")
    assert (moved.fingerprint, moved.finding.path, moved.first_seen) == ("a" * 8, "b.py", NOW)
    assert again.fingerprint != moved.fingerprint and again.finding.path == "a.py"
    assert [change for _, change, _ in events(history)] == [Change.FOUND, Change.MOVED, Change.FOUND]


def test_partial_and_failed_scans_close_nothing(history: Engine) -> None:
    kept(history, scan(finding("a")))
    for day, how in enumerate((Completeness.PARTIAL, Completeness.FAILED), 1):
        kept(history, scan(at=NOW + day * DAY, completeness=how))
    assert states(history) == {"a": (True, 0)}


def test_a_round_that_ends_after_a_later_one_changes_no_finding_of_its_targets(history: Engine) -> None:
    kept(history, scan(finding("a"), at=NOW))
    kept(history, scan(finding("b"), at=NOW + 2 * DAY))
    kept(history, scan(finding("a"), at=NOW + DAY), scan(finding("c"), target=replace(CODE, name="web"), at=NOW + DAY))
    assert states(history) == {"a": (False, 0), "b": (True, 0), "c": (True, 0)}
    kept(history, scan(at=NOW + 4 * DAY, completeness=Completeness.FAILED))
    kept(history, scan(at=NOW + 3 * DAY), scan(target=replace(CODE, name="web"), at=NOW + 3 * DAY))
    assert not any(is_open for is_open, _ in states(history).values())


def test_a_scan_whose_findings_are_not_kept_has_failed(history: Engine) -> None:
    """The clock was ahead once: what is found until it gets there is nowhere, and no scan says that it is clean."""
    kept(history, scan(at=NOW + 30 * DAY))
    [told] = store_scans(history, "kondate", [scan(finding("a"), at=NOW)], NOW)
    assert (told.completeness, told.findings, states(history)) == (Completeness.FAILED, (), {})
    assert "at {at}, is stored already" in told.reason.text
    assert read_usable(history, "kondate", NOW + DAY) == ()
    reused = replace(scan(at=NOW), reused=True)
    assert store_scans(history, "kondate", [reused], NOW + DAY) == (reused,)


def test_the_newest_usable_scan_is_the_one_that_findings_rest_on(history: Engine) -> None:
    for day, how in enumerate((Completeness.COMPLETE, Completeness.PARTIAL, Completeness.FAILED)):
        kept(history, scan(at=NOW + day * DAY, completeness=how))
    assert [(one.at, one.completeness) for one in read_usable(history, "kondate", NOW + 9 * DAY)] == [
        (NOW + DAY, Completeness.PARTIAL)
    ]


def test_a_scan_is_read_as_it_was_stored(history: Engine) -> None:
    stored = scan(target=LOCK, suppressed=4)
    kept(history, stored)
    [read] = read_scans(history, "kondate", NOW)
    assert read == replace(stored, findings=(), reused=True, checked_at=NOW)


def test_a_reused_scan_holds_up_to_the_round_that_reused_it_and_changes_no_finding(history: Engine) -> None:
    kept(history, scan(finding("a")))
    [read] = read_scans(history, "kondate", NOW)
    kept(history, read, at=NOW + 40 * DAY)
    [again] = read_complete(history, "kondate", NOW + 40 * DAY)
    assert (again.at, again.as_of) == (NOW, NOW + 40 * DAY)
    assert states(history) == {"a": (True, 0)}


def test_the_targets_of_the_newest_round_and_the_newest_complete_scan_of_each(history: Engine) -> None:
    other = Target("osv", "package-lock.json", Kind.DEPENDENCY)
    kept(history, scan(), scan(target=LOCK), scan(target=other))
    kept(history, scan(at=NOW + DAY, completeness=Completeness.FAILED), replace(scan(target=LOCK), at=NOW + DAY))
    at = {s.target.subject: s.at for s in read_scans(history, "kondate", NOW + DAY)}
    complete = {s.target.subject: s.at for s in read_complete(history, "kondate", NOW + DAY)}
    assert at == {"bandit app": NOW + DAY, "pip-audit requirements.txt": NOW + DAY}
    gone = "osv package-lock.json"
    assert complete == {"bandit app": NOW, "pip-audit requirements.txt": NOW + DAY, gone: NOW}
    assert {s.at for s in read_scans(history, "kondate", NOW)} == {NOW}
    assert read_scans(history, "another", NOW + DAY) == () == read_complete(history, "kondate", NOW - DAY)


def test_a_round_of_one_kind_leaves_the_targets_of_the_others(history: Engine) -> None:
    kept(history, scan(), scan(target=LOCK))
    kept(history, scan(at=NOW + DAY))
    assert {s.target.subject: s.at for s in read_scans(history, "kondate", NOW + DAY)} == {
        "bandit app": NOW + DAY,
        "pip-audit requirements.txt": NOW,
    }


def test_suppressions_are_those_of_the_complete_scan_before(history: Engine) -> None:
    assert read_suppressed(history, "kondate", NOW) == {}
    kept(history, scan(suppressed=2))
    kept(history, scan(at=NOW + DAY, completeness=Completeness.PARTIAL, suppressed=9))
    assert read_suppressed(history, "kondate", NOW + 2 * DAY) == {"bandit app": 2}
    assert read_suppressed(history, "kondate", NOW) == {}


def test_the_first_scan(history: Engine) -> None:
    assert read_first_scan(history, "kondate") is None
    kept(history, scan(at=NOW + DAY))
    kept(history, scan())
    assert read_first_scan(history, "kondate") == NOW


def test_events_are_only_added(history: Engine) -> None:
    kept(history, scan(finding("a")))
    for statement in ("UPDATE security_events SET change = 'fixed'", "DELETE FROM security_events"):
        with pytest.raises(HistoryError, match="append-only"), writing(history) as connection:
            connection.execute(text(statement))


def test_a_secret_in_a_title_is_masked(history: Engine) -> None:
    keep_secret("correct-horse-battery")
    try:
        kept(history, scan(finding("a", title="password correct-horse-battery")))
        [known] = read_findings(history, "kondate")
        assert "correct-horse" not in known.finding.title
    finally:
        _resolved.discard("correct-horse-battery")
