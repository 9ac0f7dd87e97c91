"""Reasons for UNKNOWN and SKIPPED that several parts share."""

from typing import Final

from tasks.backups.facts import Drill, DrillStep, StepOutcome
from tasks.check_result import Message, msg
from tasks.observation import printable

ENDED: Final = msg("Not reached: an earlier step failed and ended the restore drill")
NOT_TAKEN: Final = msg("Not reached: an earlier step could not be run")
MANAGED: Final = msg("Managed database: copy_command restores a snapshot of it")
TABLESPACES: Final = msg("Restore drills do not support base backups with tablespaces")
LATE: Final = msg("The restore drill did not finish in time: raise [backups] deadline_min")
NO_LIVE: Final = msg(
    "Nothing to compare with: set live, or take backups with a manifest (rounds backup take, rounds backup manifest)"
)
"""`live` is not set: a judge's reason when there is no manifest either."""


def not_isolated(why: str) -> Message:
    """Why no program is run on a backup: in the words of bubblewrap."""
    return msg(
        "The restore drill cannot be isolated here ({why}): install bubblewrap, run as root, or allow user namespaces",
        why=printable(why, 300),
    )


def not_reached(drill: Drill) -> Message:
    """What stopped a drill before anything came out of it."""
    outcomes = {step.outcome for step in drill.steps if step.step is not DrillStep.MANIFEST}
    if StepOutcome.FAILED in outcomes:
        return ENDED
    if StepOutcome.ERROR in outcomes:
        return NOT_TAKEN
    return msg("Not reached: there is no backup")
