"""The questions of the incident review."""

from typing import Final

from tasks.check_result import Check, Severity, msg
from tasks.guide.lines import GuideLine

RESOLUTION: Final = Check(
    "incidents.resolution-time",
    msg("Time to resolution"),
    msg("Were the month's incidents resolved in time?"),
    Severity.WARNING,
)
BUDGET: Final = Check(
    "incidents.budget",
    msg("Error budget used by incidents"),
    msg("Did no single incident use too much of the month's error budget?"),
    Severity.WARNING,
)
REPEATS: Final = Check(
    "incidents.repeats",
    msg("Repeated incidents"),
    msg("Did no incident come back with the same cause?"),
    Severity.WARNING,
)
ACTIONS: Final = Check(
    "incidents.actions",
    msg("Overdue action items"),
    msg("Are all action items of incidents done by their due dates?"),
    Severity.WARNING,
)
RETROSPECTIVES: Final = Check(
    "incidents.retrospectives",
    msg("Retrospectives"),
    msg("Was a retrospective of every incident written in time?"),
    Severity.WARNING,
)
CHECKS: Final = (RESOLUTION, BUDGET, REPEATS, ACTIONS, RETROSPECTIVES)
LINE: Final = GuideLine(
    "incidents",
    msg("Review the incidents"),
    ("incidents.*",),
    also="インシデントの振り返り",
    named_by=(RESOLUTION.id, RETROSPECTIVES.id),
)
