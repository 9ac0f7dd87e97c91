"""What findings, scans and the surface of the service may be."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.configuration import Model
from tasks.security.facts.scans import Confidence, Rating
from tasks.tls.limits import TlsLimits

Grade = Literal["A+", "A", "A-", "B+", "B", "B-", "C+", "C", "C-", "D+", "D", "D-", "F"]
Days = Annotated[int, Field(ge=1, le=3650)]
Hours = Annotated[float, Field(gt=0, le=24 * 365)]


class Gate(Model):
    """Which open findings fail the check."""

    severity: Literal[Rating.LOW, Rating.MEDIUM, Rating.HIGH, Rating.CRITICAL] = Rating.HIGH
    """Findings of this severity or a higher one fail; an unknown severity counts as high."""

    confidence: Confidence = Confidence.MEDIUM
    """Findings of this confidence or a higher one fail."""

    new_only: bool = False
    """Only findings that are new since the round before, or of the week, fail; others are left to their SLA."""

    def stops(self, rating: Rating, confidence: Confidence) -> bool:
        """True for a finding that fails the check."""
        return rating.rank >= self.severity.rank and confidence.rank >= self.confidence.rank


class FixWithin(Model):
    """Days within which a finding is fixed, from the day on which it was first seen. It is asked of findings whose
    confidence is that of the gate or higher."""

    critical_days: Days = 7
    """Critical severity. Source: common practice, such as the US CISA BOD 19-02 (15 and 30 days), shortened."""

    high_days: Days = 30
    """High severity, and unknown severity."""

    medium_days: Days = 90
    """Medium severity."""

    low_days: Days = 180
    """Low severity."""

    def days(self, rating: Rating) -> int:
        """The days for a severity."""
        return (self.low_days, self.medium_days, self.high_days, self.critical_days)[rating.rank]


class SecurityLimits(TlsLimits):
    """Limits of the security scans and of the weekly review."""

    gate: Gate = Gate()
    """Which open findings fail."""

    fix_within: FixWithin = FixWithin()
    """How many days a finding may stay open."""

    max_scan_age_h: Hours = 36.0
    """Age of the last complete scan of each target at the review."""

    max_feed_age_h: Hours = 168.0
    """Time since the advisory feed last changed; older, it is stale."""

    reuse_advisories_h: Hours = 12.0
    """An unchanged lock file is not asked about again for so long; advisories appear every day."""

    expiring_days: Days = 14
    """A waiver that expires within so many days is reported."""

    min_grade: Grade = "B"
    """Worst acceptable grade of headers and cookies."""

    max_authentication_failures: Annotated[int, Field(ge=0)] = 100
    """Failed logins of a week in the audit log."""

    max_privilege_changes: Annotated[int, Field(ge=0)] = 0
    """Privilege changes of a week in the audit log; a person checks each one above."""

    max_silent_days: Annotated[int, Field(ge=0, le=30)] = 0
    """Days of the last 7 without a line in the audit log."""

    max_unreadable_audit_share: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """With a larger share of lines without a readable time or JSON object, the audit log does not pass. Source: the
    limit of every other log, `[logs.limits] max_malformed_share`."""
