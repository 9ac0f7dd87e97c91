"""Which check finds which fault of the demo: the demo passes only if the planted set, and nothing else, was found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from deployments.demo.faults import SILENT_MODULE, Fault
from reports.report import Report
from tasks.check_result import CheckResult, Message, Status


@dataclass(frozen=True, slots=True)
class Signature:
    """`found_by` is the finding that names the fault; `brings` are findings that may come with it.

    Each is a pattern over `check status subject`.
    """

    found_by: str
    brings: tuple[str, ...] = ()


def _logged(module: str) -> tuple[str, ...]:
    """What failed requests of a module bring into the log: for a day they are new, then more than usual."""
    return (
        f"logs.error-share * module:{module}",
        f"logs.new-error WARN module:{module}/error:*",
        f"logs.spiking-error WARN module:{module}/error:*",
        _NEW,
    )


_NEW = "logs.new-error WARN service"  # the sum of all new ones

SIGNATURES = {
    Fault.ERRORS: Signature(
        "health.errors FAIL * /api/shopping/*", ("health.latency * /api/shopping/*", *_logged("shopping"))
    ),
    Fault.LATENCY: Signature("health.latency FAIL * /api/ingredients*"),
    Fault.HANG: Signature("health.errors FAIL * /api/users*", ("health.latency FAIL * /api/users*",)),
    Fault.COMPONENT_DOWN: Signature(
        "health.readiness FAIL *",
        ("health.status FAIL *", "health.component FAIL */component:cache", *_logged("health")),
    ),
    Fault.HTML_HEALTH: Signature(
        "health.status UNKNOWN *", ("health.component UNKNOWN *", "health.version UNKNOWN service")
    ),
    Fault.FLAP: Signature("health.liveness FAIL *", _logged("health")),
    Fault.NEW_ERROR: Signature("logs.new-error WARN module:ingredients/error:*", (_NEW,)),
    Fault.SILENT_MODULE: Signature(f"logs.silent-module FAIL module:{SILENT_MODULE}"),
    Fault.PERSONAL_DATA: Signature("logs.personal-data WARN module:users"),
    Fault.FULL_POOL: Signature("resources.database-connections FAIL database"),
    Fault.OUTAGE: Signature(
        "slo.uptime FAIL objective:uptime",
        (
            "slo.error-budget * service",
            "slo.uptime WARN objective:uptime",
            "slo.availability WARN objective:availability",
            "slo.error-rate WARN objective:error-rate",
            "slo.burn-rate * *",
            "logs.error-share * module:*",  # where the round's day is the outage's
        ),
    ),
    Fault.FEW_DEPLOYS: Signature("slo.deploy-frequency FAIL objective:deploy-frequency"),
    Fault.TORN_BACKUP: Signature("backups.container FAIL database:history", ("backups.* * database:history",)),
    Fault.LOST_ROWS: Signature(
        "backups.counts FAIL database:kondate",
        ("backups.content FAIL database:kondate", "backups.drill FAIL database:kondate"),
    ),
}
_OF_THE_MACHINE = ("resources.* * host", "resources.* * host/*", "resources.* * container")
"""Findings about the machine that the demo runs on: nobody planted them, and they are true."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Planted faults and found ones, findings that no found fault explains, and those about this machine.

    `not_looked_at` are the lines of the guide of which nothing was measured.
    """

    planted: frozenset[Fault]
    found: frozenset[Fault]
    unexplained: tuple[CheckResult, ...]
    machine: tuple[CheckResult, ...]
    not_looked_at: tuple[Message, ...]

    @property
    def exact(self) -> bool:
        """True when exactly the planted set was found, by a round that looked at every line of the guide."""
        return self.planted == self.found and not self.unexplained and not self.not_looked_at


def compare(planted: Iterable[Fault], *reports: Report) -> Comparison:
    """Hold what rounds found against what was planted."""
    findings = [r for report in reports for r in report.results if r.status not in (Status.PASS, Status.SKIPPED)]
    machine = tuple(r for r in findings if any(_matches(pattern, r) for pattern in _OF_THE_MACHINE))
    found = frozenset(f for f, s in SIGNATURES.items() if any(_matches(s.found_by, r) for r in findings))
    explained = [pattern for f in found for pattern in (SIGNATURES[f].found_by, *SIGNATURES[f].brings)]
    unexplained = tuple(r for r in findings if r not in machine and not any(_matches(p, r) for p in explained))
    return Comparison(frozenset(planted), found, unexplained, machine, _not_looked_at(reports))


def _not_looked_at(reports: Sequence[Report]) -> tuple[Message, ...]:
    measured = [({r.check for r in report.results if r.status.measured}, report.lines) for report in reports]
    return tuple(
        line.text
        for checks, lines in measured
        for line in lines
        if not any(fnmatchcase(check, pattern) for check in checks for pattern in line.checks)
    )


def _matches(pattern: str, result: CheckResult) -> bool:
    return fnmatchcase(f"{result.check} {result.status} {result.subject}", pattern)
