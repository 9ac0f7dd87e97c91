"""Every set of planted faults differs from every other, with the findings that the real judges make of it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from functools import cache
from hashlib import sha256
from itertools import combinations

import pytest

from deployments.demo.expected import SIGNATURES, compare
from deployments.demo.faults import DEFAULT_FAULTS, Fault, service_name
from flows.daily_checklist import CHECKLIST
from reports.report import Report
from tasks.check_result import CheckResult, Status, msg, verbatim
from tasks.database.facts import Connections
from tasks.database.judge import judge_connections
from tasks.database.limits import DatabaseLimits
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
from tasks.logs.count.batch import Exemplar, Lines
from tasks.logs.facts import (
    ErrorGroup,
    LogReview,
    ModuleLines,
    PersonalData,
    SecurityHour,
    SourceLines,
    SourceRead,
)
from tasks.logs.judge.errors import judge_errors
from tasks.logs.judge.modules import (
    judge_error_share,
    judge_personal_data,
    judge_refused_requests,
    judge_silent_modules,
)
from tasks.logs.judge.sources import judge_malformed, judge_sources
from tasks.logs.limits import LogLimits
from tasks.observation import Unobserved
from tasks.resources.facts import Cpu, Memory
from tasks.resources.judge import judge_cpu, judge_memory
from tasks.resources.limits import ResourceLimits

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LIMITS = HealthLimits()
COMPONENTS = ("database", "cache", "external", "disk")


def _subsets(faults: Sequence[Fault]) -> list[frozenset[Fault]]:
    return [frozenset(some) for size in range(len(faults) + 1) for some in combinations(faults, size)]


NOT_DAILY = ("slo.", "backups.", "security.", "load.", "capacity.")
DAILY = tuple(fault for fault in Fault if not SIGNATURES[fault].found_by.startswith(NOT_DAILY))
SUBSETS = _subsets(DAILY)


def sampled(wanted: int, *turns: Answer) -> Sampled:
    return Sampled(tuple(turns[place % len(turns)] for place in range(wanted)), wanted)


def hanging(wanted: int) -> Sampled:
    return Sampled((Answer(None, 2000.0, msg("No response within {seconds} s", seconds=2.0)),) * 3, wanted)


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


MODULES = ("ingredients", "shopping", "users")
COUNTED = Lines(lines=3000, parsed=2900, malformed=3, ignored=97, requests=2800, timed=2800)


def group(module: str, name: str, *, known: bool) -> ErrorGroup:
    first = NOW - timedelta(days=30) if known else NOW - timedelta(minutes=1)
    return ErrorGroup(
        fingerprint=sha256(f"{module} {name}".encode()).hexdigest()[:32],
        module=module,
        name=name,
        message="<*>",
        frame="",
        exemplar=Exemplar("", "", "error", "", ""),
        first_seen=first,
        last_seen=NOW,
        first_release="",
        last_release="",
        state="open",
        resolved_at=None,
        resolved_release="",
        assignee="",
        lines=9,
        lines_since_fix=0,
        daily=(9,) * 28 if known else (0,) * 28,
    )


def module_lines(name: str, faults: frozenset[Fault]) -> ModuleLines:
    silent = name == "shopping" and Fault.SILENT_MODULE in faults
    bad = 14 if name == "shopping" and Fault.ERRORS in faults and not silent else 0
    return ModuleLines(
        name,
        lines=2000,
        errors=9 + bad,
        warnings=20,
        valid=2000,
        bad=bad,
        recent_lines=0 if silent else 160,
        usual_lines=80.0,
        usual_day_lines=2000.0,
        days=7,
    )


def source_lines(name: str) -> SourceLines:
    return SourceLines(
        name,
        COUNTED,
        hours=(),
        fields={},
        newest=NOW,
        newest_step_min=1,
        ahead=0,
        samples=(),
        damaged=(),
        synthetic=name == "history",
    )


def log_review(faults: frozenset[Fault]) -> LogReview:
    """What the logs tell of planted faults; a module that is silent tells nothing of its errors."""
    modules = [module_lines(name, faults) for name in MODULES]
    errors = [group(name, "Known", known=True) for name in MODULES]
    if any(module.bad for module in modules):
        errors.append(group("shopping", "PriceLookupError", known=False))
    probes = [name for name in ("component-down", "flap") if Fault(name) in faults]
    if probes:
        errors += [group("health", name, known=False) for name in probes]
        modules.append(
            ModuleLines(
                "health",
                lines=24,
                errors=24,
                warnings=0,
                valid=24,
                bad=24,
                recent_lines=24,
                usual_lines=None,
                usual_day_lines=None,
                days=0,
            )
        )
    if Fault.NEW_ERROR in faults:
        errors.append(group("ingredients", "PriceRounding20261124Error", known=False))
    personal = [PersonalData("users", kind, 42) for kind in ("card", "e-mail") if Fault.PERSONAL_DATA in faults]
    sources = [source_lines(name) for name in ("service", "history")]
    return LogReview(
        since=NOW - timedelta(hours=24),
        until=NOW,
        warm_days=28,
        sources=tuple(sources),
        modules=tuple(modules),
        errors=tuple(errors),
        personal=tuple(personal),
        security=(SecurityHour(NOW - timedelta(hours=1), 4, 1),),
        security_daily=(90,) * 28,
    )


def logs(faults: frozenset[Fault]) -> Iterator[CheckResult]:
    review, limits = log_review(faults), LogLimits()
    read: dict[str, SourceRead | Unobserved] = {name: SourceRead(name, 10, ()) for name in ("service", "history")}
    yield from judge_sources(read, review, dict.fromkeys(read, ()), limits, NOW)
    yield from judge_malformed(review, limits, NOW)
    yield from judge_error_share(review, limits, NOW)
    yield from judge_errors(review, limits, NOW)
    yield from judge_silent_modules(review, MODULES, limits, NOW)
    yield from judge_personal_data(review, limits, NOW)
    yield judge_refused_requests(review, limits, NOW)


BUSY = judge_cpu(Cpu(99.0, 0.0, 0.0, 2, 4.0, 2.0), "host", ResourceLimits(), NOW, {})


def resources(faults: frozenset[Fault]) -> Iterator[CheckResult]:
    """A machine that is busy with other things too, and the database."""
    used = 96 if Fault.FULL_POOL in faults else 11
    yield BUSY
    yield judge_memory(Memory(1000, 20), "container", ResourceLimits(), NOW)
    yield judge_connections(Connections(used, 97, (("idle", used),)), DatabaseLimits(), NOW)


def health_results(faults: frozenset[Fault]) -> Iterator[CheckResult]:
    """What a round on two instances finds when these faults are planted."""
    fine, bad = Answer(200, 5.0), Answer(503, 5.0)
    reports = dict.fromkeys("ab", health(faults))
    seen: dict[str, Sampled | Unobserved] = {}
    for name, report in reports.items():
        yield judge_liveness(sampled(5, *((fine, bad) if Fault.FLAP in faults else (fine,))), name, HealthLimits(), NOW)
        yield judge_readiness(sampled(5, bad if Fault.COMPONENT_DOWN in faults else fine), name, HealthLimits(), NOW)
        yield judge_status(report, name, LIMITS, NOW)
        yield from judge_components(report, COMPONENTS, name, LIMITS, NOW)
        slow = Answer(200, 310.0) if Fault.LATENCY in faults else fine
        errors = (fine, fine, Answer(500, 5.0)) if Fault.ERRORS in faults else (fine,)
        seen[f"{name} /api/ingredients"] = sampled(21, slow)
        seen[f"{name} /api/shopping/lists"] = sampled(21, *errors)
        seen[f"{name} /api/users"] = hanging(21) if Fault.HANG in faults else sampled(21, fine)
    yield from judge_requests(seen, LIMITS, NOW)
    yield judge_version(reports, NOW, LIMITS)


OF_HEALTH = tuple(f for f in DAILY if not SIGNATURES[f].found_by.startswith(("logs.", "resources.")))


@cache
def of_health(faults: frozenset[Fault]) -> tuple[CheckResult, ...]:
    """The same once, for all sets of which these are the faults of health."""
    return tuple(health_results(faults))


def results(faults: frozenset[Fault]) -> tuple[CheckResult, ...]:
    """Everything that a round finds when these faults are planted."""
    return (*of_health(faults.intersection(OF_HEALTH)), *logs(faults), *resources(faults))


def report(found: tuple[CheckResult, ...]) -> Report:
    lines = judge_lines([system.line for system in CHECKLIST.systems], found)
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


@cache
def reported(planted: frozenset[Fault]) -> Report:
    """The report of a round in which these faults are planted."""
    return report(results(planted))


def test_every_fault_has_a_signature() -> None:
    assert set(SIGNATURES) == set(Fault)
    assert len(SUBSETS) == 1024


@pytest.mark.parametrize("most", range(len(Fault) + 1))
def test_exactly_the_planted_set_is_found_and_no_other(most: int) -> None:
    for planted in (faults for faults in SUBSETS if len(faults) == most):
        comparison = compare(planted, reported(planted))
        assert (comparison.exact, comparison.found, comparison.unexplained) == (True, planted, ())
        assert {(f.result.check, f.result.subject) for f in comparison.machine} == {
            ("resources.cpu", "host"),
            ("resources.memory", "container"),
        }
        others = (planted ^ {fault} for fault in Fault)
        assert not any(replace(comparison, planted=other).exact for other in others)


@pytest.mark.parametrize("status", [Status.WARN, Status.FAIL, Status.UNKNOWN])
def test_a_finding_that_no_planted_fault_explains_is_not_exact(status: Status) -> None:
    first = reported(frozenset()).results[0]
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
    for planted in (faults for faults in SUBSETS if len(faults) in (0, 1, 9, 10)):
        comparison = compare(planted, report((*reported(planted).results, stranger)))
        explained = status is Status.UNKNOWN and Fault.HTML_HEALTH in planted
        assert comparison.exact is explained


def test_a_component_other_than_the_planted_one_is_not_explained() -> None:
    planted = frozenset({Fault.COMPONENT_DOWN})
    body = HealthBody("unhealthy", "1.4.2", NOW, (Component("database", "unhealthy", 2.0),))
    down = judge_components(HealthReport(Answer(503, 5.0), body), (), "a", LIMITS, NOW)
    comparison = compare(planted, report((*reported(planted).results, *down)))
    assert (comparison.exact, tuple(f.result for f in comparison.unexplained)) == (False, down)


def test_what_was_skipped_is_no_finding() -> None:
    skipped = judge_liveness(None, "a", HealthLimits(), NOW)
    assert skipped.status is Status.SKIPPED
    assert compare((), report((*reported(frozenset()).results, skipped))).exact


@pytest.mark.parametrize("line", ["health.*", "logs.*", "resources.*"])
def test_nothing_is_not_found_by_a_round_that_did_not_look_at_a_line(line: str) -> None:
    whole = reported(frozenset()).results
    assert compare((), report(whole)).exact
    blind = compare((), report(tuple(r for r in whole if not fnmatch(r.check, line))))
    assert not blind.exact and len(blind.unmeasured) == 1
    skipped = tuple(replace(r, status=Status.SKIPPED) if fnmatch(r.check, line) else r for r in whole)
    assert not compare((), report(skipped)).exact
    assert not compare((), report(())).exact


def test_the_same_check_of_the_service_is_not_taken_for_the_machines() -> None:
    elsewhere = replace(BUSY, subject="db1.example")
    comparison = compare((), report((*reported(frozenset()).results, elsewhere)))
    assert (comparison.exact, [f.result for f in comparison.unexplained]) == (False, [elsewhere])


def slower(*modules: str) -> Report:
    """The report of a load test in which these modules were slower than before."""
    whole = reported(frozenset())
    bad = (replace(BUSY, check="load.regression", subject=f"module:{m}", status=Status.WARN) for m in modules)
    return report((*whole.results, *bad))


@pytest.mark.parametrize("planted", [frozenset[Fault](), frozenset({Fault.SLOW_MODULE})], ids=["none", "slow module"])
def test_a_machine_that_slows_every_module_down_is_no_planted_fault(planted: frozenset[Fault]) -> None:
    assert compare(planted, slower("ingredients", "shopping", "users")).exact
    alone = compare(planted, slower("shopping"))
    assert alone.found == {Fault.SLOW_MODULE} and alone.exact is bool(planted)
    assert compare(planted, slower("users")).exact is not bool(planted)
    in_two = compare(planted, slower("users"), slower("shopping"))
    assert in_two.found == {Fault.SLOW_MODULE}, "a control holds for its own load test"


def test_an_error_that_came_a_second_day_is_still_explained() -> None:
    planted = frozenset({Fault.ERRORS})
    again = replace(group("shopping", "PriceLookupError", known=True), lines=14, daily=(*(0,) * 27, 1))
    spiking = judge_errors(replace(log_review(frozenset()), errors=(again,)), LogLimits(), NOW)
    assert any(r.check == "logs.spiking-error" and r.status is Status.WARN for r in spiking)
    assert compare(planted, report((*reported(planted).results, *spiking))).exact


def test_a_set_of_faults_is_a_service_of_its_own() -> None:
    names = {faults: service_name(faults) for faults in SUBSETS}
    assert len(set(names.values())) == len(SUBSETS)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", name) for name in names.values())
    assert service_name(DEFAULT_FAULTS) == "kondate" and "kondate" not in names.values()
    assert service_name({Fault.OUTAGE}) == "kondate-outage"
    assert names[frozenset({Fault.HANG, Fault.FLAP})] == "kondate-flap-hang"
    assert names[frozenset()] == "kondate-healthy"


def test_a_line_that_the_service_file_leaves_out_need_not_be_measured() -> None:
    whole = reported(frozenset())
    left_out = GuideLine("schedule", verbatim("watch"), ("schedule.*",), not_applicable="nobody monitors the demo")
    for line, exact in ((left_out, True), (replace(left_out, not_applicable=None), False)):
        [judged] = judge_lines([line], whole.results)
        assert compare((), replace(whole, lines=(*whole.lines, judged))).exact is exact
