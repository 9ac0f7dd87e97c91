"""Resource usage: does anything that the service uses up come to its end?"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from tasks.bounds import not_measured
from tasks.check_result import CheckResult, msg
from tasks.database.checks import CHECKS as DATABASE
from tasks.database.judge import judge_database, size_gb
from tasks.database.limits import DatabaseLimits
from tasks.kpi.checks import CHECKS as NUMBERS
from tasks.kpi.judge import judge_kpis, judge_queues
from tasks.observation import Absent, Unobserved
from tasks.resources.checks import CHECKS as RESOURCES
from tasks.resources.checks import CONTAINER_CHECKS, DISK, HOST_CHECKS, LINE, MEMORY
from tasks.resources.facts import Container, HistoryGrowth, Host
from tasks.resources.judge import (
    Samples,
    busiest_percent,
    judge_container_cpu,
    judge_container_memory,
    judge_cpu,
    judge_disks,
    judge_history,
    judge_memory,
    judge_network,
    judge_oom,
    judge_pressure,
    judge_swap,
    megabytes,
)
from tasks.resources.limits import ResourceLimits
from tasks.resources.look import HOST, ResourceObservation, all_unobserved, look_at_resources
from tasks.resources.readings import CONTAINER
from tasks.resources.store import read_day, read_growth
from tasks.round import Round, System
from tasks.samples.roll_up import keep_days
from tasks.section import Kpi, Section, highest_figure

_SAMPLED = ("cpu.used", "oom.kills")
"""Readings that are judged by their samples of the last 24 hours too, not by one moment alone."""


async def resource_usage(run: Round) -> Section:
    """Look at machines, container, database, queues and business KPIs, judge what was seen, and keep the day before."""
    settings, past = run.settings, run.past
    seen = await look_at_resources(settings) if past is None else all_unobserved(settings, past)
    now = run.now()
    history, service = run.history, run.key.service
    known = {name: await asyncio.to_thread(read_day, history, service, name, now) for name in _SAMPLED}
    limits = ResourceLimits() if settings.resources is None else settings.resources.limits
    of_database = DatabaseLimits() if settings.database is None else settings.database.limits
    kept = settings.history.keep_minutes_days
    grown: HistoryGrowth | Unobserved | None = past
    if grown is None:
        grown = await asyncio.to_thread(read_growth, history, service, kept, now)
    results = (
        *_judge_hosts(seen.hosts, limits, now, known),
        *_judge_container(seen.container, limits, now, known),
        judge_history(grown, limits, now),
        *judge_database(seen.database, of_database, now),
        *judge_queues(settings.queues, seen.numbers, now),
        *judge_kpis(settings.kpi, seen.numbers, now),
    )
    await keep_days(run)
    size = None if isinstance(grown, Unobserved) else megabytes(grown.total_bytes)
    history_size = Kpi("resources.history", msg("Size of the history"), size, "MB")
    return Section(results, (*_headlines(results, seen), history_size))


def _judge_hosts(
    seen: Mapping[str, Host | Unobserved] | Unobserved | Absent,
    limits: ResourceLimits,
    now: datetime,
    samples: Mapping[str, Samples],
) -> list[CheckResult]:
    if isinstance(seen, Unobserved | Absent):
        return [not_measured(check, seen, HOST, now) for check in HOST_CHECKS]
    results: list[CheckResult] = []
    for name, host in seen.items():
        if isinstance(host, Unobserved):
            results += [not_measured(check, host, name, now) for check in HOST_CHECKS]
            continue
        results += [
            judge_cpu(host.cpu, name, limits, now, samples.get("cpu.used", {}), host.name),
            judge_pressure(host.pressure, name, limits, now),
            judge_memory(host.memory, name, limits, now),
            judge_swap(host.swap, name, limits, now),
            *judge_disks(host.disks, name, limits, now),
            judge_network(host.network, name, limits, now),
            judge_oom(host.oom, name, limits, now, samples.get("oom.kills", {})),
        ]
    return results


def _judge_container(
    seen: Container | Unobserved | Absent, limits: ResourceLimits, now: datetime, samples: Mapping[str, Samples]
) -> list[CheckResult]:
    if isinstance(seen, Unobserved | Absent):
        return [not_measured(check, seen, CONTAINER, now) for check in CONTAINER_CHECKS]
    return [
        judge_container_cpu(seen.cpu, CONTAINER, limits, now),
        judge_container_memory(seen.memory, CONTAINER, limits, now),
        judge_oom(seen.oom, CONTAINER, limits, now, samples.get("oom.kills", {})),
    ]


def _headlines(results: tuple[CheckResult, ...], seen: ResourceObservation) -> tuple[Kpi, ...]:
    hosts = seen.hosts.values() if isinstance(seen.hosts, Mapping) else ()
    return (
        Kpi("resources.cpu", msg("Highest CPU usage"), busiest_percent(hosts), "%"),
        Kpi("resources.memory", msg("Highest memory usage"), highest_figure(results, MEMORY), "%"),
        Kpi("resources.disk", msg("Highest disk usage"), highest_figure(results, DISK), "%"),
        Kpi("resources.database-size", msg("Database size"), size_gb(seen.database), "GB"),
    )


RESOURCE_USAGE: Final = System(LINE, (*RESOURCES, *DATABASE, *NUMBERS), resource_usage)
