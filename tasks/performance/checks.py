"""The questions of the weekly performance report."""

from typing import Final

from tasks.check_result import Check, Severity, msg

MEASURED: Final = Check(
    "performance.measured",
    msg("Measured minutes of the week"),
    msg("Were the requests of the week counted without gaps?"),
    Severity.WARNING,
)
LATENCY: Final = Check(
    "performance.latency",
    msg("Response time, p95"),
    msg("Is p95 of the service and of each module below the limit?"),
    Severity.WARNING,
)
SLOWDOWN: Final = Check(
    "performance.slowdown",
    msg("Routes slower than before"),
    msg("Is no route slower than in the weeks before?"),
    Severity.WARNING,
)
ERRORS: Final = Check(
    "performance.errors",
    msg("Share of failed requests"),
    msg("Is each module's share of failed requests below the limit?"),
    Severity.WARNING,
)
QUERIES: Final = Check(
    "performance.slow-queries",
    msg("Slow queries"),
    msg("Is no frequent query of the database slow?"),
    Severity.INFORMATION,
)
CACHE: Final = Check(
    "performance.cache-hit",
    msg("Database cache hits of the week"),
    msg("Did the database answer most reads from memory?"),
    Severity.INFORMATION,
)
KPI: Final = Check(
    "performance.kpi",
    msg("Business KPI of the week"),
    msg("Was the business KPI within its range, and how did it change?"),
    Severity.INFORMATION,
)
LOAD_TEST: Final = Check(
    "performance.load-test",
    msg("Last load test"),
    msg("Was there a valid load test lately, and did the service pass it?"),
    Severity.WARNING,
)
BOTTLENECK: Final = Check(
    "performance.bottleneck",
    msg("Bottleneck"),
    msg("Does anything that was measured limit the service?"),
    Severity.INFORMATION,
)

CHECKS: Final = (MEASURED, LATENCY, SLOWDOWN, ERRORS, QUERIES, CACHE, KPI, LOAD_TEST, BOTTLENECK)
