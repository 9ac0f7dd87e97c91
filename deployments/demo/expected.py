"""Which check finds which fault of the demo: the demo passes only if the planted set, and nothing else, was found."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from deployments.demo.faults import Fault
from reports.report import Report
from tasks.check_result import CheckResult, Status
from tasks.guide.judge import Verdict


@dataclass(frozen=True, slots=True)
class Signature:
    """`found_by` is the finding that names the fault; `brings` are findings that may come with it.

    Each is a pattern over `check status subject`.
    """

    found_by: str
    brings: tuple[str, ...] = ()


SIGNATURES = {
    Fault.ERRORS: Signature("health.errors FAIL * /api/shopping/*", ("health.latency * /api/shopping/*",)),
    Fault.LATENCY: Signature("health.latency FAIL * /api/ingredients*"),
    Fault.HANG: Signature("health.errors FAIL * /api/users*", ("health.latency FAIL * /api/users*",)),
    Fault.COMPONENT_DOWN: Signature(
        "health.readiness FAIL *", ("health.status FAIL *", "health.component FAIL */component:cache")
    ),
    Fault.HTML_HEALTH: Signature(
        "health.status UNKNOWN *", ("health.component UNKNOWN *", "health.version UNKNOWN service")
    ),
    Fault.FLAP: Signature("health.liveness FAIL *"),
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Planted faults and found ones, findings that no found fault explains, and how the round ended."""

    planted: frozenset[Fault]
    found: frozenset[Fault]
    unexplained: tuple[CheckResult, ...]
    verdict: Verdict

    @property
    def exact(self) -> bool:
        """True when exactly the planted set was found; nothing is only found by a round that looked and passed."""
        looked = bool(self.planted) or self.verdict is Verdict.PASSED
        return looked and self.planted == self.found and not self.unexplained


def compare(planted: Iterable[Fault], report: Report) -> Comparison:
    """Hold what a round found against what was planted."""
    findings = [r for r in report.results if r.status not in (Status.PASS, Status.SKIPPED)]
    found = frozenset(f for f, s in SIGNATURES.items() if any(_matches(s.found_by, r) for r in findings))
    explained = [pattern for f in found for pattern in (SIGNATURES[f].found_by, *SIGNATURES[f].brings)]
    unexplained = tuple(r for r in findings if not any(_matches(pattern, r) for pattern in explained))
    return Comparison(frozenset(planted), found, unexplained, report.verdict)


def _matches(pattern: str, result: CheckResult) -> bool:
    return fnmatchcase(f"{result.check} {result.status} {result.subject}", pattern)
