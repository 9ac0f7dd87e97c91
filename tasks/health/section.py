"""Health check: is the service alive, ready, healthy and quick, on every instance?"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Final

from tasks.check_result import CheckResult, Message, Table, msg
from tasks.health.certificates import judge_certificates
from tasks.health.checks import CHECKS, LINE
from tasks.health.facts import HealthReport, Sampled
from tasks.health.judge import (
    answered_percent,
    judge_components,
    judge_liveness,
    judge_readiness,
    judge_requests,
    judge_status,
    judge_version,
    slowest_p95_ms,
)
from tasks.health.look import open_instance
from tasks.health.observe import Target, read_answers, read_health
from tasks.health.settings import PROBES, Health
from tasks.observation import Unobserved, seen
from tasks.round import Round, System
from tasks.section import Kpi, Section
from tasks.settings import Instance

_MOST_NOTED = 10
"""So many addresses stand in the note at the head of a report; the table has all."""


async def health_check(run: Round) -> Section:
    """Look at every instance, one after another so that no look disturbs a latency, and judge what was seen."""
    settings = run.settings
    health = settings.health or Health()
    results: list[CheckResult] = []
    reports: dict[str, HealthReport | Unobserved | None] = {}
    sampled: dict[str, Sampled | Unobserved] = {}
    async with AsyncExitStack() as stack:
        for instance in settings.targets():
            target = await stack.enter_async_context(open_instance(settings, instance))
            live = await _probe(run, target, health.live)
            ready = await _probe(run, target, health.ready)
            report = reports[instance.name] = await _report(run, target, health.report)
            now = run.now()
            results += [
                judge_liveness(live, instance.name, health.limits, now),
                judge_readiness(ready, instance.name, health.limits, now),
                judge_status(report, instance.name, health.limits, now),
                *judge_components(report, health.components, instance.name, health.limits, now),
            ]
            for path in health.requests:
                sampled[f"{instance.name} {path}"] = await _sample(run, target, path, health.samples)
    results += judge_requests(sampled, health.limits, run.now())
    results += await judge_certificates(run)
    version = judge_version(reports, run.now(), health.limits)
    results.append(replace(version, evidence=(*version.evidence, _addresses(settings.targets()))))
    answered = Kpi("health.answered", msg("Test requests without a server error"), answered_percent(sampled), "%")
    slowest = Kpi("health.p95", msg("Slowest response time (p95)"), slowest_p95_ms(sampled), "ms")
    return Section(tuple(results), (answered, slowest), _address_note(settings.instances))


def _addresses(instances: Sequence[Instance]) -> Table:
    rows = tuple((instance.name, instance.base_url) for instance in instances)
    return Table(msg("Instances"), (msg("Instance"), msg("Address")), rows)


def _address_note(instances: Sequence[Instance]) -> tuple[Message, ...]:
    """Where each instance is, as results name it only by its short name; nothing without [[instances]]."""
    if not instances:
        return ()
    shown = ", ".join(f"{instance.name} {instance.base_url}" for instance in instances[:_MOST_NOTED])
    if more := len(instances) - len(instances[:_MOST_NOTED]):
        return (msg("Instances: {addresses} and {more} more", addresses=shown, more=more),)
    return (msg("Instances: {addresses}", addresses=shown),)


async def _probe(run: Round, target: Target, path: str | None) -> Sampled | Unobserved | None:
    return None if path is None else await _sample(run, target, path, PROBES - 1)


async def _sample(run: Round, target: Target, path: str, samples: int) -> Sampled | Unobserved:
    return await seen(read_answers(target, path, samples)) if run.past is None else run.past


async def _report(run: Round, target: Target, path: str | None) -> HealthReport | Unobserved | None:
    if path is None:
        return None
    return await seen(read_health(target, path)) if run.past is None else run.past


HEALTH: Final = System(LINE, CHECKS, health_check)
