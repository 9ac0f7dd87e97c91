"""The questions of the health check."""

from typing import Final

from tasks.causes import Cause
from tasks.check_result import Check, Severity, msg
from tasks.guide.lines import GuideLine

LIVENESS: Final = Check(
    "health.liveness",
    msg("Liveness"),
    msg("Is every instance alive each time it is probed?"),
    Severity.EMERGENCY,
)
READINESS: Final = Check(
    "health.readiness",
    msg("Readiness"),
    msg("Is every instance ready to take requests each time it is probed?"),
    Severity.EMERGENCY,
)
STATUS: Final = Check(
    "health.status",
    msg("Health reported by the service"),
    msg("Does the service report that it is healthy?"),
    Severity.EMERGENCY,
)
COMPONENT: Final = Check(
    "health.component",
    msg("Component health"),
    msg("Is every component that the service depends on healthy and fast?"),
    Severity.WARNING,
)
ERRORS: Final = Check(
    "health.errors",
    msg("Request error rate"),
    msg("Are test requests answered without a server error?"),
    Severity.EMERGENCY,
)
LATENCY: Final = Check(
    "health.latency",
    msg("Response time compliance"),
    msg("Are test requests answered in time?"),
    Severity.WARNING,
)
VERSION: Final = Check(
    "health.version",
    msg("Version consistency"),
    msg("Does every instance run the same version?"),
    Severity.INFORMATION,
)
TLS: Final = Check(
    "health.tls",
    msg("TLS certificate"),
    msg("Is the certificate of every https address trusted, issued for it and valid for long enough?"),
    Severity.EMERGENCY,
)
CHECKS: Final = (LIVENESS, READINESS, STATUS, COMPONENT, ERRORS, LATENCY, TLS, VERSION)
LINE: Final = GuideLine(
    "health",
    msg("Confirm the health check"),
    ("health.*",),
    also="ヘルスチェックの確認",
    named_by=(LIVENESS.id, READINESS.id, STATUS.id),
)
CAUSES: Final = (
    # An instance that was never alive answers nothing else either; one that flaps may have other faults.
    Cause(LIVENESS.id, (READINESS.id, STATUS.id, COMPONENT.id, ERRORS.id, LATENCY.id), observed=0.0),
    # Not request errors: a path may fail for reasons of its own while a component is down.
    Cause(COMPONENT.id, (READINESS.id, STATUS.id), shared=True),
    Cause(ERRORS.id, (LATENCY.id,), same="subject", shared=True),  # a request without an answer is not in time
    Cause(LATENCY.id, shared=True),
)
