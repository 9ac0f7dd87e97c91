"""The questions of the SLO review."""

from typing import Final

from tasks.check_result import Check, Severity, msg
from tasks.guide.lines import GuideLine

AVAILABILITY: Final = Check(
    "slo.availability",
    msg("Availability"),
    msg("Were enough valid requests answered without a server error?"),
    Severity.EMERGENCY,
)
LATENCY: Final = Check(
    "slo.latency",
    msg("Response time"),
    msg("Were enough requests answered in time?"),
    Severity.WARNING,
)
ERROR_RATE: Final = Check(
    "slo.error-rate",
    msg("Error rate"),
    msg("Did few enough valid requests get a server error?"),
    Severity.EMERGENCY,
)
UPTIME: Final = Check(
    "slo.uptime",
    msg("Uptime"),
    msg("Was the service up in enough of the measured minutes?"),
    Severity.EMERGENCY,
)
KPI: Final = Check(
    "slo.kpi",
    msg("Business figure over time"),
    msg("Did the figure stay above its floor for enough of the time?"),
    Severity.WARNING,
)
RESOLUTION: Final = Check(
    "slo.incident-resolution",
    msg("Incident resolution"),
    msg("Were incidents resolved in time?"),
    Severity.WARNING,
)
DEPLOYS: Final = Check(
    "slo.deploy-frequency",
    msg("Deploy frequency"),
    msg("Was there a deploy often enough in every whole week?"),
    Severity.INFORMATION,
)
BUDGET: Final = Check(
    "slo.error-budget",
    msg("Error budget"),
    msg("Is enough of every error budget left to go on as usual?"),
    Severity.WARNING,
)
BURN: Final = Check(
    "slo.burn-rate",
    msg("Burn rate"),
    msg("Is the error budget burning no faster than it may?"),
    Severity.EMERGENCY,
)
DOWNTIME: Final = Check(
    "slo.downtime",
    msg("Downtime and its causes"),
    msg("Is the cause of every minute down recorded?"),
    Severity.WARNING,
)
CLOSED_MONTH: Final = Check(
    "slo.closed-month",
    msg("Figures of the closed month"),
    msg("Are the figures of the month the ones that were frozen?"),
    Severity.INFORMATION,
)
CHECKS: Final = (
    AVAILABILITY,
    LATENCY,
    ERROR_RATE,
    UPTIME,
    KPI,
    RESOLUTION,
    DEPLOYS,
    BUDGET,
    BURN,
    DOWNTIME,
    CLOSED_MONTH,
)
LINE: Final = GuideLine("slo", msg("Review the SLOs"), ("slo.*",), also="SLOレビュー")
