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
    msg("Is the share of valid requests with a server error below the limit?"),
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
    msg("Time at or above the KPI floor"),
    msg("Was the business KPI at or above its floor for enough of the time?"),
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
    msg("Were there enough deploys in every full week?"),
    Severity.INFORMATION,
)
BUDGET: Final = Check(
    "slo.error-budget",
    msg("Error budget"),
    msg("Is enough of every error budget left?"),
    Severity.WARNING,
)
BURN: Final = Check(
    "slo.burn-rate",
    msg("Burn rate"),
    msg("Is the error budget burning more slowly than every alert threshold?"),
    Severity.EMERGENCY,
)
DOWNTIME: Final = Check(
    "slo.downtime",
    msg("Downtime without a recorded cause"),
    msg("Is the cause of all downtime recorded?"),
    Severity.WARNING,
)
CLOSED_MONTH: Final = Check(
    "slo.closed-month",
    msg("Figures of the frozen month"),
    msg("Are the month's figures still the frozen ones?"),
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
LINE: Final = GuideLine(
    "slo",
    msg("Review the SLOs"),
    ("slo.*",),
    also="SLOレビュー",
    named_by=(AVAILABILITY.id, LATENCY.id, ERROR_RATE.id, UPTIME.id, KPI.id),
)
