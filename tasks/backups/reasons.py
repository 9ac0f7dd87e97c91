"""Why a later step of a drill has nothing to look at."""

from tasks.backups.facts import Drill, Outcome, Rung
from tasks.check_result import Message, msg

ENDED = msg("Not reached: an earlier step ended the drill")
NOT_TAKEN = msg("Not reached: an earlier step could not be taken")


def not_reached(drill: Drill) -> Message:
    """What stopped a drill before anything came out of it."""
    outcomes = {step.outcome for step in drill.steps if step.rung is not Rung.MANIFEST}
    if Outcome.FAILED in outcomes:
        return ENDED
    if Outcome.ERROR in outcomes:
        return NOT_TAKEN
    return msg("Not reached: there is no backup")
