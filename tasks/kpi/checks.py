"""The questions of queues and business figures."""

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
    msg("Business figure"),
    msg("Is the figure within the range that is expected?"),
    Severity.WARNING,
)
CHECKS: Final = (QUEUE, KPI)
