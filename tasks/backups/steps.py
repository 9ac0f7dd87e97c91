"""Why a later step of a drill has nothing to look at."""

from tasks.backups.facts import Drill, Outcome
from tasks.check_result import Message, msg


def not_reached(drill: Drill) -> Message:
    """What stopped a drill before anything came out of it."""
    for step in drill.steps:
        if step.outcome is Outcome.FAILED:
            return msg("Not reached: the drill ended at the step {step}", step=step.rung.value)
        if step.outcome is Outcome.ERROR:
            return msg("Not reached: the step {step} could not be taken", step=step.rung.value)
    return msg("Not reached: there is no backup")
