"""Which findings are new, fixed, reopened, moved: of scans that are whole and of those that are not."""

from dataclasses import replace
from datetime import UTC, datetime

from tasks.check_result import msg
from tasks.security.facts.scans import (
    Change,
    Completeness,
    Confidence,
    Coverage,
    Finding,
    Kind,
    Known,
    LeftOut,
    Rating,
    Scan,
    Target,
)
from tasks.security.findings.match import Outcome, match

NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
CODE = Target("bandit", "app", Kind.CODE)
LOCK = Target("pip-audit", "requirements.txt", Kind.DEPENDENCY)
OTHER = Target("osv", "package-lock.json", Kind.DEPENDENCY)


def code(key: str, *, body: str = "", path: str = "app/a.py") -> Finding:
    return Finding(Kind.CODE, key, body or key, "B102", "exec", Rating.HIGH, Confidence.HIGH, path, 3)


def vulnerable(key: str, *aliases: str, package: str = "jinja2", path: str = "requirements.txt") -> Finding:
    rating, sure = Rating.HIGH, Confidence.HIGH
    return Finding(
        Kind.DEPENDENCY, key, f"{package} {min(aliases)}", aliases[0], "escape", rating, sure, path,
        package=package, version="2.10", ecosystem="PyPI", aliases=aliases,
    )  # fmt: skip


def known(finding: Finding, target: Target = CODE, *, is_open: bool = True) -> Known:
    return Known(finding.key, finding, target.scanner, target.name, is_open, NOW, NOW, 0)


def scan(*findings: Finding, target: Target = CODE, completeness: Completeness = Completeness.COMPLETE) -> Scan:
    return Scan(target, "1", NOW, 1.0, completeness, msg("scanned"), Coverage(1, 1), "d", findings)


def changes(outcomes: tuple[Outcome, ...]) -> list[tuple[str, Change | None]]:
    name = [(o.known.fingerprint if o.known else o.finding.key if o.finding else "", o.change) for o in outcomes]
    return sorted(name, key=lambda pair: pair[0])


class TestOneTarget:
    def test_a_first_scan_finds(self) -> None:
        assert changes(match([], [scan(code("a"), code("b"))])) == [("a", Change.FOUND), ("b", Change.FOUND)]

    def test_what_is_still_there_changes_nothing(self) -> None:
        assert changes(match([known(code("a"))], [scan(code("a"))])) == [("a", None)]

    def test_a_complete_scan_fixes_what_it_does_not_see(self) -> None:
        assert changes(match([known(code("a"))], [scan()])) == [("a", Change.FIXED)]

    def test_what_was_fixed_and_is_seen_again_is_reopened(self) -> None:
        assert changes(match([known(code("a"), is_open=False)], [scan(code("a"))])) == [("a", Change.REOPENED)]

    def test_a_partial_scan_finds_and_fixes_nothing(self) -> None:
        partial = scan(code("b"), completeness=Completeness.PARTIAL)
        assert changes(match([known(code("a"))], [partial])) == [("b", Change.FOUND)]

    def test_a_failed_scan_says_nothing(self) -> None:
        assert match([known(code("a"))], [scan(code("b"), completeness=Completeness.FAILED)]) == ()

    def test_a_reused_scan_says_nothing(self) -> None:
        assert match([known(code("a"))], [replace(scan(), reused=True)]) == ()

    def test_without_any_scan_nothing_is_fixed(self) -> None:
        assert match([known(code("a"))], []) == ()


class TestMoves:
    def test_a_renamed_file_keeps_its_findings(self) -> None:
        before, after = code("a", body="x"), code("b", body="x", path="app/b.py")
        [outcome] = match([known(before)], [scan(after)])
        assert (outcome.known, outcome.change, outcome.detail) == (known(before), Change.MOVED, "app/a.py → app/b.py")

    def test_a_copy_is_new(self) -> None:
        before, copy = code("a", body="x"), code("b", body="x", path="app/b.py")
        assert changes(match([known(before)], [scan(before, copy)])) == [("a", None), ("b", Change.FOUND)]

    def test_of_two_copies_in_a_renamed_file_each_keeps_its_own(self) -> None:
        before = [known(code(key, body="x")) for key in ("a", "b")]
        after = [code(key, body="x", path="app/b.py") for key in ("c", "d")]
        assert changes(match(before, [scan(*after)])) == [("a", Change.MOVED), ("b", Change.MOVED)]

    def test_in_a_partial_scan_nothing_has_vanished_from_what_it_left_out(self) -> None:
        for missed in ("app/a.py", "app/"):
            found = scan(code("b", body="x", path="b.py"), completeness=Completeness.PARTIAL)
            partial = replace(found, coverage=Coverage(2, 1, 9, (LeftOut(missed, msg("Cannot be read")),)))
            assert changes(match([known(code("a", body="x"))], [partial])) == [("b", Change.FOUND)]

    def test_a_partial_scan_sees_a_move_between_files_that_it_has_read(self) -> None:
        found = scan(code("b", body="x", path="b.py"), completeness=Completeness.PARTIAL)
        partial = replace(found, coverage=Coverage(2, 1, 9, (LeftOut("old.py", msg("Cannot be read")),)))
        before = [known(code("a", body="x")), known(code("c", body="y"))]
        assert changes(match(before, [partial])) == [("a", Change.MOVED)]

    def test_what_was_fixed_before_does_not_move(self) -> None:
        fixed = known(code("a", body="x"), is_open=False)
        assert changes(match([fixed], [scan(code("b", body="x", path="app/b.py"))])) == [("b", Change.FOUND)]


class TestDependencies:
    def test_an_advisory_that_gets_another_id_is_the_same(self) -> None:
        before, after = vulnerable("k1", "PYSEC-1", "CVE-1"), vulnerable("k2", "CVE-1", "GHSA-1")
        assert changes(match([known(before, LOCK)], [scan(after, target=LOCK)])) == [("k1", None)]

    def test_an_id_of_another_package_is_another_finding(self) -> None:
        before, after = vulnerable("k1", "CVE-1"), vulnerable("k2", "CVE-1", package="flask")
        found = changes(match([known(before, LOCK)], [scan(after, target=LOCK)]))
        assert found == [("k1", Change.FIXED), ("k2", Change.FOUND)]

    def test_two_that_turn_out_to_be_one_are_merged(self) -> None:
        one, two = known(vulnerable("k1", "PYSEC-1"), LOCK), known(vulnerable("k2", "GHSA-1"), LOCK)
        both = vulnerable("k3", "PYSEC-1", "GHSA-1")
        assert changes(match([one, two], [scan(both, target=LOCK)])) == [("k1", None), ("k2", Change.MERGED)]

    def test_a_fixed_one_is_reopened_under_another_id(self) -> None:
        fixed = known(vulnerable("k1", "CVE-1"), LOCK, is_open=False)
        again = scan(vulnerable("k2", "GHSA-1", "CVE-1"), target=LOCK)
        assert changes(match([fixed], [again])) == [("k1", Change.REOPENED)]

    def test_each_target_closes_only_its_own(self) -> None:
        mine, other = known(vulnerable("k1", "CVE-1"), LOCK), known(vulnerable("k2", "CVE-2"), OTHER)
        failed = scan(target=OTHER, completeness=Completeness.FAILED)
        assert changes(match([mine, other], [scan(target=LOCK), failed])) == [("k1", Change.FIXED)]

    def test_findings_of_a_lock_that_is_gone_are_closed_when_all_others_were_scanned(self) -> None:
        gone = known(vulnerable("k1", "CVE-1"), Target("pip-audit", "old.txt", Kind.DEPENDENCY))
        assert changes(match([gone], [scan(target=LOCK)])) == [("k1", Change.FIXED)]
        assert match([gone], [scan(target=LOCK, completeness=Completeness.PARTIAL)]) == ()

    def test_a_renamed_lock_keeps_its_findings(self) -> None:
        before = known(vulnerable("k1", "CVE-1", path="old.txt"), Target("pip-audit", "old.txt", Kind.DEPENDENCY))
        after = scan(vulnerable("k2", "CVE-1"), target=LOCK)
        assert changes(match([before], [after])) == [("k1", Change.MOVED)]
