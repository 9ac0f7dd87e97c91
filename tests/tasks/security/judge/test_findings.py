"""Findings at the gate, just below it, and where not everything was scanned."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tasks.check_result import Status, Table
from tasks.security.facts.scans import Completeness, Confidence, Kind, Rating
from tasks.security.judge.findings import judge_kind, judge_overdue
from tasks.security.limits import Gate, SecurityLimits
from tests.security_standing import DAY, LOCK, NOW, scan, standing

LIMITS = SecurityLimits()
PARTIAL, FAILED = Completeness.PARTIAL, Completeness.FAILED


@pytest.mark.parametrize(
    ("rating", "confidence", "status"),
    [
        (Rating.HIGH, Confidence.MEDIUM, Status.FAIL),
        (Rating.CRITICAL, Confidence.HIGH, Status.FAIL),
        (Rating.UNKNOWN, Confidence.HIGH, Status.FAIL),
        (Rating.MEDIUM, Confidence.HIGH, Status.PASS),
        (Rating.HIGH, Confidence.LOW, Status.PASS),
    ],
)
def test_the_gate_is_severity_and_confidence(rating: Rating, confidence: Confidence, status: Status) -> None:
    result = judge_kind(Kind.CODE, [standing(rating=rating, confidence=confidence)], [scan()], LIMITS, NOW)
    assert result.status is status


def test_no_finding_of_a_complete_scan_passes() -> None:
    result = judge_kind(Kind.CODE, [], [scan()], LIMITS, NOW)
    assert (result.status, result.observed and result.observed.value) == (Status.PASS, 0)


@pytest.mark.parametrize("completeness", [PARTIAL, FAILED])
def test_no_finding_of_an_incomplete_scan_is_unknown(completeness: Completeness) -> None:
    result = judge_kind(Kind.CODE, [], [scan(completeness=completeness)], LIMITS, NOW)
    assert (result.status, result.reason) == (Status.UNKNOWN, scan().reason)


@pytest.mark.parametrize("completeness", [PARTIAL, FAILED])
def test_what_is_known_to_be_bad_fails_although_the_scan_is_incomplete(completeness: Completeness) -> None:
    assert judge_kind(Kind.CODE, [standing()], [scan(completeness=completeness)], LIMITS, NOW).status is Status.FAIL


def test_an_incomplete_scan_of_another_kind_is_not_its_own() -> None:
    assert judge_kind(Kind.CODE, [], [scan(), scan(LOCK, FAILED)], LIMITS, NOW).status is Status.PASS
    assert judge_kind(Kind.DEPENDENCY, [], [scan(), scan(LOCK, FAILED)], LIMITS, NOW).status is Status.UNKNOWN


def test_without_any_scan_of_its_kind_nothing_is_known() -> None:
    assert judge_kind(Kind.SECRET, [], [scan()], LIMITS, NOW).status is Status.UNKNOWN


def test_a_waived_finding_does_not_fail_and_is_shown() -> None:
    result = judge_kind(Kind.CODE, [standing(waived=True)], [scan()], LIMITS, NOW)
    assert result.status is Status.PASS
    [table] = [evidence for evidence in result.evidence if isinstance(evidence, Table)]
    assert table.title.text == "Waived"


def test_new_only_leaves_old_findings_to_their_time() -> None:
    limits = SecurityLimits(gate=Gate(new_only=True))
    assert judge_kind(Kind.CODE, [standing()], [scan()], limits, NOW).status is Status.PASS
    assert judge_kind(Kind.CODE, [standing(is_new=True)], [scan()], limits, NOW).status is Status.FAIL


def test_only_findings_of_the_kind_count() -> None:
    assert judge_kind(Kind.CODE, [standing(Kind.SECRET)], [scan()], LIMITS, NOW).status is Status.PASS


def test_of_many_findings_the_last_row_says_how_many_there_are() -> None:
    result = judge_kind(Kind.CODE, [standing()] * 60, [scan()], LIMITS, NOW)
    [table] = [evidence for evidence in result.evidence if isinstance(evidence, Table)]
    assert len(table.rows) == 51 and getattr(table.rows[-1][0], "params", None) == {"number": 10}


class TestOverdue:
    @pytest.mark.parametrize(
        ("rating", "days"),
        [(Rating.CRITICAL, 7), (Rating.HIGH, 30), (Rating.UNKNOWN, 30), (Rating.MEDIUM, 90), (Rating.LOW, 180)],
    )
    def test_the_time_depends_on_the_severity(self, rating: Rating, days: int) -> None:
        at, after = standing(rating=rating, days=days), standing(rating=rating, days=days + 0.001)
        assert judge_overdue([at], None, LIMITS, NOW).status is Status.PASS
        assert judge_overdue([after], None, LIMITS, NOW).status is Status.FAIL

    def test_a_waiver_pauses_the_alert_and_not_the_age(self) -> None:
        old = standing(days=400, waived=True)
        assert judge_overdue([old], None, LIMITS, NOW).status is Status.PASS
        assert old.due(LIMITS.fix_within) == NOW - 400 * DAY + timedelta(days=30)

    def test_what_the_scanner_is_less_sure_of_than_the_gate_asks_has_no_time_limit(self) -> None:
        unsure = standing(confidence=Confidence.LOW, days=400)
        assert judge_overdue([unsure], None, LIMITS, NOW).status is Status.PASS

    def test_before_the_first_complete_scan_it_is_unknown(self) -> None:
        late = standing(days=400)
        assert judge_overdue([], scan().reason, LIMITS, NOW).status is Status.UNKNOWN
        assert judge_overdue([late], scan().reason, LIMITS, NOW).status is Status.FAIL


def test_names_from_outside_are_shown_without_control_characters_and_personal_data() -> None:
    odd = standing()
    finding = replace(odd.finding, path="a\u202eb/hanako@example.jp.py", kind=Kind.CODE)
    result = judge_kind(Kind.CODE, [replace(odd, known=replace(odd.known, finding=finding))], [scan()], LIMITS, NOW)
    text = str(result)
    assert "\u202e" not in text and "hanako@example.jp" not in text
