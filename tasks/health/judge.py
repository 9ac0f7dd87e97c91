"""Judges what was seen of a service's health by the limits."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from tasks.check_result import (
    Chart,
    Check,
    CheckResult,
    Evidence,
    Limit,
    Message,
    Quantity,
    Scalar,
    Status,
    Table,
    msg,
)
from tasks.health.checks import COMPONENT, ERRORS, LATENCY, LIVENESS, READINESS, STATUS, VERSION
from tasks.health.facts import Answer, Component, HealthBody, HealthReport, Sampled
from tasks.health.limits import HealthLimits
from tasks.observation import Unobserved

HEALTHY = frozenset({"healthy", "ok", "up", "pass", "passing", "green", "alive", "ready"})
DEGRADED = frozenset({"degraded", "warn", "warning", "yellow"})

_GUIDE = msg("the guide's daily health check")
_SLI = msg("the guide's SLI table")


def judge_liveness(seen: Sampled | Unobserved | None, subject: str, limits: HealthLimits, now: datetime) -> CheckResult:
    """Alive each time it was asked; None when the service file names no path."""
    return _judge_probe(LIVENESS, seen, subject, limits, now, setting="live")


def judge_readiness(
    seen: Sampled | Unobserved | None, subject: str, limits: HealthLimits, now: datetime
) -> CheckResult:
    """Ready each time it was asked; None when the service file names no path."""
    return _judge_probe(READINESS, seen, subject, limits, now, setting="ready")


def judge_status(
    seen: HealthReport | Unobserved | None, subject: str, limits: HealthLimits, now: datetime
) -> CheckResult:
    """The service's word on itself, together with the HTTP status it was given with."""
    if seen is None:
        return STATUS.judged(Status.SKIPPED, subject, _not_set("report"), at=now)
    limit = Limit("=", "healthy", "", _GUIDE)
    body = _fresh(seen, limits, now)
    if isinstance(body, Unobserved):
        if isinstance(seen, HealthReport) and seen.answer.bad:
            word = _word(seen.answer)
            return STATUS.judged(Status.FAIL, subject, _failed(seen.answer), at=now, observed=word, limit=limit)
        return STATUS.judged(Status.UNKNOWN, subject, body.reason, at=now, limit=limit)
    assert isinstance(seen, HealthReport)
    status = _of_word(body.status) if seen.answer.succeeded else Status.FAIL
    reason = msg("Reports {status} (HTTP {code})", status=_shown(body.status), code=str(seen.answer.status))
    return STATUS.judged(status, subject, reason, at=now, observed=Quantity(body.status), limit=limit)


def judge_components(
    seen: HealthReport | Unobserved | None,
    expected: tuple[str, ...],
    instance: str,
    limits: HealthLimits,
    now: datetime,
) -> tuple[CheckResult, ...]:
    """Every reported component, and every expected one that was not reported."""
    if seen is None:
        return (COMPONENT.judged(Status.SKIPPED, instance, _not_set("report"), at=now),)
    body = _fresh(seen, limits, now)
    if isinstance(body, Unobserved):
        subjects = [f"{instance}/component:{name}" for name in expected] or [instance]
        return tuple(COMPONENT.judged(Status.UNKNOWN, subject, body.reason, at=now) for subject in subjects)
    reported = [component.name for component in body.components]
    results = [
        _judge_component(c, f"{instance}/component:{_numbered(reported, place)}", limits, now)
        for place, c in enumerate(body.components)
    ]
    missing = msg("The health report does not list this component")
    results += [
        COMPONENT.judged(Status.UNKNOWN, f"{instance}/component:{name}", missing, at=now)
        for name in expected
        if name not in reported
    ]
    if not results:
        none = msg("The health report lists no components")
        results = [COMPONENT.judged(Status.SKIPPED, instance, none, at=now)]
    return tuple(results)


def judge_requests(
    seen: Mapping[str, Sampled | Unobserved], limits: HealthLimits, now: datetime
) -> tuple[CheckResult, ...]:
    """Errors and latency of every sampled path; the slowest one carries a chart of all."""
    if not seen:
        return tuple(c.judged(Status.SKIPPED, "service", _not_set("requests"), at=now) for c in (ERRORS, LATENCY))
    measured = _p95s(seen)
    slowest = max(measured, key=lambda subject: measured[subject], default=None)
    errors = [judge_errors(sampled, subject, limits, now) for subject, sampled in seen.items()]
    latencies = [judge_latency(sampled, subject, limits, now) for subject, sampled in seen.items()]
    return (
        *errors,
        *(
            replace(r, evidence=(*r.evidence, _latency_chart(measured, limits))) if r.subject == slowest else r
            for r in latencies
        ),
    )


def judge_errors(seen: Sampled | Unobserved, subject: str, limits: HealthLimits, now: datetime) -> CheckResult:
    """The share of sampled requests that got a server error or no answer."""
    limit = Limit("<", _percent(limits.max_failed_share), "%", _SLI)
    if isinstance(seen, Unobserved):
        return ERRORS.judged(Status.UNKNOWN, subject, seen.reason, at=now, limit=limit)
    bad = [answer for answer in seen.answers if answer.bad]
    share = len(bad) / len(seen.answers)
    status = Status.FAIL if bad and share >= limits.max_failed_share else Status.PASS
    if status is Status.PASS and (doubt := _doubt(seen)):
        evidence = _answers(seen)
        return ERRORS.judged(Status.UNKNOWN, subject, doubt, at=now, limit=limit, evidence=evidence)
    counts = msg("{bad} of {all} requests failed", bad=len(bad), all=len(seen.answers))
    if not bad and (shown := 3 / len(seen.answers)) > limits.max_failed_share:
        # The rule of three: the 95 % bound after n requests without a failure.
        counts = msg(
            "0 of {all} requests failed; with so few requests the error rate is only known to be below {bound} %",
            all=len(seen.answers),
            bound=min(100.0, round(shown * 100, 1)),
        )
    observed = Quantity(_percent(share), "%")
    return ERRORS.judged(status, subject, counts, at=now, observed=observed, limit=limit, evidence=_answers(seen))


def judge_latency(seen: Sampled | Unobserved, subject: str, limits: HealthLimits, now: datetime) -> CheckResult:
    """The share of sampled requests answered in time; one without an answer, or not asked any more, was not.

    Redirects and errors come quicker than what was asked for: too few good answers, and nothing can be in time.
    """
    limit = Limit("≥", _percent(limits.min_share_within_latency), "%", _SLI)
    if isinstance(seen, Unobserved):
        return LATENCY.judged(Status.UNKNOWN, subject, seen.reason, at=now, limit=limit)
    asked = seen.wanted - 1
    if asked < limits.min_latency_samples:
        return LATENCY.judged(Status.UNKNOWN, subject, _too_few(asked, limits), at=now, limit=limit)
    within = sum(a.status is not None and a.ms < limits.max_latency_ms for a in seen.warm)
    share = within / asked
    status = Status.PASS if share >= limits.min_share_within_latency else Status.FAIL
    good = sum(answer.succeeded for answer in seen.warm)
    doubt = _doubt(seen) or (_too_few(good, limits) if good < limits.min_latency_samples else None)
    if status is Status.PASS and doubt:
        return LATENCY.judged(Status.UNKNOWN, subject, doubt, at=now, limit=limit)
    counts: dict[str, Scalar] = {"within": within, "all": asked, "limit": limits.max_latency_ms}
    reason = msg("{within} of {all} requests within {limit} ms", **counts)
    if (p95 := p95_ms(seen)) is not None:
        reason = msg("{within} of {all} requests within {limit} ms; p95 {p95} ms", **counts, p95=p95)
    return LATENCY.judged(status, subject, reason, at=now, observed=Quantity(_percent(share), "%"), limit=limit)


def judge_version(
    seen: Mapping[str, HealthReport | Unobserved | None], now: datetime, limits: HealthLimits
) -> CheckResult:
    """One version on every instance; an instance whose version is not known makes the answer unknown."""
    if any(report is None for report in seen.values()):
        return VERSION.judged(Status.SKIPPED, "service", _not_set("report"), at=now)
    versions = {name: _version(report, limits, now) for name, report in seen.items()}
    limit = Limit("=", 1, "", msg("more than one version means an unfinished deploy"))
    blind = sorted(name for name, version in versions.items() if version is None)
    if blind:
        reason = msg("The version of {instances} is unknown", instances=", ".join(blind))
        return VERSION.judged(Status.UNKNOWN, "service", reason, at=now, limit=limit)
    different = sorted({str(version) for version in versions.values()})
    status = Status.PASS if len(different) == 1 else Status.WARN
    reason = msg("Running: {versions}", versions=", ".join(different))
    rows = tuple((name, version) for name, version in sorted(versions.items()))
    table = Table(msg("Versions"), (msg("Instance"), msg("Version")), rows)
    observed = Quantity(len(different))
    return VERSION.judged(status, "service", reason, at=now, observed=observed, limit=limit, evidence=(table,))


def p95_ms(seen: Sampled) -> float | None:
    """The nearest-rank 95th percentile in ms; None when so many got no answer that it is one of theirs."""
    ordered = sorted(math.inf if answer.status is None else answer.ms for answer in seen.warm)
    p95 = ordered[max(0, -(-len(ordered) * 95 // 100) - 1)] if ordered else math.inf
    return None if p95 == math.inf else p95


def slowest_p95_ms(seen: Mapping[str, Sampled | Unobserved]) -> float | None:
    """The highest p95 of all sampled paths in ms; None when none was measured."""
    return max(_p95s(seen).values(), default=None)


def answered_percent(seen: Mapping[str, Sampled | Unobserved]) -> float | None:
    """The share in % of sampled requests with neither a server error nor silence; None when none was asked."""
    answers = [answer for s in seen.values() if isinstance(s, Sampled) for answer in s.answers]
    return _percent(sum(not answer.bad for answer in answers) / len(answers)) if answers else None


def _p95s(seen: Mapping[str, Sampled | Unobserved]) -> dict[str, float]:
    figures = {key: p95_ms(s) for key, s in seen.items() if isinstance(s, Sampled) and not _doubt(s)}
    return {key: p95 for key, p95 in figures.items() if p95 is not None}


def _latency_chart(p95: Mapping[str, float], limits: HealthLimits) -> Chart:
    slowest = max(p95, key=lambda subject: p95[subject])
    finding = msg(
        "The slowest p95 is {p95} ms at {subject}; the limit is {limit} ms",
        p95=p95[slowest],
        subject=slowest,
        limit=limits.max_latency_ms,
    )
    title = msg("Response time, p95 by path")
    return Chart(title, finding, "ms", tuple(p95), tuple(p95.values()), limits.max_latency_ms)


def _judge_probe(
    check: Check,
    seen: Sampled | Unobserved | None,
    subject: str,
    limits: HealthLimits,
    now: datetime,
    *,
    setting: str,
) -> CheckResult:
    if seen is None:
        return check.judged(Status.SKIPPED, subject, _not_set(setting), at=now)
    limit = Limit("=", 100, "%", _GUIDE)
    if isinstance(seen, Unobserved):
        return check.judged(Status.UNKNOWN, subject, seen.reason, at=now, limit=limit)
    good = sum(answer.succeeded for answer in seen.answers)
    observed = Quantity(_percent(good / len(seen.answers)), "%")
    doubt = _gave_up(seen) if seen.gave_up else seen.unsure(limits.max_report_age_s)
    if good == len(seen.answers) and doubt is not None:
        return check.judged(Status.UNKNOWN, subject, doubt, at=now, limit=limit)
    if good == len(seen.answers):
        reason = msg("{good} of {all} probes succeeded", good=good, all=len(seen.answers))
        return check.judged(Status.PASS, subject, reason, at=now, observed=observed, limit=limit)
    reason = _failed(next(answer for answer in seen.answers if not answer.succeeded))
    if good:
        reason = msg("Flapping: {good} of {all} probes succeeded", good=good, all=len(seen.answers))
    evidence = _answers(seen)
    return check.judged(Status.FAIL, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _judge_component(component: Component, subject: str, limits: HealthLimits, now: datetime) -> CheckResult:
    status = _of_word(component.status)
    if status is not Status.PASS or component.response_ms is None:
        limit = Limit("=", "healthy", "", _GUIDE)
        word = _shown(component.status)
        reason = msg("Reported as {status}", status=word)
        if component.message:
            reason = msg("Reported as {status}: {why}", status=word, why=component.message)
        return COMPONENT.judged(status, subject, reason, at=now, observed=Quantity(component.status), limit=limit)
    limit = Limit("≤", limits.max_component_ms, "ms", msg("opsrounds' default for a component's own check"))
    slow = component.response_ms > limits.max_component_ms
    reason = msg("Healthy but slow") if slow else msg("Healthy")
    status = Status.WARN if slow else Status.PASS
    observed = Quantity(component.response_ms, "ms")
    return COMPONENT.judged(status, subject, reason, at=now, observed=observed, limit=limit)


def _fresh(seen: HealthReport | Unobserved, limits: HealthLimits, now: datetime) -> HealthBody | Unobserved:
    if isinstance(seen, Unobserved):
        return seen
    if (old := seen.answer.unsure(limits.max_report_age_s)) is not None:
        return Unobserved(old)
    body = Unobserved(_failed(seen.answer)) if seen.answer.unexpected_status else seen.body
    if isinstance(body, Unobserved) or body.timestamp is None:
        return body
    age_s = (now - body.timestamp).total_seconds()
    if abs(age_s) <= limits.max_report_age_s:
        return body
    return Unobserved(msg("The health report is not current: it is dated {time}", time=body.timestamp.isoformat()))


def _version(report: HealthReport | Unobserved | None, limits: HealthLimits, now: datetime) -> str | None:
    body = None if report is None else _fresh(report, limits, now)
    return body.version if isinstance(body, HealthBody) else None


def _numbered(names: Sequence[str], place: int) -> str:
    """A component's name, with a number if one before it has the same."""
    before = names[:place].count(names[place])
    return f"{names[place]} #{before + 1}" if before else names[place]


def _of_word(word: str) -> Status:
    if word.lower() in HEALTHY:
        return Status.PASS
    return Status.WARN if word.lower() in DEGRADED else Status.FAIL


def _shown(word: str) -> str:
    """A word from outside within a sentence, where an empty one would leave a hole."""
    return word or '""'


def _failed(answer: Answer) -> Message:
    if answer.error is not None:
        return answer.error
    return msg("HTTP {code}", code=str(answer.status))


def _word(answer: Answer) -> Quantity:
    return Quantity(msg("no complete response") if answer.status is None else f"HTTP {answer.status}")


def _not_set(setting: str) -> Message:
    return msg("[health] {setting} is not set in the service file", setting=setting)


def _doubt(seen: Sampled) -> Message | None:
    """Why a sample cannot show that all is well, whatever its answers."""
    if seen.gave_up:
        return _gave_up(seen)
    codes = [str(answer.status) for answer in seen.answers if answer.unexpected_status]
    if not codes:
        return seen.unsure(math.inf)
    return msg(
        "{n} of {all} requests returned {code}: check the path and the headers",
        n=len(codes),
        all=len(seen.answers),
        code=", ".join(sorted(set(codes))),
    )


def _gave_up(seen: Sampled) -> Message:
    return msg("Stopped after {n} of {all} requests: there was no response", n=len(seen.answers), all=seen.wanted)


def _too_few(samples: int, limits: HealthLimits) -> Message:
    return msg("Only {n} usable responses, {least} are needed", n=samples, least=limits.min_latency_samples)


def _percent(share: float) -> float:
    return round(share * 100, 4)


def _answers(seen: Sampled) -> tuple[Evidence, ...]:
    rows = tuple(
        (place, answer.status or answer.error, answer.ms) for place, answer in enumerate(seen.answers, start=1)
    )
    columns = (msg("No."), msg("HTTP status"), msg("Response time (ms)"))
    return (Table(msg("Responses in order"), columns, rows[:50]),)
