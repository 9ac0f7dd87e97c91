"""Coverage, feeds, suppressions and the age of scans: inside, at and outside each limit, and nothing measured."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tasks.check_result import Status
from tasks.security.facts.scans import Completeness, Feed, Scan
from tasks.security.judge.scans import judge_feeds, judge_scanned, judge_scans, judge_suppressions
from tasks.security.limits import SecurityLimits
from tests.security_standing import DAY, LOCK, NOW, scan

LIMITS = SecurityLimits()
FEED = Feed("osv.example", "jinja2==2.10", canary_found=True, modified_at=NOW - DAY)


@pytest.mark.parametrize("completeness", [Completeness.PARTIAL, Completeness.FAILED])
def test_only_a_complete_scan_passes(completeness: Completeness) -> None:
    [passed] = judge_scans([scan()], {}, NOW)
    [unknown] = judge_scans([scan(completeness=completeness)], {}, NOW)
    assert (passed.status, unknown.status, unknown.reason) == (Status.PASS, Status.UNKNOWN, scan().reason)


def test_a_reused_scan_says_from_when_it_is() -> None:
    [result] = judge_scans([replace(scan(), reused=True, at=NOW - 3 * DAY, checked_at=NOW)], {}, NOW)
    assert result.status is Status.PASS
    assert result.reason.params == {"at": "2026-11-23T02:00Z"}


def test_folders_of_tools_that_are_not_scanned_are_named() -> None:
    before = scan()
    coverage = replace(before.coverage, passed_over=tuple(f"env{number}" for number in range(12)))
    [result] = judge_scans([replace(before, coverage=coverage)], {}, NOW)
    [row] = [row for row in result.evidence[0].rows if "Folders" in str(row[0])]  # type: ignore[union-attr]
    assert str(row[1]).startswith("env0, env1, ") and str(row[1]).endswith(", env9, … (12)")


class TestFeeds:
    def feed(self, **changes: object) -> Status:
        [result] = judge_feeds([scan(LOCK, feed=replace(FEED, **changes))], LIMITS, NOW)  # type: ignore[arg-type]
        return result.status

    def test_its_age_is_within_at_and_outside_the_limit(self) -> None:
        week = timedelta(hours=LIMITS.max_feed_age_h)
        assert self.feed(modified_at=NOW - week + timedelta(hours=1)) is Status.PASS
        assert self.feed(modified_at=NOW - week) is Status.PASS
        assert self.feed(modified_at=NOW - week - timedelta(hours=1)) is Status.UNKNOWN

    def test_a_feed_that_does_not_know_its_canary_proves_nothing(self) -> None:
        assert self.feed(canary_found=False) is Status.UNKNOWN

    def test_of_two_ecosystems_of_one_feed_the_worse_decides(self) -> None:
        other = replace(LOCK, name="package-lock.json")
        for bad in (replace(FEED, canary_found=False), replace(FEED, modified_at=NOW - 99 * DAY)):
            for feeds in ((FEED, bad), (bad, FEED)):
                scans = [scan(target, feed=feed) for target, feed in zip((LOCK, other), feeds, strict=True)]
                assert [result.status for result in judge_feeds(scans, LIMITS, NOW)] == [Status.UNKNOWN]

    def test_a_feed_whose_age_nobody_knows_is_not_known_to_be_fresh(self) -> None:
        assert self.feed(modified_at=None) is Status.UNKNOWN

    def test_a_feed_of_the_future_is_not_fresh(self) -> None:
        assert self.feed(modified_at=NOW + timedelta(minutes=59)) is Status.PASS
        assert self.feed(modified_at=NOW + timedelta(hours=2)) is Status.UNKNOWN

    def test_a_scanner_that_got_no_answer_is_unknown_beside_one_that_did(self) -> None:
        npm = replace(LOCK, scanner="osv", name="package-lock.json")
        found = judge_feeds([scan(LOCK, feed=FEED), scan(npm, Completeness.FAILED)], LIMITS, NOW)
        assert {r.subject: r.status for r in found} == {
            "osv.example": Status.PASS,
            "osv package-lock.json": Status.UNKNOWN,
        }

    def test_no_answer_is_unknown_and_nothing_to_ask_is_skipped(self) -> None:
        [silent] = judge_feeds([scan(LOCK, Completeness.FAILED)], LIMITS, NOW)
        [absent] = judge_feeds([scan(LOCK)], LIMITS, NOW)
        assert (silent.status, absent.status) == (Status.UNKNOWN, Status.SKIPPED)


class TestSuppressions:
    @pytest.mark.parametrize(("before", "status"), [(3, Status.PASS), (2, Status.PASS), (1, Status.WARN)])
    def test_more_than_before_warn(self, before: int, status: Status) -> None:
        [result] = judge_suppressions([scan(suppressed=2)], {"bandit app": before}, NOW)
        assert result.status is status

    def test_a_first_scan_has_nothing_to_compare_with(self) -> None:
        assert [r.status for r in judge_suppressions([scan()], {}, NOW)] == [Status.SKIPPED]

    def test_an_incomplete_scan_counts_nothing(self) -> None:
        partial = scan(completeness=Completeness.PARTIAL, suppressed=0)
        assert [r.status for r in judge_suppressions([partial], {"bandit app": 5}, NOW)] == [Status.UNKNOWN]

    def test_packages_have_none(self) -> None:
        assert judge_suppressions([scan(LOCK)], {}, NOW) == []


class TestAge:
    def judged(self, complete: dict[str, datetime], *newest: Scan) -> dict[str, Status]:
        return {r.subject: r.status for r in judge_scanned(complete, newest, "here", LIMITS, NOW, NOW)}

    def test_within_at_and_outside_the_limit(self) -> None:
        most = timedelta(hours=LIMITS.max_scan_age_h)
        for age, status in (
            (most - DAY / 24, Status.PASS),
            (most, Status.PASS),
            (most + DAY / 24, Status.UNKNOWN),
        ):
            assert self.judged({"bandit app": NOW - age}, scan())["bandit app"] is status

    def test_what_was_never_scanned_completely_is_unknown(self) -> None:
        assert self.judged({}, scan())["bandit app"] is Status.UNKNOWN

    @pytest.mark.parametrize(("source", "status"), [("", Status.PASS), ("here", Status.PASS), ("else", Status.UNKNOWN)])
    def test_a_scan_of_another_tree_is_unknown(self, source: str, status: Status) -> None:
        assert self.judged({"bandit app": NOW}, replace(scan(), source=source))["bandit app"] is status

    def test_a_kind_that_was_never_scanned_is_unknown(self) -> None:
        assert self.judged({"bandit app": NOW}, scan()) == {
            "bandit app": Status.PASS,
            "dependency": Status.UNKNOWN,
            "secret": Status.UNKNOWN,
        }
        assert set(self.judged({}).values()) == {Status.UNKNOWN}
