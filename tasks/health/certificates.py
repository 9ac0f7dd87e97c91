"""Looks at the TLS server of every https address of the service, and judges its certificate and versions."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from tasks.check_result import CheckResult, Severity, Status, msg
from tasks.health.checks import TLS
from tasks.health.limits import HealthLimits
from tasks.health.settings import Health
from tasks.observation import Absent, Unobserved, seen
from tasks.round import Round
from tasks.settings import Settings
from tasks.tls.facts import TlsFact
from tasks.tls.judge import judge_server
from tasks.tls.observe import read_tls

_HTTPS = 443
_PUBLIC: Final = "base_url"
"""What the service's own address is called where it is none of the instances'."""
_LIMITS = msg("[health.limits] of the service file")
_NO_TLS = Absent(msg("No address of the service is https"))


async def judge_certificates(run: Round) -> list[CheckResult]:
    """One result for each TLS server, one after another; SKIPPED where there is none.

    Raises UsageError for a CA file that cannot be used.
    """
    health = run.settings.health or Health()
    addresses = tls_addresses(run.settings)
    if not addresses:
        return [judge_certificate("service", _NO_TLS, health.limits, run.now())]
    results = []
    for subject, (host, port) in addresses.items():
        fact = await _look(run, host, port) if run.past is None else run.past
        results.append(judge_certificate(subject, fact, health.limits, run.now()))
    return results


def judge_certificate(
    subject: str, fact: TlsFact | Unobserved | Absent, limits: HealthLimits, now: datetime
) -> CheckResult:
    """Whether a TLS server keeps clients out, now or in a few weeks: what only warns is no emergency."""
    # An old version keeps nobody out: the weekly security review fails for it, the daily round warns.
    result = judge_server(TLS, subject, fact, limits, _LIMITS, now, weak=Status.WARN)
    return replace(result, severity=Severity.WARNING) if result.status is Status.WARN else result


def tls_addresses(settings: Settings) -> Mapping[str, tuple[str, int]]:
    """Host and port of every https instance by its name, and of the service's own address; each once."""
    found: dict[tuple[str, int], str] = {}
    for name, url in _urls(settings):
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.hostname:
            found.setdefault((parts.hostname, parts.port or _HTTPS), name)
    return {name: address for address, name in found.items()}


def _urls(settings: Settings) -> Iterator[tuple[str, str]]:
    yield from ((instance.name, instance.base_url) for instance in settings.targets())
    taken = {instance.name for instance in settings.targets()}
    yield _PUBLIC if _PUBLIC not in taken else f"{_PUBLIC} {settings.service.base_url}", settings.service.base_url


async def _look(run: Round, host: str, port: int) -> TlsFact | Unobserved:
    health = run.settings.health or Health()
    ca_file = None if health.ca_file is None else run.settings.path.parent / health.ca_file
    below = health.limits.min_tls
    return await seen(read_tls(host, port, host, ca_file, health.timeout_s, section="health", below=below))
