"""The questions of the health check."""

from typing import Final

from tasks.check_result import Check, Severity, msg
from tasks.guide.lines import GuideLine

LIVENESS: Final = Check(
    "health.liveness",
    msg("Liveness"),
    msg("Does every instance answer that it is alive, each time it is asked?"),
    Severity.EMERGENCY,
)
READINESS: Final = Check(
    "health.readiness",
    msg("Readiness"),
    msg("Is every instance ready to take requests, each time it is asked?"),
    Severity.EMERGENCY,
)
STATUS: Final = Check(
    "health.status",
    msg("Own health status"),
    msg("Does the service itself say that it is healthy?"),
    Severity.EMERGENCY,
)
COMPONENT: Final = Check(
    "health.component",
    msg("Component"),
    msg("Is every component that the service depends on healthy and quick?"),
    Severity.WARNING,
)
ERRORS: Final = Check(
    "health.errors",
    msg("Request errors"),
    msg("Are sampled requests answered without a server error?"),
    Severity.EMERGENCY,
)
LATENCY: Final = Check(
    "health.latency",
    msg("Request latency"),
    msg("Are sampled requests answered in time?"),
    Severity.WARNING,
)
VERSION: Final = Check(
    "health.version",
    msg("Version"),
    msg("Does every instance run the same version?"),
    Severity.INFORMATION,
)
CHECKS: Final = (LIVENESS, READINESS, STATUS, COMPONENT, ERRORS, LATENCY, VERSION)
LINE: Final = GuideLine("health", msg("Confirm the health check"), ("health.*",), also="ヘルスチェックの確認")
