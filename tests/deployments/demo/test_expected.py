"""Every set of planted faults is told from every other, with the findings that the real judges make of it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import combinations

import pytest

from deployments.demo.expected import SIGNATURES, compare
from deployments.demo.faults import Fault
from reports.report import Report
from tasks.check_result import CheckResult, Status, msg
from tasks.guide.judge import judge_lines, judge_round
from tasks.guide.lines import GuideLine
from tasks.health.facts import Answer, Component, HealthBody, HealthReport, Sampled
from tasks.health.judge import (
    judge_components,
    judge_liveness,
    judge_readiness,
    judge_requests,
    judge_status,
    judge_version,
)
from tasks.health.limits import HealthLimits
from tasks.observation import Unobserved

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LIMITS = HealthLimits()
COMPONENTS = ("database", "cache", "external", "disk")
SUBSETS = [frozenset(some) for size in range(len(Fault) + 1) for some in combinations(Fault, size)]


def sampled(wanted: int, *turns: Answer) -> Sampled:
    return Sampled(tuple(turns[place % len(turns)] for place in range(wanted)), wanted)


def hanging(wanted: int) -> Sampled:
    return Sampled((Answer(None, 2000.0, msg("no answer within {seconds} s", seconds=2.0)),) * 3, wanted)


def health(faults: frozenset[Fault]) -> HealthReport:
    if Fault.HTML_HEALTH in faults:
        kind = msg("The health report is not JSON but {kind}", kind="text/html")
        return HealthReport(Answer(200, 5.0), Unobserved(kind))
    down = Fault.COMPONENT_DOWN in faults
    components = tuple(
        Component(name, "unhealthy" if down and name == "cache" else "healthy", 2.0) for name in COMPONENTS
    )
    body = HealthBody("unhealthy" if down else "healthy", "1.4.2", NOW, components)
    return HealthReport(Answer(503 if down else 200, 5.0), body)


def results(faults: frozenset[Fault]) -> Iterator[CheckResult]:
    """What a round on two instances finds when these faults are planted."""
    fine, bad = Answer(200, 5.0), Answer(503, 5.0)
    reports = dict.fromkeys("ab", health(faults))
    seen: dict[str, Sampled | Unobserved] = {}
    for name, report in reports.items():
        yield judge_liveness(sampled(5, *((fine, bad) if Fault.FLAP in faults else (fine,))), name, NOW)
        yield judge_readiness(sampled(5, bad if Fault.COMPONENT_DOWN in faults else fine), name, NOW)
        yield judge_status(report, name, LIMITS, NOW)
        yield from judge_components(report, COMPONENTS, name, LIMITS, NOW)
        slow = Answer(200, 310.0) if Fault.LATENCY in faults else fine
        errors = (fine, fine, Answer(500, 5.0)) if Fault.ERRORS in faults else (fine,)
        seen[f"{name} /api/ingredients"] = sampled(21, slow)
        seen[f"{name} /api/shopping/lists"] = sampled(21, *errors)
        seen[f"{name} /api/users"] = hanging(21) if Fault.HANG in faults else sampled(21, fine)
    yield from judge_requests(seen, LIMITS, NOW)
    yield judge_version(reports, NOW, LIMITS)


def report(found: tuple[CheckResult, ...]) -> Report:
    lines = judge_lines([GuideLine("health", msg("Confirm the health check"), ("health.*",))], found)
    return Report(
        service="kondate",
        environment="demo",
        timezone="Asia/Tokyo",
        flow="daily-checklist",
        period="2026-11-24",
        revision=1,
        trigger="hand",
        started_at=NOW,
        finished_at=NOW,
        verdict=judge_round(lines, found),
        lines=lines,
        results=found,
        kpis=(),
        actions=(),
        previous=None,
    )


REPORTS = {faults: report(tuple(results(faults))) for faults in SUBSETS}


def test_every_fault_has_a_signature() -> None:
    assert set(SIGNATURES) == set(Fault)
    assert len(REPORTS) == 64


@pytest.mark.parametrize("planted", SUBSETS, ids=lambda faults: "+".join(sorted(faults)) or "none")
def test_exactly_the_planted_set_is_found_and_no_other(planted: frozenset[Fault]) -> None:
    comparison = compare(planted, REPORTS[planted])
    assert (comparison.exact, comparison.found, comparison.unexplained) == (True, planted, ())
    assert [other for other in SUBSETS if compare(other, REPORTS[planted]).exact] == [planted]


@pytest.mark.parametrize("status", [Status.WARN, Status.FAIL, Status.UNKNOWN])
def test_a_finding_that_no_planted_fault_explains_is_not_exact(status: Status) -> None:
    first = REPORTS[frozenset()].results[0]
    stranger = CheckResult(
        check="health.version",
        title=first.title,
        subject="service",
        status=status,
        severity=first.severity,
        reason=first.reason,
        observed=first.observed,
        limit=first.limit,
        observed_at=NOW,
    )
    for planted in SUBSETS:
        comparison = compare(planted, report((*REPORTS[planted].results, stranger)))
        explained = status is Status.UNKNOWN and Fault.HTML_HEALTH in planted
        assert comparison.exact is explained


def test_a_component_other_than_the_planted_one_is_not_explained() -> None:
    planted = frozenset({Fault.COMPONENT_DOWN})
    body = HealthBody("unhealthy", "1.4.2", NOW, (Component("database", "unhealthy", 2.0),))
    down = judge_components(HealthReport(Answer(503, 5.0), body), (), "a", LIMITS, NOW)
    comparison = compare(planted, report((*REPORTS[planted].results, *down)))
    assert (comparison.exact, comparison.unexplained) == (False, down)


def test_what_was_skipped_is_no_finding() -> None:
    skipped = judge_liveness(None, "a", NOW)
    assert skipped.status is Status.SKIPPED
    assert compare((), report((*REPORTS[frozenset()].results, skipped))).exact


def test_nothing_is_not_found_by_a_round_that_looked_at_nothing() -> None:
    assert not compare((), report(())).exact
    assert not compare((), report((judge_liveness(None, "a", NOW),))).exact
