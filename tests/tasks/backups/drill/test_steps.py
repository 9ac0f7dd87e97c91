"""What the steps of a drill come to, and which of them are taken."""

from collections.abc import Callable

import pytest

from tasks.backups.drill.steps import DrillSteps, Given, StepSkipped, checked
from tasks.backups.errors import BadBackup
from tasks.backups.facts import DrillStep, StepOutcome
from tasks.backups.reasons import ENDED, NOT_TAKEN
from tasks.check_result import Message, msg
from tasks.observation import ObservationError
from tasks.postgres.installation import PostgresUnavailable

GOOD, BAD = msg("good"), msg("bad")
NOT_STARTED = msg("The restore drill's PostgreSQL did not start: {why}", why="2")


def raising(error: Exception) -> Callable[[], Given[str]]:
    def work() -> Given[str]:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (BadBackup(BAD), StepOutcome.FAILED, BAD),
        (StepSkipped(BAD), StepOutcome.SKIPPED, BAD),
        (ObservationError(BAD), StepOutcome.ERROR, BAD),
        (PostgresUnavailable("1\n2"), StepOutcome.ERROR, NOT_STARTED),
        (PermissionError(13, "denied"), StepOutcome.ERROR, msg("A file operation failed: {why}", why="denied")),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_an_error_is_an_outcome_with_its_reason(error: Exception, outcome: StepOutcome, reason: Message) -> None:
    steps = DrillSteps("shop")
    assert steps.run(DrillStep.CONTAINER, raising(error)) is None
    assert [(step.outcome, step.reason) for step in steps.results if step.step is DrillStep.CONTAINER] == [
        (outcome, reason)
    ]


def test_a_bug_is_raised_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        DrillSteps("shop").run(DrillStep.DECODE, raising(ZeroDivisionError()))


@pytest.mark.parametrize(
    ("error", "why"), [(BadBackup(BAD), ENDED), (ObservationError(BAD), NOT_TAKEN)], ids=["failed", "error"]
)
def test_a_step_that_ends_the_drill_leaves_only_the_manifest(error: Exception, why: Message) -> None:
    steps = DrillSteps("shop")
    steps.run(DrillStep.CONTAINER, raising(error))
    assert steps.run(DrillStep.DECODE, lambda: Given("read", GOOD)) is None
    assert steps.run(DrillStep.MANIFEST, lambda: Given("as written", GOOD)) == "as written"
    assert [(step.step, step.reason) for step in steps.results if step.outcome is StepOutcome.NOT_REACHED] == [
        (DrillStep.DECODE, why),
        (DrillStep.RESTORE, why),
    ]


def test_a_manifest_that_does_not_fit_and_a_step_that_does_not_apply_end_nothing() -> None:
    steps = DrillSteps("shop")
    steps.run(DrillStep.MANIFEST, raising(BadBackup(BAD)))
    steps.run(DrillStep.CONTAINER, raising(StepSkipped(BAD)))
    assert not steps.ended
    assert steps.run(DrillStep.DECODE, lambda: Given("read", GOOD, StepOutcome.UNCHECKED)) == "read"
    assert steps.run(DrillStep.RESTORE, lambda: Given("restored", GOOD)) == "restored"


def test_what_is_known_of_something_bad_is_kept_and_a_step_has_its_own_seconds() -> None:
    def check() -> Message:
        raise BadBackup(BAD)

    steps = DrillSteps("shop", (DrillStep.CONTAINER, DrillStep.RESTORE))
    assert steps.run(DrillStep.CONTAINER, lambda: Given("opened", GOOD, seconds=1.23456)) == "opened"
    assert steps.run(DrillStep.RESTORE, lambda: checked("a copy", check)) == "a copy"
    assert [(step.outcome, step.reason) for step in steps.results] == [
        (StepOutcome.PASSED, GOOD),
        (StepOutcome.FAILED, BAD),
    ]
    assert steps.results[0].seconds == 1.235 and steps.ended
