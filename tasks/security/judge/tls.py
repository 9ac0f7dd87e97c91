"""Judges the TLS server in front of the service."""

from datetime import datetime

from tasks.check_result import CheckResult
from tasks.observation import Absent, Unobserved
from tasks.security.checks import TLS
from tasks.security.judge.surface import LIMITS, SUBJECT
from tasks.security.limits import SecurityLimits
from tasks.tls.facts import TlsFact
from tasks.tls.judge import judge_server


def judge_tls(seen: TlsFact | Unobserved | Absent, limits: SecurityLimits, now: datetime) -> CheckResult:
    """Whether browsers are content with the certificate for long enough, and old versions are refused."""
    return judge_server(TLS, SUBJECT, seen, limits, LIMITS, now)
