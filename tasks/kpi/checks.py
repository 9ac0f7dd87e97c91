"""The questions of queues and business KPIs."""

from typing import Final

from tasks.check_result import Check, Severity, msg

QUEUE: Final = Check(
    "resources.queue",
    msg("Job queue"),
    msg("Are jobs done in time, and do few of them fail?"),
    Severity.WARNING,
)
KPI: Final = Check(
    "kpi.value",
    msg("Business KPI"),
    msg("Is the KPI within its expected range?"),
    Severity.WARNING,
)
CHECKS: Final = (QUEUE, KPI)
