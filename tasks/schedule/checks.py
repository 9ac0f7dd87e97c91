"""The questions of the monitoring and of the schedules."""

from typing import Final

from tasks.check_result import Check, Severity, msg
from tasks.guide.lines import GuideLine

MONITORING: Final = Check(
    "schedule.monitoring",
    msg("Monitoring of the last 24 hours"),
    msg("Is the service monitored every minute, up to now?"),
    Severity.EMERGENCY,
)
FLOWS: Final = Check(
    "schedule.flows",
    msg("Scheduled runs"),
    msg("Did every scheduled flow run when it was due?"),
    Severity.WARNING,
)
CHECKS: Final = (MONITORING, FLOWS)
LINE: Final = GuideLine(
    "schedule",
    msg("Monitoring and scheduled flows"),
    ("schedule.*",),
    also="監視と定期実行の確認",
    named_by=(MONITORING.id, FLOWS.id),
)
