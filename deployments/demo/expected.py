"""Which check finds which fault of the demo: the demo passes only if the planted set, and nothing else, was found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from deployments.demo.faults import SILENT_MODULE, Fault
from deployments.demo.past.figures import UPLOADS
from reports.report import Report
from tasks.check_result import CheckResult, Message, Status
from tasks.guide.judge import Verdict
from tasks.resources.judge import disk_subject
from tasks.resources.look import HOST


@dataclass(frozen=True, slots=True)
class Signature:
    """`found_by` is the finding that names the fault; `brings` are findings that may come with it.

    `controls` are what the fault leaves as it is: where one of them is found in the same report and the fault was not
    planted, both are the machine's. Each is a pattern over `check status subject`.
    """

    found_by: str
    brings: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()


def _logged(module: str) -> tuple[str, ...]:
    """What failed requests of a module bring into the log: new errors for a day, then more errors than usual."""
    return (
        f"logs.error-share * module:{module}",
        f"logs.new-error WARN module:{module}/error:*",
        f"logs.spiking-error WARN module:{module}/error:*",
        _NEW,
    )


_NEW = "logs.new-error WARN service"  # the sum of all new ones
_TESTED = ("load.verdict FAIL *", "performance.load-test FAIL *")
_OTHER_MODULES = ("load.regression WARN module:ingredients", "load.regression WARN module:users")
_REVIEWED = ("security.alerts FAIL source",)  # the weekly review has the same finding

SIGNATURES = {
    Fault.ERRORS: Signature(
        "health.errors FAIL * /api/shopping/*", ("health.latency * /api/shopping/*", *_logged("shopping"))
    ),
    Fault.LATENCY: Signature("health.latency FAIL * /api/ingredients*", ("logs.latency WARN module:ingredients",)),
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
    Fault.FULL_POOL: Signature("resources.database-connections FAIL database", ("load.database WARN database",)),
    Fault.OUTAGE: Signature(
        "slo.uptime FAIL objective:uptime",
        (
            "slo.error-budget * service",
            "slo.uptime WARN objective:uptime",
            "slo.availability WARN objective:availability",
            "slo.error-rate WARN objective:error-rate",
            "slo.burn-rate * *",
            "incidents.retrospectives FAIL service",  # nobody made an incident of it
            "logs.error-share * module:*",  # where the round's day is the outage's
        ),
    ),
    Fault.FEW_DEPLOYS: Signature("slo.deploy-frequency FAIL objective:deploy-frequency"),
    Fault.TORN_BACKUP: Signature("backups.container FAIL database:history", ("backups.* * database:history",)),
    Fault.LOST_ROWS: Signature(
        "backups.counts FAIL database:kondate",
        ("backups.content FAIL database:kondate", "backups.drill FAIL database:kondate"),
    ),
    Fault.VULNERABLE_DEPENDENCY: Signature(
        "security.dependencies FAIL source", (*_REVIEWED, "security.updates WARN source")
    ),
    Fault.CODE_FINDING: Signature("security.code FAIL source", _REVIEWED),
    Fault.LEAKED_SECRET: Signature("security.secrets FAIL source", _REVIEWED),
    Fault.MISSING_HEADER: Signature("security.headers FAIL *"),
    Fault.STALE_FEED: Signature(
        "security.advisory-feed UNKNOWN *",
        (
            "security.scan UNKNOWN *",
            "security.dependencies UNKNOWN source",
            "security.scanned UNKNOWN *",
            "security.alerts UNKNOWN source",
            "security.updates UNKNOWN source",
        ),
    ),
    Fault.SLOW_MODULE: Signature("load.regression WARN module:shopping", _TESTED, _OTHER_MODULES),
    Fault.LEAKING_DISK: Signature(
        f"capacity.forecast WARN {disk_subject(HOST, UPLOADS)}", ("capacity.* WARN service",)
    ),
    Fault.KNEE: Signature(
        "load.gate FAIL latency p95 users @18",
        (*_TESTED, "load.* * module:users", "load.capacity WARN *", "capacity.headroom *"),
    ),
}
_OF_THE_MACHINE = (
    "resources.* * host",
    "resources.* * host/*",
    "resources.* * container",
    "resources.history WARN *",
    "backups.isolation WARN *",
    *_OTHER_MODULES,  # other work on the machine slows every module down; the planted one is told by its own name
)
"""Findings about the machine that the demo runs on: nobody planted them, and they are true."""
_BAD = (Status.FAIL, Status.WARN, Status.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Finding:
    """A result that is not good, and the report that has it."""

    report: Report
    result: CheckResult


@dataclass(frozen=True, slots=True)
class Comparison:
    """Planted faults and found ones, findings that no found fault explains, and those about this machine.

    `found_by` has the findings of each found fault, `unmeasured` the guide's items for which nothing was measured.
    """

    planted: frozenset[Fault]
    found_by: Mapping[Fault, tuple[Finding, ...]]
    unexplained: tuple[Finding, ...]
    machine: tuple[Finding, ...]
    unmeasured: tuple[Message, ...]

    @property
    def found(self) -> frozenset[Fault]:
        """The faults that were found."""
        return frozenset(self.found_by)

    @property
    def exact(self) -> bool:
        """True when exactly the planted set was found, by rounds that measured something of every item.

        Items that the service file leaves out are none.
        """
        return self.planted == self.found and not self.unexplained and not self.unmeasured


def compare(planted: Iterable[Fault], *reports: Report) -> Comparison:
    """What rounds found against what was planted."""
    planted = frozenset(planted)
    findings = [Finding(report, r) for report in reports for r in report.results if r.status in _BAD]
    absent = [signature for fault, signature in SIGNATURES.items() if fault not in planted]
    machine = tuple(
        f for f in findings if _matches(f.result, *_OF_THE_MACHINE) or any(_with_its_controls(f, s) for s in absent)
    )
    others = [f for f in findings if f not in machine]
    matching = {fault: tuple(f for f in others if _matches(f.result, s.found_by)) for fault, s in SIGNATURES.items()}
    found = {fault: by for fault, by in matching.items() if by}
    explained = [pattern for fault in found for pattern in (SIGNATURES[fault].found_by, *SIGNATURES[fault].brings)]
    unexplained = tuple(f for f in others if not _matches(f.result, *explained))
    return Comparison(planted, found, unexplained, machine, _unmeasured(reports))


def _with_its_controls(finding: Finding, signature: Signature) -> bool:
    return _matches(finding.result, signature.found_by) and any(
        r.status in _BAD and _matches(r, *signature.controls) for r in finding.report.results
    )


def _unmeasured(reports: Sequence[Report]) -> tuple[Message, ...]:
    measured = [({r.check for r in report.results if r.status.measured}, report.lines) for report in reports]
    return tuple(
        line.text
        for checks, lines in measured
        for line in lines
        if line.verdict is not Verdict.NOT_APPLICABLE
        and not any(fnmatchcase(check, pattern) for check in checks for pattern in line.checks)
    )


def _matches(result: CheckResult, *patterns: str) -> bool:
    return any(fnmatchcase(f"{result.check} {result.status} {result.subject}", pattern) for pattern in patterns)
