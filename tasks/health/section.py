"""Health check: is the service alive, ready, healthy and quick, on every instance?"""

from contextlib import AsyncExitStack
from typing import Final

from tasks.check_result import CheckResult, msg
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
                judge_liveness(live, instance.name, now),
                judge_readiness(ready, instance.name, now),
                judge_status(report, instance.name, health.limits, now),
                *judge_components(report, health.components, instance.name, health.limits, now),
            ]
            for path in health.requests:
                sampled[f"{instance.name} {path}"] = await _sample(run, target, path, health.samples)
    results += judge_requests(sampled, health.limits, run.now())
    results.append(judge_version(reports, run.now(), health.limits))
    answered = Kpi("health.answered", msg("Sampled requests without a server error"), answered_percent(sampled), "%")
    slowest = Kpi("health.p95", msg("Slowest p95"), slowest_p95_ms(sampled), "ms")
    return Section(tuple(results), (answered, slowest))


async def _probe(run: Round, target: Target, path: str | None) -> Sampled | Unobserved | None:
    return None if path is None else await _sample(run, target, path, PROBES - 1)


async def _sample(run: Round, target: Target, path: str, samples: int) -> Sampled | Unobserved:
    return await seen(read_answers(target, path, samples)) if run.past is None else run.past


async def _report(run: Round, target: Target, path: str | None) -> HealthReport | Unobserved | None:
    if path is None:
        return None
    return await seen(read_health(target, path)) if run.past is None else run.past


HEALTH: Final = System(LINE, CHECKS, health_check)
