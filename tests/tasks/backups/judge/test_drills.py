"""The results of restore drills, today's and earlier ones."""

import pytest

from tasks.backups.checks import CONTAINER, CONTENT, DECODE, MANIFEST, RESTORE
from tasks.backups.facts import DrillStep, DrillVerdict, PastDrill, StepOutcome, StepResult
from tasks.backups.judge.drills import judge_drill
from tasks.check_result import CheckResult, Ladder, Limit, Message, Quantity, Status, Table, msg
from tests.tasks.backups.judge.test_files import LIMITS, NOW, ON, reason_text
from tests.tasks.backups.judge.test_recovery import drill, past

PASSED, FAILED, ERROR = DrillVerdict.PASSED, DrillVerdict.FAILED, DrillVerdict.ERROR


def rung(check: object, status: Status, reason: Message) -> CheckResult:
    assert hasattr(check, "judged")
    one, limit = Quantity(1), Limit("=", 1, "", msg("own"))
    result: CheckResult = check.judged(status, ON, reason, at=NOW, observed=one, limit=limit)
    return result


LADDER = (
    rung(MANIFEST, Status.UNKNOWN, msg("no manifest")),
    rung(CONTAINER, Status.PASS, msg("whole")),
    rung(DECODE, Status.FAIL, msg("cut off")),
    rung(RESTORE, Status.UNKNOWN, msg("not reached")),
    rung(CONTENT, Status.FAIL, msg("rows differ")),
)
STEPS = (
    StepResult(DrillStep.MANIFEST, StepOutcome.SKIPPED, msg("no manifest"), 0.0),
    StepResult(DrillStep.CONTAINER, StepOutcome.PASSED, msg("whole"), 0.25),
    StepResult(DrillStep.DECODE, StepOutcome.FAILED, msg("cut off"), 3.21),
    StepResult(DrillStep.RESTORE, StepOutcome.NOT_REACHED, msg("not reached"), 0.0),
)


def judged(verdict: DrillVerdict | None, *before: PastDrill) -> CheckResult:
    return judge_drill(ON, drill() if verdict else None, verdict, (), before, LIMITS, NOW)


@pytest.mark.parametrize(
    ("verdict", "before", "status", "observed"),
    [
        (PASSED, [], Status.PASS, 0.0),
        (PASSED, [past(1, FAILED)], Status.PASS, 0.0),
        (FAILED, [past(1)], Status.FAIL, 1.0),
        (FAILED, [], Status.FAIL, msg("no passed drill")),
        (ERROR, [past(1)], Status.WARN, 1.0),
        (ERROR, [past(8)], Status.WARN, 8.0),
        (ERROR, [past(8.01)], Status.FAIL, 8.1),
        (ERROR, [past(1, FAILED), past(2)], Status.FAIL, 2.0),
        (ERROR, [past(1, ERROR), past(2, FAILED)], Status.FAIL, msg("no passed drill")),
        (ERROR, [past(1, ERROR)], Status.UNKNOWN, None),
        (ERROR, [], Status.UNKNOWN, None),
        (None, [past(1)], Status.PASS, 1.0),
        (None, [past(7.99)], Status.PASS, 7.9),
        (None, [past(8)], Status.PASS, 8.0),
        (None, [past(8.01)], Status.FAIL, 8.1),
        (None, [past(3), past(1, FAILED)], Status.FAIL, 3.0),
        (None, [past(1, FAILED), past(0.5)], Status.PASS, 0.5),
        (None, [past(1, ERROR), past(2)], Status.PASS, 2.0),
        (None, [past(1, ERROR)], Status.UNKNOWN, None),
        (None, [], Status.UNKNOWN, None),
        (None, [past(-0.1)], Status.UNKNOWN, None),
        (None, [past(-0.003)], Status.PASS, 0.0),
    ],
)
def test_an_error_erases_no_verdict_and_gives_none(
    verdict: DrillVerdict | None, before: list[PastDrill], status: Status, observed: object
) -> None:
    result = judged(verdict, *before)
    assert result.status is status
    assert (None if result.observed is None else result.observed.value) == observed


def test_the_reason_names_the_last_drill() -> None:
    assert reason_text(judged(None)) == "No restore drill has run yet: run `rounds run backup-verification`"
    assert (
        reason_text(judged(None, past(1, ERROR))) == "No restore drill has reached a verdict yet; 1 ended without one"
    )
    assert reason_text(judged(None, past(1))) == "The last passed restore drill was at 2026-11-24T10:00Z"
    assert reason_text(judged(None, past(1, ERROR), past(2))).endswith(
        "2026-11-23T10:00Z; 1 since then ended without a verdict"
    )
    assert reason_text(judged(None, past(1, ERROR), past(2, FAILED))).endswith(
        "failed; 1 since then ended without a verdict"
    )
    assert reason_text(judged(None, past(9))) == "No passed restore drill since 2026-11-16T10:00Z"
    assert reason_text(judged(None, past(1, ERROR), past(9))).endswith("; 1 since then ended without a verdict")
    assert reason_text(judged(ERROR, past(1))).endswith("the last passed one was at 2026-11-24T10:00Z")


def test_a_failed_drill_has_the_reason_of_its_first_failed_step_and_a_picture() -> None:
    result = judge_drill(ON, drill(None, STEPS), FAILED, LADDER, [past(1), past(2, ERROR, None)], LIMITS, NOW)
    assert (result.status, reason_text(result)) == (Status.FAIL, "cut off")
    ladder, table = result.evidence
    assert isinstance(ladder, Ladder) and ladder.finding == msg("cut off")
    assert [(step.name, step.status, step.seconds) for step in ladder.steps] == [
        (MANIFEST.title, Status.UNKNOWN, None),
        (CONTAINER.title, Status.PASS, 0.2),
        (DECODE.title, Status.FAIL, 3.2),
        (RESTORE.title, Status.UNKNOWN, None),
        (CONTENT.title, Status.FAIL, None),
    ]
    assert ladder.steps[2].note == msg("cut off")
    assert isinstance(table, Table)
    assert table.rows == (
        ("2026-11-24T10:00Z", msg("passed"), "shop-1.dump", "16.4", 60.0),
        ("2026-11-23T10:00Z", msg("no verdict"), "shop-2.dump", "16.4", None),
    )


def test_the_ladder_of_a_drill_without_a_failure() -> None:
    whole = judge_drill(ON, drill(), PASSED, LADDER[1:2], (), LIMITS, NOW).evidence[0]
    unsure = judge_drill(ON, drill(), PASSED, LADDER[:2], (), LIMITS, NOW).evidence[0]
    assert isinstance(whole, Ladder) and whole.finding == msg("No step failed")
    assert isinstance(unsure, Ladder) and unsure.finding == msg("Not every step could be judged")


def test_the_last_ten_drills_are_shown() -> None:
    (table,) = judged(None, *(past(n) for n in range(20, 0, -1))).evidence
    assert isinstance(table, Table) and [row[2] for row in table.rows] == [f"shop-{n}.dump" for n in range(1, 11)]


@pytest.mark.parametrize("before", [(), (past(1),)])
def test_a_drill_without_a_verdict_says_why(before: tuple[PastDrill, ...]) -> None:
    full = rung(RESTORE, Status.UNKNOWN, msg("the disk is full"))
    ladder = (LADDER[0], LADDER[1], full, rung(CONTENT, Status.UNKNOWN, msg("not reached")))
    found = judge_drill(ON, drill(), ERROR, ladder, before, LIMITS, NOW)
    assert reason_text(found) == "the disk is full"
    assert isinstance(found.evidence[0], Ladder) and found.evidence[0].finding.text == "the disk is full"


def test_an_old_failure_outweighs_why_today_has_no_verdict() -> None:
    ladder = (rung(RESTORE, Status.UNKNOWN, msg("the disk is full")),)
    found = judge_drill(ON, drill(), ERROR, ladder, (past(1, FAILED),), LIMITS, NOW)
    assert found.status is Status.FAIL and "failed" in reason_text(found)
